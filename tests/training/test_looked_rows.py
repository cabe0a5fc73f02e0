"""A look counts the rows that count, and says where they are too few to say anything."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from test_leakage import TOML, month
from train_box import make

from mlops_store.records import DriftOutcome
from mlops_tui.worker.statistics import drift


def test_rows_that_are_delivered_again_are_counted_once_and_too_few_cannot_tell(tmp_path: Path) -> None:
    box = make(tmp_path, "series", TOML)
    box.admit("days", month(0), month(1), event_time="at")
    champion = box.run("train", "m").pin(1)
    request = {"source": "days", "champion_version": 1, "trained_version": 1, "since_version": 1}

    def look() -> DriftOutcome:
        run = box.run("drift", "m", champion=champion, request=request)
        assert run.code == 0 and run.outcome.drift is not None, run.error
        return run.outcome.drift

    far = month(2).with_columns(pl.col("x") + 5)
    box.admit("days", far.head(48), event_time="at")
    found = look()
    assert not found.alarm and found.cannot_tell == "48 of 100 rows"
    assert [chunk["cannot_tell"] for chunk in found.chunks] == ["48 of 100 rows"]
    box.admit("days", far, month(3), event_time="at")
    found = look()
    assert found.alarm and found.cannot_tell == "" and found.new_rows == 240
    assert [(chunk["rows"], chunk["alarm"], chunk["cannot_tell"]) for chunk in found.chunks] == [
        (120, True, ""), (120, False, "")
    ]  # fmt: skip
    assert found.superseded == [box.files["days"][2].sha256]
    part = month(3).head(20).with_columns(pl.col("y") + 1)  # corrected, and earlier than the rest of its file
    box.admit("days", part, event_time="at")
    assert [chunk["rows"] for chunk in look().chunks] == [120, 120]


def test_what_could_have_alarmed_can_tell() -> None:
    few = drift.drift_columns(pl.DataFrame({"a": range(300)}), pl.DataFrame({"a": range(48)}))
    assert drift.cannot_tell(few) == "48 of 100 rows"
    few = drift.drift_columns(pl.DataFrame({"a": range(60)}), pl.DataFrame({"a": range(300)}))
    assert drift.cannot_tell(few) == "60 of 100 rows"
    enough = drift.drift_columns(pl.DataFrame({"a": range(300)}), pl.DataFrame({"a": range(100)}))
    assert drift.cannot_tell(enough) == ""
    missing = drift.drift_columns(pl.DataFrame({"a": range(300)}), pl.DataFrame({"b": range(48)}))
    assert drift.cannot_tell(missing) == ""
