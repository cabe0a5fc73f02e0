"""What a batch looks like, small enough to keep for ever: counts, range, quantiles and most frequent values."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

QUANTILES = [i / 20 for i in range(21)]
TOP = 20
_TEXT_LIMIT = 200


def profile(frame: pl.DataFrame) -> dict[str, Any]:
    """`{rows, columns: [{name, type, nulls, distinct, min, max, mean, sd, quantiles, top}]}`; JSON values only.

    `quantiles` are 21 values at 0, 5 %, … 100 % of the finite values (numbers; times as UTC ms); `top` the most
    frequent values of text, bool and columns of few distinct values, as [value, count].
    """
    return {
        "rows": frame.height,
        "columns": [_column(frame[name]) for name in frame.columns],
    }


def _column(series: pl.Series) -> dict[str, Any]:
    present = series.drop_nulls()
    facts: dict[str, Any] = {
        "name": series.name,
        "type": str(series.dtype),
        "rows": series.len(),
        "nulls": series.null_count(),
        "distinct": present.n_unique() if present.len() else 0,
    }
    if series.dtype.is_numeric():
        facts |= _numbers(present.cast(pl.Float64))
    elif series.dtype.is_temporal():
        facts |= _numbers(_as_ms(present).cast(pl.Float64))
    if series.dtype != pl.Binary and present.len() and (facts["distinct"] <= 50 or series.dtype == pl.String):
        facts["top"] = _top(present)
    return facts


def _as_ms(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Duration):
        return series.dt.total_milliseconds()
    return series.dt.timestamp("ms")


def _numbers(values: pl.Series) -> dict[str, Any]:
    finite = values.filter(values.is_finite())
    facts: dict[str, Any] = {"not_finite": values.len() - finite.len()}
    if finite.len() == 0:
        return facts
    quantiles = pl.select(
        [pl.lit(finite).quantile(q, interpolation="linear").alias(str(i)) for i, q in enumerate(QUANTILES)]
    ).row(0)
    mean, sd = finite.mean(), finite.std()
    return facts | {
        "min": quantiles[0],
        "max": quantiles[-1],
        "mean": _number(mean),
        "sd": _number(sd),
        "quantiles": list(quantiles),
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _top(present: pl.Series) -> list[list[Any]]:
    name = "value" if present.name == "count" else present.name
    counts = present.rename(name).value_counts(name="count").sort(["count", name], descending=[True, False])
    return [[_plain(value), int(count)] for value, count in counts.head(TOP).iter_rows()]


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)[:_TEXT_LIMIT]
