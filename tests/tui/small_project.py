"""A project whose training takes seconds: months of loan requests that a logistic regression can learn."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

DAYS, ROWS_A_DAY = 28, 25

TOML = """\
[project]
name = "loans"

[source.requests]
path = "data/*.parquet"
key = ["request"]
event_time = "asked_at"
label_delay = "1d"
late_columns = ["repaid"]

[model.repaid]
spine = "requests"
target = "repaid"
task = "classification"
metric = "roc_auc"
window = "28d"

[model.repaid.search]
trials = 1
families = ["logistic_regression"]
timeout = "20s"

[model.repaid.gate]
checks = ["roc_auc > champion", "roc_auc >= naive + 0.05"]
cluster = "day"

[model.repaid.retrain]
on_new_data = { min_new_rows = 300 }
cool_down = "0s"
"""


def month(number: int) -> pl.DataFrame:
    """A month of requests, 25 a day. Whether one is repaid follows income, and in the first two months debt as much.

    So a model of the first months is worse on later ones than a model that has seen the third.
    """
    rng = np.random.default_rng(number)
    rows = DAYS * ROWS_A_DAY
    start = np.datetime64("2024-01-01T08:00:00") + np.timedelta64(DAYS * (number - 1), "D")
    day = np.repeat(np.arange(DAYS), ROWS_A_DAY).astype("timedelta64[D]")
    when = start + day + rng.integers(0, 36_000, rows).astype("timedelta64[s]")
    income, debt = rng.normal(50, 10, rows), rng.normal(20, 5, rows)
    logit = (income - 50) / 5 + ((debt - 20) / 2.5 if number < 3 else 0.0)
    repaid = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return pl.DataFrame(
        {"request": [f"r{number:02d}-{i:05d}" for i in range(rows)], "asked_at": when.astype("datetime64[us]"), "income": income.round(2),
         "debt": debt.round(2), "repaid": repaid}
    )  # fmt: skip


def land(folder: Path, number: int) -> None:
    """A month arrives: written beside, then moved into place."""
    target = folder / "data" / f"month-{number:02d}.parquet"
    beside = target.with_name(f".{target.name}.part")
    month(number).write_parquet(beside)
    os.replace(beside, target)


def make(folder: Path, months: int = 3) -> Path:
    """The project's folder with its first months."""
    (folder / "data").mkdir(parents=True)
    (folder / "mlops.toml").write_text(TOML)
    for number in range(1, months + 1):
        land(folder, number)
    return folder
