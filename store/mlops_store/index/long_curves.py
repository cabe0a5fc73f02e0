"""The envelope of a long curve from its chunks (see schema/004_curves.sql): points themselves are read only where a chunk is cut by an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.asking import Rows
from mlops_store.index.chunks import MOST

Ints = NDArray[np.int64]
Axis = Literal["step", "ts"]
Span = tuple[int | None, int | None]
"""Least and greatest x, both inside; None is no limit."""

_FINE = 2
"""Chunks in a bucket, at least: with fewer, buckets would be far fewer than asked for."""
_READ = 1 << 18
"""So many points are read rather than to give fewer buckets."""


class Source(Rows, Protocol):
    """What can be asked for rows and for columns: `Read`."""

    def columns(self, sql: str, params: Sequence[Any] = ()) -> dict[str, NDArray[Any]]: ...


class Pieces(NamedTuple):
    """Chunks that are whole in a bucket, and points, as columns; what is newer comes later. `order` are numbers of chunks."""

    order: Ints
    x: Ints
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    last: NDArray[np.float64]

    def at(self, places: Ints) -> Pieces:
        """Those at some places, in their order."""
        return Pieces(
            self.order[places], self.x[places], self.low[places], self.high[places], self.last[places]
        )


def long_envelope(
    read: Source, run_id: str, key: str, last_step: int, count: int, buckets: int, x: Axis, span: Span
) -> list[list[Any]] | None:
    """At most `buckets` entries [x, min, max, last] of equal width over the points up to `last_step`, `count` in all; None where the chunks
    are too wide for them, and the points few enough."""
    least, most = span
    given = [(f"last_{x} >= ?", least), (f"first_{x} <= ?", most), ("first_step <= ?", last_step)]
    given = [(condition, edge) for condition, edge in given if edge is not None]
    found = read.columns(
        f"SELECT shift, chunk, first_{x} AS first_x, last_{x} AS last_x, min, max, last FROM curve_chunks WHERE run_id = ? AND key = ? "
        f"AND {' AND '.join(condition for condition, _ in given)} ORDER BY chunk",
        [run_id, key, *(edge for _, edge in given)],
    )
    if not len(found["chunk"]):
        return None
    chunk, begin, stop = (np.asarray(found[name]) for name in ("chunk", "first_x", "last_x"))
    shift = int(found["shift"][0])
    few = 2 * count * len(chunk) <= _READ * MOST
    first, end = int(begin.min()), int(stop.max())
    first, end = first if least is None else max(first, least), end if most is None else min(end, most)
    low, width = first, (end - first) // buckets + 1
    if x == "step":  # with edges between chunks none is cut but those at the ends
        low = first >> shift << shift
        width = -(-((end >> shift) - (first >> shift) + 1) // buckets) << shift
        if width >> shift < _FINE and few:
            return None
    whole = (begin >= first) & (stop <= end) & (_numbers(begin, low, width) == _numbers(stop, low, width))
    if 2 * np.count_nonzero(whole) < len(whole) and few:  # reading the points alone is as good
        return None
    pieces = Pieces(chunk[whole], begin[whole], *(np.asarray(found[name])[whole] for name in ("min", "max", "last")))  # fmt: skip
    if not whole.all():
        cut = chunk[~whole]
        inside = f"step BETWEEN ? AND ? AND step >> {shift} IN (SELECT unnest(?::BIGINT[])) AND {x} BETWEEN ? AND ?"
        edges = [int(cut[0]) << shift, (int(cut[-1]) << shift) + (1 << shift) - 1, cut.tolist(), first, end]
        more = points(read, f"run_id = ? AND key = ? AND {inside}", [run_id, key, *edges], x, shift)
        pieces = Pieces._make(np.concatenate(pair) for pair in zip(pieces, more, strict=True))
        pieces = pieces.at(np.argsort(pieces.order, kind="stable"))
    return merged(pieces, low, width)


def points(read: Source, condition: str, params: Sequence[Any], x: Axis, shift: int = 0) -> Pieces:
    """The finite points that a condition over `metric_points` finds, each as a piece of the chunk that its step is in."""
    query = f"SELECT step, {x} AS x, value FROM metric_points WHERE {condition}"
    found = read.columns(query, params)
    step, place, value = (np.asarray(found[name]) for name in ("step", "x", "value"))
    if np.any(step[1:] < step[:-1]):
        order = np.argsort(step, kind="stable")
        step, place, value = step[order], place[order], value[order]
    if np.any(step[1:] == step[:-1]):  # which of them is the newest, more than their step decides
        found = read.columns(f"{query} ORDER BY step, ts, attempt, writer, line", params)
        step, place, value = (np.asarray(found[name]) for name in ("step", "x", "value"))
    finite = np.isfinite(value)
    if not finite.all():
        step, place, value = step[finite], place[finite], value[finite]
    return Pieces(step >> shift, place, value, value, value)


def merged(pieces: Pieces, low: int, width: int) -> list[list[Any]]:
    """The buckets that the pieces are in, x ascending."""
    if not len(pieces.x):
        return []
    bucket = _numbers(pieces.x, low, width)
    if np.any(bucket[1:] < bucket[:-1]):
        order = np.argsort(bucket, kind="stable")
        bucket, pieces = bucket[order], pieces.at(order)
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    columns = (
        np.minimum.reduceat(pieces.x, starts),
        np.minimum.reduceat(pieces.low, starts),
        np.maximum.reduceat(pieces.high, starts),
        pieces.last[np.r_[starts[1:], len(bucket)] - 1],
    )
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _numbers(x: Ints, low: int, width: int) -> Ints:
    """(x - low) // width, exactly for all of 64 bits: a difference is taken modulo 2^64, as which it is right."""
    if width >= 1 << 64:  # no number of 64 bits, and no distance either
        return np.zeros(len(x), dtype=np.int64)
    distance = x.astype(np.uint64) - np.uint64(low % (1 << 64))
    return (distance // np.uint64(width)).astype(np.int64)
