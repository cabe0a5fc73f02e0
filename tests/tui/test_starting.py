"""What a clone says that it changes."""

from __future__ import annotations

from mlops_tui.tui.starting import _differences
from mlops_tui.verbs._shapes import RunDetail


def test_a_clone_names_each_edit_and_what_is_left_out() -> None:
    before = RunDetail(
        run_id="0" * 32, kind="train", name="a", project="p", experiment="", state="FINISHED", created=0, model="m",
        params={"C": 1, "depth": 3, "best.family": "ridge"}, pins={"rows": 1},
    )  # fmt: skip
    same = {"params": {"C": 1, "depth": 3}, "pins": {"rows": 1}}
    assert _differences(before, same) == []
    assert _differences(before, {"params": {"C": 0.1, "lr": 2}, "pins": {}}) == [
        "parameter C: 1 becomes 0.1",
        "parameter depth: 3 becomes that of mlops.toml",
        "parameter lr: that of mlops.toml becomes 2",
        "data rows: 1 becomes the newest",
    ]
