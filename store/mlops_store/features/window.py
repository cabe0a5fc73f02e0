"""Window aggregates over a source's own rows, exact at every time, as rows a point-in-time join can use.

For any t: the aggregate over the rows with t - window <= event <= t that were known by t, each row in the version
known at t. Every version of a row counts from entry = max(event, known) until the next version of the row is known
or until event + window has passed (+1 µs, both ends are inclusive): one plus and one minus in a stream sorted by
time per key, whose running sums are the answer; the state after each distinct time is one row of the history.

Running sums of floats would keep the rounding of everything that has left the window. Values are therefore split
into integer limbs on a common grid (2^-114 of the largest magnitude of the column), whose sums are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.features.pit import FIRST_EVENT, VISIBLE, require_columns, time_type

Aggregate = Literal["mean", "sum", "count", "std", "rate"]
AGGREGATES: tuple[Aggregate, ...] = ("mean", "sum", "count", "std", "rate")
CANCELLED = 1e-7
"""Below this share of the raw sum of squares, what is left of it about the mean has too few digits."""
LIMBS, LIMB_BITS = 3, 38
_NEVER = np.iinfo(np.int64).max

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def window_history(
    rows: pl.DataFrame | pl.LazyFrame,
    keys: Sequence[str],
    event_time: str,
    known_at: str | None,
    row_key: Sequence[str] | None,
    window: timedelta,
    aggregates: Mapping[str, tuple[str, Aggregate]],
) -> pl.DataFrame:
    """History of aggregates: the keys, `event_time` (when this state begins), one column per aggregate, and the
    columns of `normalise`. Use it as a `ViewRows` with the same keys and event time, known_at and max_age None.

    `aggregates`: output name → (column, kind). NULL values do not count. count is an integer; sum is 0, count 0 and
    mean, rate, std are NULL over nothing; std is the sample's (n - 1), NULL below two; rate is the share of values that
    are true or not 0. A NaN or infinity in the window makes the result NaN. Rows that share `row_key` are versions of
    one row: the last known by t holds (ties: the later in `rows`), also if its keys or event time differ. Without
    `row_key` (or with a NULL in it) every row stands for itself.

    Raises ValueError for missing columns, unfit types, unknown kinds, and a window that is not positive.
    """
    frame = rows.lazy().collect()
    _check(frame, keys, event_time, known_at, row_key, window, aggregates)
    event, known = frame[event_time].to_physical(), frame[known_at or event_time].to_physical()
    replaced = _next_version(frame, known, row_key)
    group, firsts = _groups(frame, keys)
    valid = (group >= 0) & (event.is_not_null() & known.is_not_null()).to_numpy()
    e, k = event.fill_null(0).to_numpy(), known.fill_null(0).to_numpy()
    enter = np.maximum(e, k)
    leave = np.minimum(replaced, e + window // timedelta(microseconds=1) + 1)
    used = np.flatnonzero(valid & (leave > enter))
    owner = np.concatenate((used, used))
    time = np.concatenate((enter[used], leave[used]))
    sign = np.repeat(np.array([1, -1], dtype=np.int64), len(used))
    order = np.lexsort((time, group[owner]))
    owner, time, sign = owner[order], time[order], sign[order]
    g = group[owner]
    last = np.flatnonzero(np.append((g[1:] != g[:-1]) | (time[1:] != time[:-1]), True)) if len(g) else owner
    stream = _Stream(owner, sign, g, last)
    times = pl.Series(event_time, time[last]).cast(frame.schema[event_time])
    out = frame[firsts[g[last]]].select(keys) if len(firsts) else frame.clear().select(keys)
    columns = [
        stream.aggregate(out_name, frame[column], kind) for out_name, (column, kind) in aggregates.items()
    ]
    first_event = _first_events(e, valid, group, len(firsts))[g[last]]
    first = pl.Series(FIRST_EVENT, first_event).cast(frame.schema[event_time])
    return pl.DataFrame([*out.get_columns(), times, *columns, times.alias(VISIBLE), first])


class _Stream:
    """The signed stream: entry and exit of row versions, sorted by key and time."""

    def __init__(self, owner: Integers, sign: Integers, group: Integers, last: Integers) -> None:
        self.owner, self.sign, self.group, self.last = owner, sign, group, last

    def running(self, values: Integers) -> Integers:
        """State (n_states,) of the integer `values` (n,) after each distinct time. Exact: all that enters leaves."""
        return np.cumsum(self.sign * values[self.owner])[self.last]

    def exact(self, values: Floats) -> Floats:
        """Running sums of finite floats (n,), by integer limbs on the grid of the largest magnitude."""
        top = float(np.abs(values).max(initial=0.0))
        if top == 0.0:
            return np.zeros(len(self.last))
        exponent = int(np.frexp(top)[1])
        if exponent < -800:
            return np.ldexp(self.exact(np.ldexp(values, 700)), -700)
        rest, total = values, np.zeros(len(self.last))
        sums = []
        for limb in range(1, LIMBS + 1):
            step = limb * LIMB_BITS - exponent
            digits = np.rint(np.ldexp(rest, step))
            rest = rest - np.ldexp(digits, -step)
            sums.append(np.ldexp(self.running(digits.astype(np.int64)).astype(np.float64), -step))
        for part in reversed(sums):
            total = total + part
        return total

    def aggregate(self, name: str, column: pl.Series, kind: Aggregate) -> pl.Series:
        present = column.is_not_null().to_numpy()
        count = self.running(present.astype(np.int64))
        if kind == "count":
            return pl.Series(name, count)
        if kind == "rate":
            true = column.cast(pl.Float64).fill_null(0.0).to_numpy() != 0
            hits = self.running(true.astype(np.int64))
            return _where(name, hits / np.maximum(count, 1), count >= 1)
        values: Floats = column.cast(pl.Float64).fill_null(0.0).to_numpy()
        finite = np.isfinite(values)
        poisoned = self.running((~finite).astype(np.int64)) > 0
        values = np.where(finite, values, 0.0)
        if kind == "std":
            result = self._std(values, present & finite, count)
            return _where(name, np.where(poisoned, np.nan, result), count >= 2)
        total = self._sum(column.dtype, values, column)
        result = total if kind == "sum" else total / np.maximum(count, 1)
        result = np.where(poisoned, np.nan, result)
        return _where(name, result, np.ones(len(count), dtype=bool) if kind == "sum" else count >= 1)

    def _sum(self, dtype: pl.DataType, values: Floats, column: pl.Series) -> Floats:
        small = float(np.abs(values).max(initial=0.0)) * max(1, len(values)) < 2.0**62
        if (dtype.is_integer() or dtype == pl.Boolean) and small:
            return self.running(column.cast(pl.Int64).fill_null(0).to_numpy()).astype(np.float64)
        return self.exact(values)

    def _std(self, values: Floats, present: npt.NDArray[np.bool_], count: Integers) -> Floats:
        """sqrt((S2 - S1²/n) / (n-1)) of values moved to the middle of their key's range, which keeps S2 small."""
        if not len(self.group):
            return np.zeros(0)
        size = int(self.group.max()) + 1
        high, low = np.full(size, -np.inf), np.full(size, np.inf)
        seen = present[self.owner]
        np.maximum.at(high, self.group[seen], values[self.owner[seen]])
        np.minimum.at(low, self.group[seen], values[self.owner[seen]])
        empty = high < low
        high[empty], low[empty] = 0.0, 0.0
        middle = 0.5 * high + 0.5 * low
        centre = np.zeros(len(values))
        centre[self.owner] = middle[self.group]
        moved = np.where(present, values - centre, 0.0)
        exponent = int(np.frexp(np.abs(moved).max(initial=0.0))[1])
        moved = np.ldexp(moved, -exponent)
        first, second = self.exact(moved), self.exact(moved * moved)
        n = np.maximum(count, 2)
        squares: Floats = np.maximum(second - first * first / n, 0.0)
        # an outlier that is not in the window moved the middle far away: the difference has lost its digits
        lost = (count >= 2) & (squares < CANCELLED * second) & (not _coarse(moved))
        squares[lost] = self._squares(moved, present, lost)
        deviation: Floats = np.ldexp(np.sqrt(squares / (n - 1)), exponent)
        return deviation

    def _squares(
        self, values: Floats, present: npt.NDArray[np.bool_], wanted: npt.NDArray[np.bool_]
    ) -> Floats:
        """Sum of squares about the mean in the `wanted` states, in rational numbers; walks only the keys that have one."""
        places = self.last[wanted]
        keys = np.zeros(int(self.group.max()) + 1, dtype=bool)
        keys[self.group[places]] = True
        asked = dict.fromkeys(places.tolist(), 0.0)
        first, second, count = Fraction(0), Fraction(0), 0
        for place in np.flatnonzero(keys[self.group]).tolist():
            owner, sign = self.owner[place], int(self.sign[place])
            if present[owner]:
                value = Fraction(float(values[owner]))
                first, second, count = first + sign * value, second + sign * value * value, count + sign
            if place in asked:
                asked[place] = float(second - first * first / count)
        return np.array(list(asked.values()))


def _coarse(values: Floats) -> bool:
    """Whether all values, at most 1 in magnitude, lie on a grid so coarse that their squares add up without rounding."""
    fine = np.ldexp(values, 18)
    return bool(np.all(fine == np.rint(fine)))


def _where(name: str, values: Floats, known: npt.NDArray[np.bool_]) -> pl.Series:
    return pl.select(pl.when(pl.Series(known)).then(pl.Series(values))).to_series().alias(name)


def _next_version(frame: pl.DataFrame, known: pl.Series, row_key: Sequence[str] | None) -> Integers:
    """When each row version is replaced (n,): the known time of the next version of its row, else never."""
    if not row_key:
        return np.full(frame.height, _NEVER)
    whole = pl.all_horizontal(*(pl.col(c).is_not_null() for c in row_key))
    table = frame.select(*(pl.col(c).alias(f"r{i}") for i, c in enumerate(row_key)), whole.alias("whole"))
    table = table.with_columns(known.alias("known")).with_row_index("seq")
    table = table.filter(pl.col("whole") & pl.col("known").is_not_null()).sort("known", "seq")
    by = [f"r{i}" for i in range(len(row_key))]
    table = table.select("seq", pl.col("known").shift(-1).over(by).alias("next"))
    out = np.full(frame.height, _NEVER)
    out[table["seq"].to_numpy()] = table["next"].fill_null(_NEVER).to_numpy()
    return out


def _groups(frame: pl.DataFrame, keys: Sequence[str]) -> tuple[Integers, Integers]:
    """Group number of each row in the sort order of the keys, -1 for a NULL key; a row number of each group."""
    if not keys:
        return np.zeros(frame.height, dtype=np.int64), np.zeros(min(1, frame.height), dtype=np.int64)
    table = frame.select(pl.col(k).alias(f"k{i}") for i, k in enumerate(keys)).with_row_index("seq")
    by = [f"k{i}" for i in range(len(keys))]
    firsts = table.drop_nulls(by).unique(by, keep="first").sort(by).with_row_index("group")
    found = table.join(firsts.select("group", *by), on=by, how="left", maintain_order="left")["group"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy(), firsts["seq"].cast(pl.Int64).to_numpy()


def _first_events(event: Integers, valid: npt.NDArray[np.bool_], group: Integers, n_groups: int) -> Integers:
    out = np.full(n_groups, _NEVER)
    np.minimum.at(out, group[valid], event[valid])
    return out


def _check(
    frame: pl.DataFrame,
    keys: Sequence[str],
    event_time: str,
    known_at: str | None,
    row_key: Sequence[str] | None,
    window: timedelta,
    aggregates: Mapping[str, tuple[str, Aggregate]],
) -> None:
    where = "the window's source"
    times = [event_time] if known_at is None else [event_time, known_at]
    columns = [column for column, _ in aggregates.values()]
    require_columns(frame.schema, [*keys, *times, *(row_key or ()), *columns], where)
    time_type(frame.schema, times, where)
    if window <= timedelta(0):
        raise ValueError(f"a window has to be longer than zero, not {window}")
    for out, (column, kind) in aggregates.items():
        if kind not in AGGREGATES:
            raise ValueError(f"aggregate {out!r}: unknown kind {kind!r}; allowed: {', '.join(AGGREGATES)}")
        if out in (*keys, event_time, VISIBLE, FIRST_EVENT):
            raise ValueError(f"aggregate {out!r} has the name of a key or a time")
        dtype = frame.schema[column]
        if kind != "count" and not (dtype.is_numeric() or dtype == pl.Boolean or dtype == pl.Null):
            raise ValueError(f"aggregate {out!r}: {kind} needs numbers or booleans, {column!r} is {dtype}")
