"""Metric points into the index: columns by numpy, one INSERT for all runs of a batch, `last_values` and the chunks of long curves kept up with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.chunks import LONG, Batch, Extent, Name, update
from mlops_store.index.database import Connection, replace
from mlops_store.index.parse import MetricLine
from mlops_store.index.standing import Standing

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class LastValue(NamedTuple):
    """A row of `last_values` without its key (run_id, key)."""

    points: int
    nans: int
    infs: int
    last: float
    last_step: int
    last_ts: int
    last_attempt: int
    last_writer: str
    last_line: int
    min: float | None
    min_step: int | None
    max: float | None
    max_step: int | None

    @property
    def finite(self) -> int:
        """Points that are neither NaN nor infinite."""
        return self.points - self.nans - self.infs


@dataclass
class Points:
    """A batch of points of many files. Files must be added in the order of (run, attempt, writer), lines in their own order:
    that is the order which breaks ties of step and time."""

    runs: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    group_of: dict[tuple[str, str], int] = field(default_factory=dict)
    parts: list[tuple[Ints, Ints, Ints, Ints, Ints, Floats]] = field(default_factory=list)
    count: int = 0

    def add(
        self, run_id: str, attempt: int, writer: str, metrics: list[MetricLine], lines: list[int]
    ) -> None:
        """The points of one block of one file."""
        if not metrics:
            return
        if not self.writers or (self.runs[-1], self.writers[-1]) != (run_id, writer):
            self.runs.append(run_id)
            self.attempts.append(attempt)
            self.writers.append(writer)
        keys = [m.key for m in metrics]
        codes = {
            key: self.group_of.setdefault((run_id, key), len(self.group_of)) for key in dict.fromkeys(keys)
        }
        size = len(metrics)
        self.parts.append(
            (
                np.fromiter(map(codes.__getitem__, keys), np.int64, size),
                np.full(size, len(self.writers) - 1, np.int64),
                np.array(lines, np.int64),
                np.fromiter((m.step for m in metrics), np.int64, size),
                np.fromiter((m.ts for m in metrics), np.int64, size),
                np.array([m.value for m in metrics], dtype=np.float64),
            )
        )
        self.count += size

    def write(self, con: Connection, values: Standing[LastValue], extents: Standing[Extent]) -> None:
        """Inserts the points and brings `last_values` and `curve_chunks` up to them, in the transaction that is open."""
        if not self.parts:
            return
        columns = [np.concatenate([part[i] for part in self.parts]) for i in range(6)]
        names = list(self.group_of)
        texts = [self.runs, self.attempts, self.writers, [run for run, _ in names], [key for _, key in names]]
        _insert_points(con, dict(zip(("g", "f", "line", "step", "ts", "value"), columns, strict=True)), texts)
        group, _, _, step, ts, _ = columns
        order = np.lexsort((ts, step, group))  # stable: what ties keeps the order of (attempt, writer, line)
        files = list(zip(self.attempts, self.writers, strict=True))
        batch = Batch(names, files, *(column[order] for column in columns))
        begun, grown = _update_last(con, self._named(summarise(*batch[2:])), values)
        update(con, batch, begun, grown, extents)

    def _named(self, found: list[tuple[Any, ...]]) -> dict[tuple[str, str], LastValue]:
        """Summaries by (run, key), with writers for file numbers."""
        names = list(self.group_of)
        named = {}
        for group, points, nans, infs, last, step, ts, file, line, low, low_step, high, high_step in found:
            attempt, writer = self.attempts[file], self.writers[file]
            named[names[group]] = LastValue(
                points, nans, infs, last, step, ts, attempt, writer, line, low, low_step, high, high_step
            )
        return named


def summarise(
    group: Ints, file: Ints, line: Ints, step: Ints, ts: Ints, value: Floats
) -> list[tuple[Any, ...]]:
    """Per group: (group, points, NaNs, Infs, last, its step, ts, file and line, min, its step, max, its step), groups ascending.

    All arrays have the length of the batch and ascend by (group, step, ts, order in the batch), which tells the last; extremes are over
    finite values, with their earliest step, or all None in a group that has none.
    """
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    counts = np.diff(np.r_[starts, len(group)])
    last = np.r_[starts[1:], len(group)] - 1
    v, s = value + 0.0, step  # + 0.0: one zero, so that -0.0 and 0.0 tie
    finite = np.isfinite(v)
    low = np.minimum.reduceat(np.where(finite, v, np.inf), starts)
    high = np.maximum.reduceat(np.where(finite, v, -np.inf), starts)
    some = np.add.reduceat(finite.astype(np.int64), starts) > 0
    late = np.iinfo(np.int64).max
    at_low = np.minimum.reduceat(np.where(finite & (v == np.repeat(low, counts)), s, late), starts)
    at_high = np.minimum.reduceat(np.where(finite & (v == np.repeat(high, counts)), s, late), starts)
    nans = np.add.reduceat(np.isnan(v).astype(np.int64), starts)
    columns = (group[starts], counts, nans, np.add.reduceat(np.isinf(v).astype(np.int64), starts), value[last], step[last],
               ts[last], file[last], line[last])  # fmt: skip
    extremes = [
        found if usable else (None, None, None, None)
        for usable, *found in zip(
            some.tolist(), low.tolist(), at_low.tolist(), high.tolist(), at_high.tolist(), strict=True
        )
    ]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(*row, *extreme) for row, extreme in zip(rows, extremes, strict=True)]


def _insert_points(con: Connection, columns: dict[str, Any], texts: list[Any]) -> None:
    _execute(
        con,
        columns,
        """INSERT INTO metric_points
        SELECT list_extract($1::VARCHAR[], f + 1), list_extract($5::VARCHAR[], g + 1), step, ts, coalesce(value, 'nan'::DOUBLE),
          list_extract($2::BIGINT[], f + 1), list_extract($3::VARCHAR[], f + 1), line FROM _batch
        WHERE len($4::VARCHAR[]) > 0""",
        texts,
    )


def _execute(con: Connection, columns: dict[str, Any], sql: str, texts: list[Any]) -> None:
    """Runs a statement over numpy columns, which it knows as `_batch`. DuckDB takes NaN in them as NULL."""
    con.register("_batch", columns)
    con.execute(sql, texts)
    con.unregister(
        "_batch"
    )  # not after an error: the transaction is over then, and the next batch takes the name


def merge(old: LastValue | None, new: LastValue) -> LastValue:
    """The summary of two sets of points from theirs; the order of the two does not matter."""
    if old is None:
        return new
    newest = max(old, new, key=lambda value: (value.last_step, value.last_ts, value.last_attempt, value.last_writer, value.last_line))  # fmt: skip
    low = _better(old.min, old.min_step, new.min, new.min_step, sign=1)
    high = _better(old.max, old.max_step, new.max, new.max_step, sign=-1)
    return newest._replace(
        points=old.points + new.points,
        nans=old.nans + new.nans,
        infs=old.infs + new.infs,
        min=low[0],
        min_step=low[1],
        max=high[0],
        max_step=high[1],
    )


def _better(
    a: float | None, a_step: int | None, b: float | None, b_step: int | None, *, sign: int
) -> tuple[float | None, int | None]:
    """The lesser (`sign` 1) or greater (-1) of two values, ties to the earlier step; None is no value."""
    if a is None or a_step is None:
        return b, b_step
    if b is None or b_step is None:
        return a, a_step
    return (a, a_step) if (sign * a, a_step) <= (sign * b, b_step) else (b, b_step)


def _update_last(
    con: Connection, new: dict[Name, LastValue], standing: Standing[LastValue]
) -> tuple[set[Name], set[Name]]:
    """Merges summaries into `last_values`: the rows that change are deleted and appended.

    Returns which metrics are long curves now: those that have become so with points from before, and the others.
    """
    values = {name: value for name in new if (value := standing.get(name)) is not None}
    values |= _read_last(con, [name for name in new if name not in values])
    gone = sorted(values)
    begun: set[Name] = set()
    grown: set[Name] = set()
    for name, value in new.items():
        before = values.get(name)
        now = values[name] = merge(before, value)
        standing.set(name, now)
        if now.finite >= LONG:
            (begun if before is not None and 0 < before.finite < LONG else grown).add(name)
    rows = [(*name, *value) for name, value in sorted(values.items())]
    replace(con, "last_values", ("run_id", "key"), gone, rows)
    return begun, grown


def _read_last(con: Connection, names: list[Name]) -> dict[Name, LastValue]:
    """The rows of `last_values` that these metrics have."""
    if not names:
        return {}
    found = con.execute(
        "SELECT v.* FROM last_values v JOIN (SELECT unnest(?::VARCHAR[]) AS r, unnest(?::VARCHAR[]) AS k) t ON v.run_id = t.r AND v.key = t.k",
        [[run for run, _ in names], [key for _, key in names]],
    ).fetchall()
    return {(row[0], row[1]): LastValue(*row[2:]) for row in found}
