"""The gate judges only by rows that neither side has seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from train_box import Box, make

from mlops_store.looks import looks_before
from mlops_store.records import PastLook
from mlops_tui.worker.training import collect, selection
from mlops_tui.worker.training.leakage import offending
from mlops_tui.worker.training.selection import Rule
from mlops_tui.worker.training.version_files import Training

TOML = """
[project]
name = "series"
[source.days]
path = "data/*.parquet"
key = ["id"]
event_time = "at"
[model.m]
spine = "days"
target = "y"
task = "regression"
metric = "rmse"
columns = ["x"]
[model.m.search]
trials = 1
families = ["ridge"]
cv_folds = 2
[model.m.gate]
checks = ["rmse < champion"]
"""
START = datetime(2024, 1, 1, tzinfo=UTC)


def month(number: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed + number)
    x = rng.normal(size=120)
    at = [START + timedelta(days=30 * number, hours=6 * i) for i in range(120)]
    return pl.DataFrame(
        {"id": [f"{number}-{i}" for i in range(120)], "at": at, "x": x, "y": 2 * x + rng.normal(size=120)}
    )


def series(tmp: Path, months: int) -> Box:
    box = make(tmp, "series", TOML)
    box.admit("days", *[month(k) for k in range(months)], event_time="at")
    return box


def test_later_rows_judge_and_both_sides_are_older(tmp_path: Path) -> None:
    box = series(tmp_path, 2)
    first = box.run("train", "m")
    box.admit("days", month(2), event_time="at")
    second = box.run("train", "m", champion=first.pin(1))
    assert second.code == 0, second.error
    until = second.trained.manifest["training"]["max_event_time"]
    assert until < int((START + timedelta(days=60)).timestamp() * 1000)
    assert second.trained.gate is not None and second.trained.gate.evaluation_rows == 120
    assert second.trained.manifest["training"]["rows"] == 240


def test_a_champion_that_has_seen_the_evaluation_rows_is_refused_with_the_rows(tmp_path: Path) -> None:
    box = series(tmp_path, 2)
    box.admit("days", month(2), event_time="at")
    newer = box.run("train", "m")
    older = {"days": box.versions["days"][0]}
    run = box.run("train", "m", champion=newer.pin(1), sources=older)
    assert run.code == 1 and run.error["code"] == "leakage", run.error
    assert "champion, version 1" in run.error["message"]
    kept = pl.read_parquet(run.folder.artifacts / "leakage" / "evaluation_rows.parquet")
    assert kept.height == 120


ROWS = pl.DataFrame({"__event_time": [10, 20, 30], "__batch": ["a", "b", "b"], "__row": [0, 1, 2]})
HASHED = {"by": "key_hash", "kind": "key_hash", "key": ["id"], "test_share": 0.2}


@pytest.mark.parametrize(
    ("rule", "split", "until", "seen", "rows"),
    [
        ({"by": "time"}, {"by": "time"}, 9, [0, 0, 0], 0),
        ({"by": "time"}, {"by": "time"}, 20, [0, 0, 0], 2),
        ({"by": "time"}, {"by": "time"}, None, [0, 0, 0], 3),
        ({"by": "time"}, {"by": "time"}, 9, [0, 1, 0], 1),
        (HASHED, HASHED, 99, [0, 0, 0], 0),
        (HASHED, {**HASHED, "test_share": 0.3}, 99, [0, 1, 1], 2),
        (HASHED, {"by": "time"}, 5, [1, 0, 0], 1),
    ],
)
def test_what_a_manifest_may_hold(
    rule: dict[str, object], split: dict[str, object], until: int | None, seen: list[int], rows: int
) -> None:
    trained = Training(source="s", batches=["a"], rows=1, window="all", max_event_time=until, split=split)
    assert offending(ROWS, trained, rule, np.array(seen, dtype=bool))[0].height == rows


def test_a_corrected_row_that_moves_past_the_training_does_not_judge(tmp_path: Path) -> None:
    """Its key has trained the champion: another time, in another file, does not make it evidence."""
    box = series(tmp_path, 2)
    champion = box.run("train", "m")
    moved = month(0).head(20).with_columns(pl.col("at") + timedelta(days=65))
    box.admit("days", pl.concat([month(2), moved]), event_time="at")
    run = box.run("train", "m", champion=champion.pin(1))
    assert run.code == 0, run.error
    assert run.trained.gate is not None and run.trained.gate.evaluation_rows == 120
    selection = json.loads((run.folder.artifacts / "selection.json").read_text())
    assert selection["left_out"]["trained the champion"] == 20
    rows = pl.read_parquet(run.folder.artifacts / "evaluation" / "predictions.parquet")
    assert rows.height == 120


def test_the_gate_looks_at_keys_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the selection ever let such a row pass, no verdict is given on it."""
    box = series(tmp_path, 2)
    champion = box.run("train", "m")
    moved = month(0).head(20).with_columns(pl.col("at") + timedelta(days=65))
    box.admit("days", pl.concat([month(2), moved]), event_time="at")
    monkeypatch.setattr(collect, "unseen", lambda worker, frame, trained: np.ones(frame.height, dtype=bool))
    run = box.run("train", "m", champion=champion.pin(1))
    assert run.code == 1 and run.error["code"] == "leakage", run.error
    assert "20 of 140" in run.error["message"] and "by their key" in run.error["message"]


def test_another_share_of_the_same_files_is_another_look_not_a_first_one() -> None:
    rules = [Rule(by="time", key=[], share=share, kind="last_share") for share in (0.2, 0.2001)]
    first, second = (selection.evaluation_key("days", ["a", "b"], rule) for rule in rules)
    assert first == second
    past = [
        PastLook(run_id="1", evaluation_key=first, split_by="time", batches=["a", "b"]),
        PastLook(run_id="2", evaluation_key="other", split_by="time", batches=["b", "c"]),
        PastLook(run_id="2", evaluation_key="again", split_by="time", batches=["b", "c"]),
        PastLook(run_id="3", evaluation_key="hashed", split_by="key_hash", batches=["b"]),
        PastLook(run_id="4", evaluation_key="old"),
    ]
    assert looks_before(past, first, "time", ["a", "b"]) == 2
    assert looks_before(past, "new", "time", ["a", "b", "tiny"]) == 2
    assert looks_before(past, "new", "time", ["d"]) == 0
    assert looks_before(past, "old", "time", ["d"]) == 1


def test_a_tiny_batch_more_does_not_start_the_looks_again(tmp_path: Path) -> None:
    box = make(tmp_path, "series", TOML)
    box.admit("days", month(0), event_time="at")
    first = box.run("train", "m")
    assert first.code == 0, first.error
    gate = first.trained.gate
    assert gate is not None and gate.look == 1 and gate.split_by == "time"
    look = PastLook(
        run_id="x",
        evaluation_key=gate.evaluation_key,
        split_by="time",
        batches=first.trained.evaluation_batches,
    )
    at = [START + timedelta(days=days) for days in (0.01, 10.01, 30)]
    tiny = month(1).head(3).with_columns(pl.Series("at", at, dtype=month(1).schema["at"]))
    box.admit("days", tiny, event_time="at")
    again = box.run("train", "m", looked=[look])
    assert again.code == 0, again.error
    assert again.trained.gate is not None and again.trained.gate.evaluation_key != gate.evaluation_key
    assert again.trained.gate.look == 2
