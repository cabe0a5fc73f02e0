"""Curves of metrics, made small: envelopes of one run, and the trends of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_store.index.asking import Rows
from mlops_store.index.chunks import LONG
from mlops_store.index.long_curves import Axis, Source, Span, long_envelope, merged, points


def series(
    read: Source,
    run_id: str,
    keys: Sequence[str] = (),
    buckets: int = 500,
    axis: str = "step",
    span: Span = (None, None),
) -> list[dict[str, Any]]:
    """The curves of metrics, all where none is named, as envelopes {key, points, nonfinite, buckets}, by key; those that the run lacks are left out.

    A curve has at most `buckets` entries [x, min, max, last] of equal width, x ascending: x is the first step (or, for `axis` "time", the
    first UTC millisecond) of an entry, `last` the value of its newest point. NaN and infinities are left out and counted. `span` is the
    least and the greatest x; `points` and `nonfinite` are of all.
    """
    found = read.rows(
        "SELECT key, count, nans + infs AS nonfinite, last_step FROM last_values "
        f"WHERE run_id = ? AND {'key IN (SELECT unnest(?::VARCHAR[]))' if keys else 'true'} ORDER BY key",
        [run_id, *([list(keys)] if keys else [])],
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
    """The buckets of one metric: of a long curve from its chunks, where those are finer than the buckets or its points too many."""
    count = row["count"] - row["nonfinite"]
    if count >= LONG:
        found = long_envelope(read, run_id, row["key"], row["last_step"], count, buckets, x, span)
        if found is not None:
            return found
    # what came since the metric's summary is not on the curve, as it is not in its counts
    edges = [("step <= ?", row["last_step"]), (f"{x} >= ?", span[0]), (f"{x} <= ?", span[1])]
    edges = [(condition, edge) for condition, edge in edges if edge is not None]
    inside = " AND ".join(("run_id = ?", "key = ?", *(condition for condition, _ in edges)))
    pieces = points(read, inside, [run_id, row["key"], *(edge for _, edge in edges)], x)
    if not len(pieces.x):
        return []
    low = int(pieces.x.min())
    return merged(pieces, low, (int(pieces.x.max()) - low) // buckets + 1)


def trends(read: Rows, run_ids: Sequence[str], key: str, buckets: int = 8) -> dict[str, list[float]]:
    """Of each run the last finite value of a metric in at most `buckets` stretches of equal width, by step. One query."""
    ids = list(run_ids)
    if not ids:
        return {}
    # a list of parameters: with it the table's statistics leave out what has none of these runs, with a join they do not
    found = read.rows(
        f"""WITH p AS MATERIALIZED (SELECT run_id, step, ts, attempt, writer, line, value FROM metric_points
            WHERE run_id BETWEEN ? AND ? AND run_id IN ({", ".join("?" * len(ids))}) AND key = ? AND isfinite(value)),
          e AS (SELECT run_id, min(step)::HUGEINT AS low, (max(step)::HUGEINT - min(step)) // ? + 1 AS width FROM p GROUP BY run_id)
        SELECT run_id, (step - low) // width AS bucket, arg_max(value, row(step, ts, attempt, writer, line)) AS last
        FROM p JOIN e USING (run_id) GROUP BY ALL ORDER BY run_id, bucket""",
        [min(ids), max(ids), *ids, key, buckets],
    )
    values: dict[str, list[float]] = {}
    for row in found:
        values.setdefault(row["run_id"], []).append(row["last"])
    return values
