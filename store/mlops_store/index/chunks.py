"""Long curves in short, kept up with their points in the same transaction: what `curve_chunks` says (see schema/004_curves.sql)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.database import Connection, insert

LONG = 1 << 16
"""Finite points from which on a metric has chunks."""
MOST = 1 << 11
"""Chunks that a metric has at most."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Name = tuple[str, str]
"""Run and key."""


class Chunk(NamedTuple):
    """A row of `curve_chunks` after (run_id, key, shift, chunk)."""

    first_step: int
    last_step: int
    first_ts: int
    last_ts: int
    min: float
    max: float
    last: float
    ts: int
    attempt: int
    writer: str
    line: int


class Batch(NamedTuple):
    """New points, ascending by (group, step, ts, place in the order of attempt, writer and line). `names` are those of the groups, `files` give
    attempt and writer of a file's number."""

    names: Sequence[Name]
    files: Sequence[tuple[int, str]]
    group: Ints
    file: Ints
    line: Ints
    step: Ints
    ts: Ints
    value: Floats

    def of(self, names: set[Name]) -> Batch:
        """The finite points of some metrics."""
        wanted = np.array([name in names for name in self.names], dtype=bool)
        mine = wanted[self.group] & np.isfinite(self.value)
        return self._replace(**{field: getattr(self, field)[mine] for field in self._fields[2:]})


def update(con: Connection, batch: Batch, begun: set[Name], grown: set[Name]) -> None:
    """Brings the chunks of long metrics up to a batch whose points are in `metric_points` already.

    `grown` have chunks of all their points before the batch (perhaps none); `begun` have become long by it, and have none yet.
    """
    if begun:
        runs, keys = [run for run, _ in sorted(begun)], [key for _, key in sorted(begun)]
        con.execute("INSERT INTO curve_chunks SELECT * FROM chunks_of_points($1::VARCHAR[], $2::VARCHAR[]) ORDER BY run_id, key, chunk", [runs, keys])  # fmt: skip
    points = batch.of(grown)
    if len(points.group):
        _grow(con, points)


def _grow(con: Connection, points: Batch) -> None:
    starts = np.flatnonzero(np.r_[True, points.group[1:] != points.group[:-1]])
    groups = points.group[starts].tolist()
    lows, highs = points.step[starts].tolist(), points.step[np.r_[starts[1:], len(points.group)] - 1].tolist()
    known = _extents(con, [points.names[group] for group in groups])
    shifts = np.zeros(len(points.names), np.int64)
    touched = []
    for group, low, high in zip(groups, lows, highs, strict=True):
        name = points.names[group]
        shift, first, last = known.get(name, (0, low, high))
        shifts[group] = to = _fitting(min(first, low), max(last, high), shift)
        # where chunks become wider, all of the metric change
        touched.append((*name, low >> shift, high >> shift) if to == shift else (*name, first >> shift, last >> shift))  # fmt: skip
    found = _summarise(points, shifts)
    to_shift = {points.names[group]: int(shifts[group]) for group in groups}
    for *place, shift, chunk, values in _take(con, touched):
        name = (place[0], place[1])
        key = (*name, chunk >> (to_shift[name] - shift))
        found[key] = _merge(found[key], values) if key in found else values
    insert(con, "curve_chunks", [(run, key, to_shift[run, key], chunk, *found[run, key, chunk]) for run, key, chunk in sorted(found)])  # fmt: skip


def _fitting(first: int, last: int, shift: int) -> int:
    """The least shift, from one that was too small or right, at which all steps are in MOST chunks."""
    while (last >> shift) - (first >> shift) >= MOST:
        shift += 1
    return shift


def _extents(con: Connection, names: Sequence[Name]) -> dict[Name, tuple[int, int, int]]:
    """Of metrics that have chunks: shift, and a step in the first chunk and in the last."""
    found = con.execute(
        "SELECT run_id, key, max(shift), min(chunk), max(chunk) FROM curve_chunks WHERE run_id IN (SELECT unnest(?::VARCHAR[])) "
        "AND key IN (SELECT unnest(?::VARCHAR[])) GROUP BY run_id, key",
        [sorted({run for run, _ in names}), sorted({key for _, key in names})],
    ).fetchall()
    return {(run, key): (shift, low << shift, high << shift) for run, key, shift, low, high in found}


def _summarise(points: Batch, shifts: Ints) -> dict[tuple[str, str, int], Chunk]:
    """Chunks of the points; `shifts` is by group."""
    chunk = points.step >> shifts[points.group]
    starts = np.flatnonzero(np.r_[True, (points.group[1:] != points.group[:-1]) | (chunk[1:] != chunk[:-1])])
    last = np.r_[starts[1:], len(chunk)] - 1
    value = points.value + 0.0  # one zero, so that -0.0 and 0.0 are the same extreme
    columns = (
        points.group[starts], chunk[starts], points.step[starts], points.step[last],
        np.minimum.reduceat(points.ts, starts), np.maximum.reduceat(points.ts, starts),
        np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts),
        value[last], points.ts[last], points.file[last], points.line[last],
    )  # fmt: skip
    return {
        (*points.names[group], number): Chunk._make((*values, *points.files[file], line))
        for group, number, *values, file, line in zip(*(column.tolist() for column in columns), strict=True)
    }


def _merge(a: Chunk, b: Chunk) -> Chunk:
    """The chunk of two sets of points; the order of the two does not matter."""
    newest = max(a, b, key=lambda chunk: (chunk.last_step, *chunk[7:]))
    return newest._replace(
        first_step=min(a.first_step, b.first_step),
        first_ts=min(a.first_ts, b.first_ts),
        last_ts=max(a.last_ts, b.last_ts),
        min=min(a.min, b.min),
        max=max(a.max, b.max),
    )


def _take(con: Connection, touched: list[tuple[str, str, int, int]]) -> list[tuple[Any, ...]]:
    """Takes rows (run, key, shift, chunk, Chunk) out of the table: those of these metrics with a number in their range."""
    ranges = "(SELECT unnest(?::VARCHAR[]) AS r, unnest(?::VARCHAR[]) AS k, unnest(?::BIGINT[]) AS low, unnest(?::BIGINT[]) AS high) t"
    where = "c.run_id = t.r AND c.key = t.k AND c.chunk BETWEEN t.low AND t.high"
    lists = [list(column) for column in zip(*touched, strict=True)]
    found = con.execute(f"SELECT c.* FROM curve_chunks c JOIN {ranges} ON {where}", lists).fetchall()
    if found:
        con.execute(f"DELETE FROM curve_chunks c USING {ranges} WHERE {where}", lists)
    return [(*row[:4], Chunk(*row[4:])) for row in found]
