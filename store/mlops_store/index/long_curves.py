"""The envelope of a long curve from its chunks (see schema/004_curves.sql): points themselves are read only where a chunk is cut by an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.asking import Rows

Ints = NDArray[np.int64]
Axis = Literal["step", "ts"]
Span = tuple[int | None, int | None]
"""Least and greatest x, both inside; None is no limit."""

_FINE = 2
"""Chunks in a bucket, at least: with fewer, buckets would be far fewer than asked for."""


class Source(Rows, Protocol):
    """What can be asked for rows and for columns: `Read`."""

    def columns(self, sql: str, params: Sequence[Any] = ()) -> dict[str, NDArray[Any]]: ...


class _Pieces(NamedTuple):
    """Chunks that are whole in a bucket, and points, as columns; `order` ascends with what makes one newer than another."""

    order: Ints
    x: Ints
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    last: NDArray[np.float64]


def long_envelope(
    read: Source, run_id: str, key: str, last_step: int, buckets: int, x: Axis, span: Span
) -> list[list[Any]] | None:
    """At most `buckets` entries [x, min, max, last] of equal width over the points up to `last_step`; None where the chunks are too wide for them."""
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
    first, end = int(begin.min()), int(stop.max())
    first, end = first if least is None else max(first, least), end if most is None else min(end, most)
    low, width = first, (end - first) // buckets + 1
    if x == "step":  # with edges between chunks none is cut but those at the ends
        low = first >> shift << shift
        width = -(-((end >> shift) - (first >> shift) + 1) // buckets) << shift
        if width >> shift < _FINE:
            return None
    whole = (begin >= first) & (stop <= end) & (_numbers(begin, low, width) == _numbers(stop, low, width))
    if 2 * np.count_nonzero(whole) < len(whole):  # reading the points alone is as good
        return None
    pieces = _Pieces(chunk[whole], begin[whole], *(np.asarray(found[name])[whole] for name in ("min", "max", "last")))  # fmt: skip
    if not whole.all():
        points = _points(read, run_id, key, shift, chunk[~whole], x, (first, end))
        pieces = _Pieces(*(np.concatenate(pair) for pair in zip(pieces, points, strict=True)))
    return _merged(pieces, low, width)


def _points(read: Source, run_id: str, key: str, shift: int, chunks: Ints, x: Axis, span: Span) -> _Pieces:
    """The finite points of some chunks with x in a range, the newest of a chunk last."""
    found = read.columns(
        f"SELECT step >> {shift} AS chunk, {x} AS x, value FROM metric_points WHERE run_id = ? AND key = ? "
        f"AND step BETWEEN ? AND ? AND step >> {shift} IN (SELECT unnest(?::BIGINT[])) AND {x} BETWEEN ? AND ? AND isfinite(value) "
        "ORDER BY step, ts, attempt, writer, line",
        [run_id, key, int(chunks[0]) << shift, (int(chunks[-1]) << shift) + (1 << shift) - 1, chunks.tolist(), *span],
    )  # fmt: skip
    chunk, place, value = (np.asarray(found[name]) for name in ("chunk", "x", "value"))
    return _Pieces(chunk, place, value, value, value)


def _merged(pieces: _Pieces, low: int, width: int) -> list[list[Any]]:
    """The buckets that the pieces are in, x ascending."""
    if not len(pieces.x):
        return []
    bucket = _numbers(pieces.x, low, width)
    order = np.lexsort((pieces.order, bucket))  # stable: points of one chunk keep their order
    bucket = bucket[order]
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    columns = (
        np.minimum.reduceat(pieces.x[order], starts),
        np.minimum.reduceat(pieces.low[order], starts),
        np.maximum.reduceat(pieces.high[order], starts),
        pieces.last[order][np.r_[starts[1:], len(bucket)] - 1],
    )
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _numbers(x: Ints, low: int, width: int) -> Ints:
    """(x - low) // width, exactly for all of 64 bits: a difference is taken modulo 2^64, as which it is right."""
    distance = x.astype(np.uint64) - np.uint64(low % (1 << 64))
    return (distance // np.uint64(width)).astype(np.int64)
