"""Long curves in short, kept up with their points in the same transaction: what `curve_chunks` says (see schema/004_curves.sql)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.database import Connection, replace
from mlops_store.index.standing import Standing

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


class Extent(NamedTuple):
    """What is to know of a metric's chunks: how wide they are, a step in the first and in the last of them, and the last one, where it is known."""

    shift: int
    first: int
    last: int
    chunk: Chunk | None = None


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


def update(
    con: Connection, batch: Batch, begun: set[Name], grown: set[Name], extents: Standing[Extent]
) -> None:
    """Brings the chunks of long metrics up to a batch whose points are in `metric_points` already.

    `grown` have chunks of all their points before the batch (perhaps none); `begun` have become long by it, and have none yet.
    """
    if begun:
        runs, keys = [run for run, _ in sorted(begun)], [key for _, key in sorted(begun)]
        con.execute("INSERT INTO curve_chunks SELECT * FROM chunks_of_points($1::VARCHAR[], $2::VARCHAR[]) ORDER BY run_id, key, chunk", [runs, keys])  # fmt: skip
    points = batch.of(grown)
    if len(points.group):
        _grow(con, points, extents)


def _grow(con: Connection, points: Batch, standing: Standing[Extent]) -> None:
    starts = np.flatnonzero(np.r_[True, points.group[1:] != points.group[:-1]])
    groups = points.group[starts].tolist()
    lows, highs = points.step[starts].tolist(), points.step[np.r_[starts[1:], len(points.group)] - 1].tolist()
    known = _extents(con, [points.names[group] for group in groups], standing)
    shifts = np.zeros(len(points.names), np.int64)
    extents: dict[Name, Extent] = {}
    touched, old = [], []
    for group, low, high in zip(groups, lows, highs, strict=True):
        name = points.names[group]
        shift, first, last, chunk = known.get(name) or Extent(0, low, high)
        shifts[group] = to = _fitting(min(first, low), max(last, high), shift)
        extents[name] = Extent(to, min(first, low), max(last, high), chunk)
        if to != shift:  # where chunks become wider, all of the metric change
            touched.append((*name, first >> shift, last >> shift))
        elif chunk is None or low >> shift < last >> shift:
            touched.append((*name, low >> shift, high >> shift))
        elif low >> shift == last >> shift:  # the points go on where the last ones ended
            old.append((*name, shift, last >> shift, chunk))
    found = _summarise(points, shifts)
    old += _read(con, touched)
    for run, key, shift, number, values in old:
        place = (run, key, number >> (extents[run, key].shift - shift))
        found[place] = _merge(found[place], values) if place in found else values
    gone = [(run, key, number) for run, key, _, number, _ in old]
    rows = [(run, key, extents[run, key].shift, number, *found[run, key, number]) for run, key, number in sorted(found)]  # fmt: skip
    replace(con, "curve_chunks", ("run_id", "key", "chunk"), gone, rows)
    for name, extent in extents.items():
        last_chunk = found.get((*name, extent.last >> extent.shift), extent.chunk)
        standing.set(name, extent._replace(chunk=last_chunk))


def _fitting(first: int, last: int, shift: int) -> int:
    """The least shift, from one that was too small or right, at which all steps are in MOST chunks."""
    while (last >> shift) - (first >> shift) >= MOST:
        shift += 1
    return shift


def _extents(con: Connection, names: Sequence[Name], standing: Standing[Extent]) -> dict[Name, Extent]:
    """Of those metrics that have chunks."""
    known = {name: extent for name in names if (extent := standing.get(name)) is not None}
    names = [name for name in names if name not in known]
    if names:
        found = con.execute(
            "SELECT run_id, key, max(shift), min(chunk), max(chunk) FROM curve_chunks WHERE run_id IN (SELECT unnest(?::VARCHAR[])) "
            "AND key IN (SELECT unnest(?::VARCHAR[])) GROUP BY run_id, key",
            [sorted({run for run, _ in names}), sorted({key for _, key in names})],
        ).fetchall()
        read = {
            (run, key): Extent(shift, low << shift, high << shift) for run, key, shift, low, high in found
        }
        known |= {name: read[name] for name in names if name in read}
    return known


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


def _read(
    con: Connection, touched: list[tuple[str, str, int, int]]
) -> list[tuple[str, str, int, int, Chunk]]:
    """Rows (run, key, shift, number, Chunk): those of these metrics with a number in their range."""
    if not touched:
        return []
    ranges = "SELECT unnest(?::VARCHAR[]) AS r, unnest(?::VARCHAR[]) AS k, unnest(?::BIGINT[]) AS low, unnest(?::BIGINT[]) AS high"
    where = "c.run_id = t.r AND c.key = t.k AND c.chunk BETWEEN t.low AND t.high"
    lists = [list(column) for column in zip(*touched, strict=True)]
    found = con.execute(f"SELECT c.* FROM curve_chunks c JOIN ({ranges}) t ON {where}", lists).fetchall()
    return [(*row[:4], Chunk(*row[4:])) for row in found]
