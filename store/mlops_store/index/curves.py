"""Curves of metrics, made small in SQL: envelopes of one run, and the trends of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlops_store.index.asking import Rows
from mlops_store.index.chunks import LONG
from mlops_store.index.long_curves import Axis, Source, Span, long_envelope

_NARROW = 1 << 62
"""A range of steps or times below this cannot overflow 64 bits."""
_IDENTITY = "row(ts, attempt, writer, line)"
"""What decides between points of the same step; the greatest is the last."""


def series(
    read: Source,
    run_id: str,
    keys: Sequence[str],
    buckets: int = 500,
    axis: str = "step",
    span: Span = (None, None),
) -> list[dict[str, Any]]:
    """The curves of metrics as envelopes {key, points, nonfinite, buckets}, by key; those that the run lacks are left out.

    A curve has at most `buckets` entries [x, min, max, last] of equal width, x ascending: x is the first step (or, for `axis` "time", the
    first UTC millisecond) of an entry, `last` the value of its newest point. NaN and infinities are left out and counted. `span` is the
    least and the greatest x; `points` and `nonfinite` are of all.
    """
    found = read.rows(
        "SELECT key, count, nans + infs AS nonfinite, last_step FROM last_values "
        "WHERE run_id = ? AND key IN (SELECT unnest(?::VARCHAR[])) ORDER BY key",
        [run_id, list(keys)],
    )
    x: Axis = "ts" if axis == "time" else "step"
    return [
        {
            "key": row["key"],
            "points": row["count"],
            "nonfinite": row["nonfinite"],
            "buckets": _curve(read, run_id, row, buckets, x, span),
        }
        for row in found
    ]


def _curve(
    read: Source, run_id: str, row: dict[str, Any], buckets: int, x: Axis, span: Span
) -> list[list[Any]]:
    """The buckets of one metric: of a long curve from its chunks, where those are finer than the buckets."""
    if row["count"] - row["nonfinite"] >= LONG:
        found = long_envelope(read, run_id, row["key"], row["last_step"], buckets, x, span)
        if found is not None:
            return found
    return _envelope(read, _Points.of(run_id, row, x, span), buckets, x, span)


def trends(read: Rows, run_ids: Sequence[str], key: str, buckets: int = 8) -> dict[str, list[float]]:
    """Of each run the last finite value of a metric in at most `buckets` stretches of equal width, by step. One query."""
    ids = list(run_ids)
    if not ids:
        return {}
    # a list of parameters: with it the table's statistics leave out what has none of these runs, with a join they do not
    found = read.rows(
        f"""WITH p AS MATERIALIZED (SELECT run_id, step, ts, attempt, writer, line, value FROM metric_points
            WHERE run_id IN ({", ".join("?" * len(ids))}) AND key = ? AND isfinite(value)),
          e AS (SELECT run_id, min(step)::HUGEINT AS low, (max(step)::HUGEINT - min(step)) // ? + 1 AS width FROM p GROUP BY run_id)
        SELECT run_id, (step - low) // width AS bucket, arg_max(value, row(step, ts, attempt, writer, line)) AS last
        FROM p JOIN e USING (run_id) GROUP BY ALL ORDER BY run_id, bucket""",
        [*ids, key, buckets],
    )
    values: dict[str, list[float]] = {}
    for row in found:
        values.setdefault(row["run_id"], []).append(row["last"])
    return values


@dataclass(frozen=True)
class _Points:
    """The points of a metric that have a place on its curve: the FROM clause with its parameters, and their greatest step."""

    sql: str
    params: list[Any]
    last_step: int

    @staticmethod
    def of(run_id: str, row: dict[str, Any], x: Axis, span: Span) -> _Points:
        """Those that the metric's summary knows: what came since is not on the curve, as it is not in its counts."""
        finite = " AND isfinite(value)" if row["nonfinite"] else ""
        edges = [(sign, edge) for sign, edge in zip((">=", "<="), span, strict=True) if edge is not None]
        inside = "".join(f" AND {x} {sign} ?" for sign, _ in edges)
        return _Points(
            f"FROM metric_points WHERE run_id = ? AND key = ? AND step <= ?{finite}{inside}",
            [run_id, row["key"], row["last_step"], *(edge for _, edge in edges)],
            row["last_step"],
        )


def _envelope(read: Rows, points: _Points, buckets: int, x: Axis, span: Span) -> list[list[Any]]:
    """The buckets [x, min, max, last] of one metric."""
    if x == "step" and span == (None, None):
        # the end is known, and most curves begin near 0: one reading of the points less
        low, high = min(0, points.last_step), points.last_step
    else:
        (edge,) = read.rows(f"SELECT min({x}) AS low, max({x}) AS high {points.sql}", points.params)
        if edge["low"] is None:
            return []
        low, high = edge["low"], edge["high"]
    bucket = _bucket(x, low, high, buckets)
    parts = _parts(read, points, x, bucket)
    if parts and not 0 <= parts[0]["x"] - low <= (high - low) // 8:  # it begins elsewhere
        bucket = _bucket(x, parts[0]["x"], high, buckets)
        parts = _parts(read, points, x, bucket)
    last = {
        (row["bucket"], row["step"]): row["last"]
        for row in read.rows(
            f"SELECT {bucket} AS bucket, step, arg_max(value, {_IDENTITY}) AS last {points.sql} "
            "AND step IN (SELECT unnest(?::BIGINT[])) GROUP BY bucket, step",
            [*points.params, [part["step"] for part in parts]],
        )
    }
    places = [(part, (part["bucket"], part["step"])) for part in parts]
    # a place without a last value: the run was deleted between the two questions
    return [[part["x"], part["low"], part["high"], last[place]] for part, place in places if place in last]


def _bucket(x: str, low: int, high: int, buckets: int) -> str:
    """The number of the bucket that a point is in, as SQL."""
    width = (high - low) // buckets + 1
    wide = "::HUGEINT" if max(abs(low), abs(high)) >= _NARROW else ""
    return f"(({x}{wide} - ({low})) // {width})"


def _parts(read: Rows, points: _Points, x: str, bucket: str) -> list[dict[str, Any]]:
    """Of each bucket its number, first x, least and greatest value, and greatest step: that of its last point."""
    return read.rows(
        f"SELECT {bucket} AS bucket, min({x}) AS x, min(value) AS low, max(value) AS high, max(step) AS step {points.sql} "
        "GROUP BY bucket ORDER BY x",
        points.params,
    )
