"""The gate judges only by rows that neither side has seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from train_box import Box, make

from mlops_tui.worker.training.leakage import offending
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
    ("rule", "split", "until", "batches", "rows"),
    [
        ({"by": "time"}, {"by": "time"}, 9, ["a"], 0),
        ({"by": "time"}, {"by": "time"}, 20, [], 2),
        ({"by": "time"}, {"by": "time"}, None, [], 3),
        (HASHED, HASHED, 99, ["a", "b"], 0),
        (HASHED, {**HASHED, "test_share": 0.3}, 99, ["b"], 2),
        (HASHED, {**HASHED, "test_share": 0.3}, 99, ["z"], 0),
        (HASHED, {"by": "time"}, 5, ["a"], 1),
    ],
)
def test_what_a_manifest_may_hold(
    rule: dict[str, object], split: dict[str, object], until: int | None, batches: list[str], rows: int
) -> None:
    trained = Training(source="s", batches=batches, rows=1, window="all", max_event_time=until, split=split)
    assert offending(ROWS, trained, rule)[0].height == rows
