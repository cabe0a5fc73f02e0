"""Which rows of a spine a registered version cannot have been trained on, whatever file they are in now.

A file that is delivered again, or a correction in a newer batch, brings rows that a training has seen under another sha256.
So a row counts as seen by its key (without one, by all that it says), not by its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.records import BatchFile
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.sources import BATCH, TIME, scan, with_times
from mlops_tui.worker.training import selection
from mlops_tui.worker.training.version_files import Training

Mask = npt.NDArray[np.bool_]


def unseen(worker: WorkerContext, frame: pl.DataFrame, trained: Training) -> Mask:
    """True for the rows of `frame` (rows of the spine, with its key columns) that the training cannot have read; shape (n,).

    Divided by time: rows later than its newest one, of keys that it had not. Divided by a hash of the key: rows of
    the side that judges, and of keys that were not in its files.
    """
    new = ~known(worker, frame, trained.source, trained.batches, trained.max_event_time)
    split = trained.split
    if split.get("by") == "key_hash" and set(split["key"]) <= set(frame.columns):
        side: Mask = selection.key_side(frame, list(split["key"]), float(split["test_share"]))
        return side | new
    if trained.max_event_time is None or not worker.spine.event_time:
        return new
    timed = frame if TIME in frame.columns else with_times(frame.lazy(), worker.spine, "the rows").collect()
    later = timed.select((pl.col(TIME).dt.timestamp("ms") > trained.max_event_time).fill_null(False))
    found: Mask = new & later.to_series().to_numpy()
    return found


def known(
    worker: WorkerContext, frame: pl.DataFrame, source: str, batches: Iterable[str], until: int | None
) -> Mask:
    """True where the key of a row of `frame` is in one of these files (sha256s), at a time up to `until` (ms)."""
    folder = worker.snapshots.source_dir(worker.spec.project, source) / "files"
    paths = [path for sha256 in sorted(batches) for path in sorted(folder.glob(f"{sha256}*.parquet"))]
    if not paths:
        return np.zeros(frame.height, dtype=np.bool_)
    rows = scan(paths).drop(BATCH)
    there = rows.collect_schema()
    key = [name for name in worker.spine.key or frame.columns if name in there and name in frame.columns]
    if until is not None and worker.spine.event_time in there:
        rows = with_times(rows, worker.spine, "the training rows")
        rows = rows.filter(pl.col(TIME).dt.timestamp("ms") <= until)
    return among(frame, rows, key)


def repeated(worker: WorkerContext, frame: pl.DataFrame, files: Sequence[BatchFile]) -> Mask:
    """True for the rows of `frame` that say in all columns what a row of these files says: delivered again, not corrected."""
    rows = scan([worker.home.resolve(file.stored) for file in files]).drop(BATCH)
    return among(frame, rows, [name for name in frame.columns if name in rows.collect_schema()])


def among(frame: pl.DataFrame, rows: pl.LazyFrame, columns: list[str]) -> Mask:
    """Which rows of `frame` are among `rows`, by the values of some columns; NULL equals NULL. Without a column, none."""
    if not columns:
        return np.zeros(frame.height, dtype=np.bool_)
    typed = [pl.col(name).cast(frame.schema[name], strict=False) for name in columns]
    there = rows.select(typed).unique().collect()
    own = frame.select(columns).with_row_index("__at")
    mask = np.zeros(frame.height, dtype=np.bool_)
    mask[own.join(there, on=columns, how="semi", nulls_equal=True)["__at"].to_numpy()] = True
    return mask
