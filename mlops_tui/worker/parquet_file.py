"""The rows of a delivered Parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlops_store.records import Column
from mlops_tui.worker.delivery import ROW_LIMIT, Delivery, Refused, first_line, refuse_more_than_memory
from mlops_tui.worker.table_schema import CANONICAL, Table, logical_type, table_of


def read_parquet(delivery: Delivery, pinned: Sequence[Column] | None) -> Table:
    """Raises Refused."""
    try:
        refuse_more_than_memory(_declared_size(delivery.copy))
        frame = pl.read_parquet(delivery.copy, memory_map=False, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Refused(
            f"the Parquet file cannot be read (truncated or damaged?): {first_line(error)}"
        ) from error
    except pl.exceptions.PanicException as error:
        raise Refused(f"the Parquet file is damaged: {first_line(error)}") from error
    kinds = {name: logical_type(dtype) for name, dtype in frame.schema.items()}
    nested = [name for name, kind in kinds.items() if kind is None]
    if nested:
        found = ", ".join(f"{name!r} ({frame.schema[name]})" for name in nested)
        raise Refused(f"columns of a type that is not supported: {found}")
    table = table_of(
        {name: str(kind) for name, kind in kinds.items()},
        pinned,
        height=frame.height,
        fits=lambda name, kind: _fits(frame[name], kind),
        series=lambda name, kind: _canonical(frame, name, kind),
    )
    table.exact = table.frame.schema == frame.schema
    return table


def _declared_size(path: Path) -> int:
    """Bytes of memory that a Parquet file says it is: a constant column of a billion rows is a file of a few kB."""
    lazy = pl.scan_parquet(path, glob=False)
    widths = (1 if isinstance(dtype, pl.Boolean) else 8 for dtype in lazy.collect_schema().values())
    return int(lazy.select(pl.len()).collect().item()) * sum(widths)


def _fits(series: pl.Series, kind: str) -> bool:
    """Whether a column of another logical type holds only values of `kind` (whole floats are ints)."""
    if series.null_count() == series.len():
        return True
    found = logical_type(series.dtype)
    if (found, kind) in {("int", "float"), ("date", "datetime")}:
        return True
    if (found, kind) == ("float", "int"):
        values = series.cast(pl.Float64).fill_nan(None).drop_nulls()
        return bool((values == values.round(0)).all() and (values.abs() < 2**53).all())
    return False


def _canonical(frame: pl.DataFrame, name: str, kind: str) -> pl.Series:
    series = frame[name]
    target = CANONICAL[kind]
    if series.dtype == target:
        return series
    if kind == "int" and series.dtype.is_float():
        series = series.fill_nan(None)
    try:
        if isinstance(series.dtype, pl.Datetime) and kind == "datetime":
            aware = series if series.dtype.time_zone else series.dt.replace_time_zone("UTC")
            return aware.dt.convert_time_zone("UTC").cast(target)
        if kind == "datetime" and isinstance(series.dtype, pl.Date):
            return series.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return series.cast(target)
    except pl.exceptions.PolarsError as error:
        bad = frame.filter(series.is_not_null() & series.cast(target, strict=False).is_null())
        raise Refused(
            f"column {name!r}: {bad.height} values do not fit {kind}: {first_line(error)}",
            [{"column": name, "expected": kind, "rows": bad.height}],
            bad.head(ROW_LIMIT),
        ) from error
