"""Rows of sources as workers see them: files together, times in UTC, the newest version of each row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from mlops_store.errors import Problem
from mlops_store.records import BatchFile, Manifest
from mlops_tui.project.schema import SourceConfig

TIME = "__time"
"""Event time of a row as Datetime("us", "UTC")."""
KNOWN = "__known"
"""Knowledge time of a row, where there is one."""
BATCH = "__batch_number"
"""Number of the file, in order of arrival, that a row came from."""

UTC_US = pl.Datetime("us", "UTC")
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
"""Event time of rows of a source without event time: they were always there."""


def arrivals(manifest: Manifest) -> list[BatchFile]:
    """The batches of a data version in the order of their arrival: a later row of a key corrects an earlier one."""
    return sorted(manifest.files, key=lambda file: file.admitted)


def scan(paths: Sequence[Path]) -> pl.LazyFrame:
    """All rows of stored files, with `__batch_number`. Columns that came later are NULL before; int widens to float."""
    if not paths:
        return pl.LazyFrame()
    parts = [
        pl.scan_parquet(path, glob=False).with_columns(pl.lit(number, dtype=pl.Int32).alias(BATCH))
        for number, path in enumerate(paths)
    ]
    return parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal_relaxed")


def watermark(last: object, launched: int) -> int:
    """Up to when a source tells (ms): its newest event, but not later than now, since one row with a wrong year would
    make every label mature."""
    return min(last, launched) if isinstance(last, int) else 0


def newest(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """One row for each key, the last to arrive; the order of arrival stays. Without a key, all rows."""
    if not key:
        return frame
    return frame.unique(subset=list(key), keep="last", maintain_order=True)


def utc(column: str, dtype: pl.DataType, where: str) -> pl.Expr:
    """The column as Datetime("us", "UTC"); dates are their midnight, times without a zone are UTC. Raises Problem."""
    expression = pl.col(column)
    if dtype == pl.Date:
        return expression.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            return expression.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return expression.dt.convert_time_zone("UTC").cast(UTC_US)
    if dtype == pl.Null:
        return expression.cast(UTC_US)
    raise Problem(
        "bad_time",
        f"{where}: {column!r} is {dtype}, not a date or time",
        "write it as 2024-01-31, 31.01.2024 or 2024-01-31T12:00:00 in files to come, or name another event_time in mlops.toml",
        status=2,
    )


def with_times(
    rows: pl.LazyFrame, source: SourceConfig, where: str, *, known_at: str = "", late: bool = False
) -> pl.LazyFrame:
    """Adds `__time` and, unless knowledge time is merely assumed, `__known`.

    `known_at`: a column that says it (over the source's own). `late`: the rows carry the target or late columns;
    these are known at event time + label_delay, and no earlier. Raises Problem where a column is missing or unfit.
    """
    schema = rows.collect_schema()
    event = source.event_time
    if not event:
        return rows.with_columns(pl.lit(BEGINNING).cast(UTC_US).alias(TIME))
    _need(schema, event, where)
    rows = rows.with_columns(utc(event, schema[event], where).alias(TIME))
    column = known_at or ("" if late else source.known_at)
    if column:
        _need(schema, column, where)
        return rows.with_columns(utc(column, schema[column], where).alias(KNOWN))
    delay = max(source.label_delay if late else 0, source.knowledge_delay)
    if delay:
        return rows.with_columns((pl.col(TIME) + pl.duration(milliseconds=delay)).alias(KNOWN))
    return rows


def _need(schema: pl.Schema, column: str, where: str) -> None:
    if column not in schema:
        columns = ", ".join(name for name in schema if not name.startswith("__"))
        raise Problem("missing_column", f"{where}: there is no column {column!r}", f"there are: {columns}")
