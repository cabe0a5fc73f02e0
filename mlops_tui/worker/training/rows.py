"""The rows that the later stages work on, as the stage `features` left them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.errors import Problem
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training.folds import Times, hash_keys

ROW, TIME, TARGET, CLUSTER, KEY, BATCH = "__row", "__event_time", "__target", "__cluster", "__key", "__batch"


@dataclass
class Table:
    """Rows of one side of the split. `times` are event times in ms, None where the source has none."""

    frame: pl.DataFrame
    columns: list[str]
    times: Times | None

    @property
    def target(self) -> pl.Series:
        return self.frame.get_column(TARGET)

    @property
    def clusters(self) -> npt.NDArray[Any]:
        return self.frame.get_column(CLUSTER).to_numpy()

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """A stable hash of each row's key, for folds without time."""
        return hash_keys(self.frame.select(KEY).iter_rows())

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        return Table(self.frame[rows], self.columns, None if self.times is None else self.times[rows])


def read(ctx: StageContext, side: str) -> Table:
    """The rows of `side`, "train" or "eval". Raises Problem where there are none."""
    frame = pl.read_parquet(ctx.path("features", f"{side}.parquet"), glob=False)
    if not frame.height:
        what = "training" if side == "train" else "evaluation"
        raise Problem(
            "no_rows",
            f"there are no {what} rows with a known label",
            "more data is needed, or a shorter label_delay",
        )
    times = frame.get_column(TIME)
    known = times.to_numpy().astype(np.int64) if not times.null_count() else None
    return Table(frame, list(ctx.fact("features", "feature_columns", [])), known)
