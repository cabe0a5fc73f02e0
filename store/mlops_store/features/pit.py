"""Point-in-time join: for every spine row (keys, t), what a feature view could have said at t.

Of the rows of the same keys with event time <= t and knowledge time <= t, the greatest by (event time,
knowledge time, arrival) is taken, and then has to be no older than `max_age`. Both ends are inclusive.

How: with visible = max(event, known), a row whose successor in that order is visible no later than itself can
never be the answer. `normalise` drops those; visible then rises with the order within a key, and the answer is
the last row with visible <= t: one binary search among the rows of the key. Keys and times are all that is read
to find the row; each wanted feature column is then read and gathered on its own.

Time columns are Datetime("us"), all of them without a zone or all of them in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

VISIBLE = "__visible"
"""When a row can first be used: the later of event time and knowledge time."""
FIRST_EVENT = "__first_event"
"""Earliest event time of the row's keys, dropped rows included: tells "not yet known" from "no row"."""
_ORDER, _EVENT, _KNOWN = "__order", "__event", "__known"

PRESENT, NO_ROW, TOO_OLD, NOT_YET_KNOWN = "PRESENT", "NO_ROW", "TOO_OLD", "NOT_YET_KNOWN"
STATUS = pl.Enum([PRESENT, NO_ROW, TOO_OLD, NOT_YET_KNOWN])

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ViewRows:
    """A feature view to join: its rows, as a frame or as the path of a Parquet file (or glob of files in order).

    Rows that went through `normalise` are used as they are; others are normalised first. `known_at` None: known
    at event time. `max_age` None: unlimited. No keys: one global series.
    """

    name: str
    rows: pl.DataFrame | pl.LazyFrame | str | Path
    keys: Sequence[str]
    event_time: str
    known_at: str | None
    features: Sequence[str]
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Normalised:
    """Rows ready to be joined, sorted by (keys, event, known, arrival), and how many were left out and why."""

    frame: pl.DataFrame
    null_keys: int
    null_times: int
    superseded: int


def normalise(
    rows: pl.DataFrame | pl.LazyFrame, keys: Sequence[str], event_time: str, known_at: str | None = None
) -> Normalised:
    """Sort rows for the join and drop what can never be an answer. Arrival order is the order of `rows`.

    Adds the columns `__visible` and `__first_event`. Rows with a NULL key or a NULL time match nothing and are
    dropped; NULL feature values are kept. Raises ValueError for missing columns or unfit time columns.
    """
    frame = rows.lazy().collect()
    times = [event_time] if known_at is None else [event_time, known_at]
    require_columns(frame.schema, [*keys, *times], "the feature rows")
    time_type(frame.schema, times, "the feature rows")
    null_key = pl.any_horizontal(*(pl.col(k).is_null() for k in keys)) if keys else pl.lit(False)
    null_time = pl.any_horizontal(*(pl.col(t).is_null() for t in times))
    counts = frame.select(
        (null_key | pl.lit(False)).sum().alias("k"), (null_time & ~null_key).sum().alias("t")
    )
    null_keys, null_times = counts.row(0)
    if null_keys or null_times:
        frame = frame.filter(~null_key & ~null_time)
    event, known = pl.col(event_time), pl.col(known_at or event_time)
    order = frame.select(
        *(pl.col(k).alias(f"k{i}") for i, k in enumerate(keys)), event.alias(_EVENT), known.alias(_KNOWN)
    ).with_row_index(_ORDER)
    by = [f"k{i}" for i in range(len(keys))]
    order = order.sort([*by, _EVENT, _KNOWN, _ORDER])
    order = order.with_columns(pl.max_horizontal(_EVENT, _KNOWN).alias(VISIBLE))
    later = pl.col(VISIBLE).reverse().cum_min().reverse().shift(-1)
    first = pl.col(_EVENT).first()
    order = order.with_columns(
        (later.over(by) if by else later).alias("later"), (first.over(by) if by else first).alias(FIRST_EVENT)
    )
    kept = order.filter(pl.col("later").is_null() | (pl.col("later") > pl.col(VISIBLE)))
    sorted_rows = frame.drop(VISIBLE, FIRST_EVENT, strict=False)[kept[_ORDER]]
    out = sorted_rows.with_columns(kept[VISIBLE], kept[FIRST_EVENT])
    return Normalised(out, int(null_keys), int(null_times), order.height - kept.height)


def join(spine: pl.DataFrame, keys: Sequence[str], time: str, views: Sequence[ViewRows]) -> pl.DataFrame:
    """The spine, in its order, with `view__feature` columns and one `view__status` column per view.

    Status, decided in this order: NO_ROW if a key or the time of the spine row is NULL; PRESENT or TOO_OLD if a
    row is visible at t, by the event time of that row; NOT_YET_KNOWN if some row of the keys has event time <= t
    (but none was known by t), whatever its age; else NO_ROW. Values are NULL unless PRESENT, and may be NULL then.

    A view may use any of the spine's keys, by the same column names. Raises ValueError for missing or clashing
    columns, times that do not fit together, and rows that claim to be normalised and are not.
    """
    require_columns(spine.schema, [*keys, time], "the spine")
    spine_time = time_type(spine.schema, [time], "the spine")
    _require_distinct(spine, views)
    moments = spine[time]
    added: list[pl.Series] = []
    for view in views:
        if stray := [key for key in view.keys if key not in keys]:
            raise ValueError(
                f"view {view.name!r}: key {stray[0]!r} is not among the spine's keys {list(keys)}"
            )
        added += _join_view(spine, moments, spine_time, view)
    return spine.with_columns(added)


def _join_view(
    spine: pl.DataFrame, moments: pl.Series, spine_time: pl.DataType, view: ViewRows
) -> list[pl.Series]:
    label = f"view {view.name!r}"
    rows = scan(view.rows)
    schema = rows.collect_schema()
    times = [view.event_time] if view.known_at is None else [view.event_time, view.known_at]
    require_columns(schema, [*view.keys, *times, *view.features], label)
    if time_type(schema, times, label) != spine_time:
        raise ValueError(
            f"{label}: {view.event_time!r} is {schema[view.event_time]} but the spine's time is {spine_time}; "
            "convert one of them, so that both have no zone or both are UTC"
        )
    for key in view.keys:
        if not _comparable(schema[key], spine.schema[key]):
            raise ValueError(
                f"{label}: key {key!r} is {schema[key]} but {spine.schema[key]} in the spine; cast one of them"
            )
    if VISIBLE not in schema or FIRST_EVENT not in schema:
        wanted = dict.fromkeys([*view.keys, *times, *view.features])
        rows = normalise(rows.select(*wanted), view.keys, view.event_time, view.known_at).frame.lazy()
    found, status = _locate(spine, moments, rows, view)
    index = pl.Series(np.where(status == 0, found, -1)).cast(pl.Int64)
    index = pl.select(pl.when(index >= 0).then(index)).to_series()
    out = []
    for feature in view.features:
        column = rows.select(feature).collect().to_series()
        out.append(column.gather(index).alias(f"{view.name}__{feature}"))
    states = pl.Series(f"{view.name}__status", status, dtype=pl.UInt32)
    return [*out, _as_status(states)]


def _locate(
    spine: pl.DataFrame, moments: pl.Series, rows: pl.LazyFrame, view: ViewRows
) -> tuple[Integers, npt.NDArray[np.uint32]]:
    """Row number of the answer for each spine row (-1: none), and the index of its status in STATUS."""
    index = rows.select(*view.keys, VISIBLE).collect()
    visible = index[VISIBLE].to_physical().to_numpy()
    start, stop = _ranges(spine, index, visible, view)
    t = moments.to_physical().fill_null(0).to_numpy()
    start = np.where(moments.is_null().to_numpy(), -1, start)
    del index
    has_rows = start >= 0
    found = _last_at_most(visible, t, start, stop)
    found[~has_rows] = -1
    status = np.full(len(t), 1, dtype=np.uint32)
    status[found >= 0] = 0
    missing = np.flatnonzero(has_rows & (found < 0))
    if len(missing):
        first = rows.select(FIRST_EVENT).collect().to_series().to_physical().to_numpy()
        status[missing[first[start[missing]] <= t[missing]]] = 3
    if view.max_age is not None:
        event = rows.select(view.event_time).collect().to_series().to_physical().to_numpy()
        hit = np.flatnonzero(found >= 0)
        oldest = t[hit] - (view.max_age // timedelta(microseconds=1))
        status[hit[event[found[hit]] < oldest]] = 2
    return found, status


def _ranges(
    spine: pl.DataFrame, index: pl.DataFrame, visible: Integers, view: ViewRows
) -> tuple[Integers, Integers]:
    """First row and one past the last row of each spine row's keys; start -1 where the keys do not occur."""
    n, keys = index.height, list(view.keys)
    change = np.zeros(n, dtype=bool)
    change[:1] = True
    for key in keys:
        change[1:] |= index.select((pl.col(key) != pl.col(key).shift(1)).slice(1)).to_series().to_numpy()
    if (visible[1:] <= visible[:-1])[~change[1:]].any():
        raise ValueError(
            f"view {view.name!r}: the rows carry {VISIBLE} but are not in the order of `normalise`"
        )
    starts = np.flatnonzero(change)
    stops = np.append(starts[1:], n)[: len(starts)]
    if not keys:
        whole = 0 if n else -1
        return np.full(spine.height, whole, dtype=np.int64), np.full(spine.height, n, dtype=np.int64)
    groups = index[starts].select(keys).with_columns(pl.Series("__start", starts), pl.Series("__stop", stops))
    if groups.select(pl.struct(keys).n_unique()).item() != groups.height and groups.height:
        raise ValueError(f"view {view.name!r}: the rows carry {VISIBLE} but are not sorted by key")
    spine_keys = spine.select(pl.col(k).cast(index.schema[k], strict=False) for k in keys)
    hit = spine_keys.join(groups, on=keys, how="left", maintain_order="left")
    return hit["__start"].fill_null(-1).to_numpy(), hit["__stop"].fill_null(-1).to_numpy()


def _last_at_most(ordered: Integers, wanted: Integers, start: Integers, stop: Integers) -> Integers:
    """For each i the last position in [start, stop) with ordered <= wanted, -1 if none: bisection of all at once."""
    low, high = start - 1, np.maximum(stop - 1, start - 1)
    low[start < 0], high[start < 0] = -1, -1
    open_ = np.flatnonzero(low < high)
    while len(open_):
        middle = (low[open_] + high[open_] + 1) >> 1
        fits = ordered[middle] <= wanted[open_]
        low[open_[fits]] = middle[fits]
        high[open_[~fits]] = middle[~fits] - 1
        open_ = open_[low[open_] < high[open_]]
    return np.where(low >= start, low, -1)


def scan(rows: pl.DataFrame | pl.LazyFrame | str | Path) -> pl.LazyFrame:
    return pl.scan_parquet(rows) if isinstance(rows, str | Path) else rows.lazy()


def require_columns(schema: pl.Schema, columns: Sequence[str], where: str) -> None:
    """Raises ValueError naming the first missing column and what there is."""
    for column in columns:
        if column not in schema:
            raise ValueError(f"{where}: no column {column!r}; there are {', '.join(map(repr, schema))}")


def time_type(schema: pl.Schema, columns: Sequence[str], where: str) -> pl.DataType:
    """The one type of these time columns. Raises ValueError unless it is Datetime("us"), zone none or UTC."""
    allowed = (pl.Datetime("us"), pl.Datetime("us", "UTC"))
    for column in columns:
        if schema[column] not in allowed:
            raise ValueError(
                f"{where}: time column {column!r} is {schema[column]}; cast it to Datetime('us') or Datetime('us', 'UTC')"
            )
    if len({schema[column] for column in columns}) > 1:
        raise ValueError(f"{where}: {' and '.join(map(repr, columns))} mix times with and without a zone")
    return schema[columns[0]]


def _comparable(a: pl.DataType, b: pl.DataType) -> bool:
    text = (pl.String, pl.Categorical, pl.Enum)
    return a == b or (a.is_integer() and b.is_integer()) or (isinstance(a, text) and isinstance(b, text))


def _require_distinct(spine: pl.DataFrame, views: Sequence[ViewRows]) -> None:
    taken = set(spine.columns)
    for view in views:
        for name in [*(f"{view.name}__{feature}" for feature in view.features), f"{view.name}__status"]:
            if name in taken:
                raise ValueError(f"two columns of the joined frame would be called {name!r}")
            taken.add(name)


def _as_status(codes: pl.Series) -> pl.Series:
    names = pl.Series(STATUS.categories, dtype=STATUS)
    return names.gather(codes).alias(codes.name)
