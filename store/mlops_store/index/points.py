"""Metric points into the index: columns by numpy, one INSERT and one upsert of `last_values` for all runs of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.database import Connection
from mlops_store.index.parse import MetricLine

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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
                np.fromiter((codes[key] for key in keys), np.int64, size),
                np.full(size, len(self.writers) - 1, np.int64),
                np.array(lines, np.int64),
                np.fromiter((m.step for m in metrics), np.int64, size),
                np.fromiter((m.ts for m in metrics), np.int64, size),
                np.array([m.value for m in metrics]).astype(np.float64),
            )
        )
        self.count += size

    def write(self, con: Connection) -> None:
        """Inserts the points and brings `last_values` up to them, in the transaction that is open."""
        if not self.parts:
            return
        group, file, line, step, ts, value = (
            np.concatenate([part[i] for part in self.parts]) for i in range(6)
        )
        runs, keys = [run for run, _ in self.group_of], [key for _, key in self.group_of]
        texts = [self.runs, self.attempts, self.writers, runs, keys]
        _insert_points(
            con, {"g": group, "f": file, "line": line, "step": step, "ts": ts, "value": value}, texts
        )
        _upsert_last(con, summarise(group, file, line, step, ts, value), texts)


def summarise(group: Any, file: Any, line: Any, step: Any, ts: Any, value: Any) -> dict[str, Any]:
    """Per group: count, NaN and Inf counts, last by (step, ts, order of arrival here), extremes with their earliest step.

    All arrays have the length of the batch; the results have one value a group, in the order of the group numbers. Groups without a finite
    value have NaN extremes.
    """
    order = np.lexsort((ts, step, group))  # stable: what ties keeps the order of (attempt, writer, line)
    sorted_group = group[order]
    starts = np.flatnonzero(np.r_[True, sorted_group[1:] != sorted_group[:-1]])
    counts = np.diff(np.r_[starts, len(order)])
    last = order[np.r_[starts[1:], len(order)] - 1]
    v, s = value[order] + 0.0, step[order]  # + 0.0: one zero, so that -0.0 and 0.0 tie
    finite = np.isfinite(v)
    low = np.minimum.reduceat(np.where(finite, v, np.inf), starts)
    high = np.maximum.reduceat(np.where(finite, v, -np.inf), starts)
    some = np.add.reduceat(finite.astype(np.int64), starts) > 0
    late = np.iinfo(np.int64).max
    at_low = np.minimum.reduceat(np.where(finite & (v == np.repeat(low, counts)), s, late), starts)
    at_high = np.minimum.reduceat(np.where(finite & (v == np.repeat(high, counts)), s, late), starts)
    nans = np.add.reduceat(np.isnan(v).astype(np.int64), starts)
    return {
        "g": sorted_group[starts], "n": counts.astype(np.int64), "nans": nans,
        "infs": np.add.reduceat(np.isinf(v).astype(np.int64), starts), "usable": some,
        "last": value[last], "last_step": step[last], "last_ts": ts[last], "last_f": file[last], "last_line": line[last],
        "lo": low, "lo_step": at_low, "hi": high, "hi_step": at_high,
    }  # fmt: skip


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


_NEWER = (
    "row(excluded.last_step, excluded.last_ts, excluded.last_attempt, excluded.last_writer, excluded.last_line) > "
    "row(last_values.last_step, last_values.last_ts, last_values.last_attempt, last_values.last_writer, last_values.last_line)"
)


def _extreme(name: str, sign: str) -> str:
    """SET clauses for min or max: a better value wins, an equal one with an earlier step gives the step."""
    new, old = f"excluded.{name}", f"last_values.{name}"
    better = f"({old} IS NULL OR {new} {sign} {old} OR ({new} = {old} AND {new}_step < {old}_step))"
    return f"{name} = CASE WHEN {new} IS NOT NULL AND {better} THEN {new} ELSE {old} END, " + (
        f"{name}_step = CASE WHEN {new} IS NOT NULL AND {better} THEN {new}_step ELSE {old}_step END"
    )


_UPSERT = (
    """INSERT INTO last_values
    SELECT list_extract($4::VARCHAR[], g + 1), list_extract($5::VARCHAR[], g + 1), n, nans, infs,
      coalesce(last, 'nan'::DOUBLE), last_step, last_ts, list_extract($2::BIGINT[], last_f + 1), list_extract($3::VARCHAR[], last_f + 1), last_line,
      CASE WHEN usable THEN lo END, CASE WHEN usable THEN lo_step END, CASE WHEN usable THEN hi END, CASE WHEN usable THEN hi_step END
    FROM _batch WHERE len($1::VARCHAR[]) > 0
    ON CONFLICT (run_id, key) DO UPDATE SET
      count = last_values.count + excluded.count, nans = last_values.nans + excluded.nans, infs = last_values.infs + excluded.infs, """
    + ", ".join(
        f"{name} = CASE WHEN {_NEWER} THEN excluded.{name} ELSE last_values.{name} END"
        for name in ("last", "last_step", "last_ts", "last_attempt", "last_writer", "last_line")
    )
    + ", "
    + _extreme("min", "<")
    + ", "
    + _extreme("max", ">")
)


def _upsert_last(con: Connection, columns: dict[str, Any], texts: list[Any]) -> None:
    _execute(con, columns, _UPSERT, texts)
