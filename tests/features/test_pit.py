"""The point-in-time join against a brute-force reading of its definition."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.features.pit import ViewRows, join, normalise

START = datetime(2024, 1, 1)
ODD_KEY, ODD_KEY_2, ODD_EVENT, ODD_KNOWN, ODD_FEATURE = (
    'a "b"',
    "select",
    "event time",
    "köwn'at",
    "value; --",
)


def at(n: int | None) -> datetime | None:
    return None if n is None else START + timedelta(microseconds=n)


key_values = st.sampled_from(["x", "y'", None])
few_times = st.one_of(st.none(), st.integers(0, 12))
source_rows = st.lists(
    st.tuples(
        key_values,
        st.sampled_from([1, 2, None]),
        few_times,
        few_times,
        st.one_of(st.none(), st.integers(0, 99)),
    ),
    max_size=25,
)
spine_rows = st.lists(st.tuples(key_values, st.sampled_from([1, 2, 3, None]), few_times), max_size=15)


def oracle(spine_row, rows, n_keys, use_known, max_age):
    """(status, value) by reading every row; n_keys of the two keys are used."""
    *keys, t = spine_row
    keys = keys[:n_keys]
    if t is None or None in keys:
        return "NO_ROW", None
    fit = []
    for arrival, (k1, k2, event, known, value) in enumerate(rows):
        known = known if use_known else event
        if [k1, k2][:n_keys] == keys and event is not None and known is not None and event <= t:
            fit.append((event, known, arrival, value))
    seen = [row for row in fit if row[1] <= t]
    if seen:
        event, _, _, value = max(seen, key=lambda row: row[:3])
        return ("TOO_OLD", None) if max_age is not None and event < t - max_age else ("PRESENT", value)
    return ("NOT_YET_KNOWN", None) if fit else ("NO_ROW", None)


def frames(spine, rows, zone=None):
    moment = pl.Datetime("us", zone)
    source = pl.DataFrame(
        {
            ODD_KEY: pl.Series([r[0] for r in rows], dtype=pl.String),
            ODD_KEY_2: pl.Series([r[1] for r in rows], dtype=pl.Int64),
            ODD_EVENT: pl.Series([at(r[2]) for r in rows], dtype=pl.Datetime("us")).cast(moment),
            ODD_KNOWN: pl.Series([at(r[3]) for r in rows], dtype=pl.Datetime("us")).cast(moment),
            ODD_FEATURE: pl.Series([r[4] for r in rows], dtype=pl.Int64),
        }
    )
    left = pl.DataFrame(
        {
            ODD_KEY: pl.Series([r[0] for r in spine], dtype=pl.String),
            ODD_KEY_2: pl.Series([r[1] for r in spine], dtype=pl.Int32),
            "t": pl.Series([at(r[2]) for r in spine], dtype=pl.Datetime("us")).cast(moment),
        }
    )
    return left, source


@settings(max_examples=examples(80), deadline=None)
@given(
    spine_rows,
    source_rows,
    st.integers(0, 2),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 6)),
    st.booleans(),
)
def test_join_equals_brute_force(spine, rows, n_keys, use_known, max_age, stored):
    left, source = frames(spine, rows, "UTC" if stored else None)
    keys, known = [ODD_KEY, ODD_KEY_2][:n_keys], ODD_KNOWN if use_known else None
    if stored:
        source = normalise(source, keys, ODD_EVENT, known).frame
    age = None if max_age is None else timedelta(microseconds=max_age)
    view = ViewRows("my view", source, keys, ODD_EVENT, known, [ODD_FEATURE], age)
    joined = join(left, [ODD_KEY, ODD_KEY_2], "t", [view])
    assert joined.select(left.columns).equals(left)
    expected = [oracle(row, rows, n_keys, use_known, max_age) for row in spine]
    found = joined.select("my view__status", f"my view__{ODD_FEATURE}").rows()
    assert [tuple(row) for row in found] == expected


@settings(max_examples=examples(50), deadline=None)
@given(source_rows, st.booleans())
def test_normalised_rows_rise_and_count_what_is_left_out(rows, use_known):
    _, source = frames([], rows)
    done = normalise(source, [ODD_KEY], ODD_EVENT, ODD_KNOWN if use_known else None)
    assert done.frame.height + done.null_keys + done.null_times + done.superseded == len(rows)
    rises = done.frame.select(
        (pl.col("__visible") > pl.col("__visible").shift(1)).over(ODD_KEY).fill_null(True).all()
    )
    assert rises.item()
    again = normalise(done.frame, [ODD_KEY], ODD_EVENT, ODD_KNOWN if use_known else None)
    assert again.superseded == 0
    assert again.frame.drop("__first_event").equals(done.frame.drop("__first_event"))


def test_parquet_path_in_row_groups_and_several_views(tmp_path: Path):
    rows = [("x", 1, n, n + n % 5, n) for n in range(500)]
    spine = [("x", 1, n) for n in (499, 3, 250)] + [("y'", 1, 9)]
    left, source = frames(spine, rows)
    normalise(source, [ODD_KEY], ODD_EVENT, ODD_KNOWN).frame.write_parquet(
        tmp_path / "v.parquet", row_group_size=37
    )
    source.write_parquet(tmp_path / "raw.parquet")
    views = [
        ViewRows("stored", tmp_path / "v.parquet", [ODD_KEY], ODD_EVENT, ODD_KNOWN, [ODD_FEATURE]),
        ViewRows(
            "raw", str(tmp_path / "raw.parquet"), [ODD_KEY], ODD_EVENT, ODD_KNOWN, [ODD_FEATURE, ODD_KEY]
        ),
        ViewRows("lazy", source.lazy(), [], ODD_EVENT, ODD_KNOWN, []),
    ]
    joined = join(left, [ODD_KEY, ODD_KEY_2], "t", views)
    expected = [oracle(row, rows, 1, True, None)[1] for row in spine]
    assert joined[f"stored__{ODD_FEATURE}"].to_list() == expected == joined[f"raw__{ODD_FEATURE}"].to_list()
    assert joined["lazy__status"].to_list() == ["PRESENT"] * 4


def test_first_event_survives_its_row_being_dropped():
    left, source = frames([("x", 1, 3)], [("x", 1, 1, 10, 1), ("x", 1, 5, 7, 2)])
    stored = normalise(source, [ODD_KEY], ODD_EVENT, ODD_KNOWN)
    assert stored.superseded == 1
    view = ViewRows("v", stored.frame, [ODD_KEY], ODD_EVENT, ODD_KNOWN, [])
    assert join(left, [ODD_KEY], "t", [view])["v__status"].to_list() == ["NOT_YET_KNOWN"]


def view_of(source: pl.DataFrame, **changes) -> ViewRows:
    fields = {
        "name": "v",
        "rows": source,
        "keys": [ODD_KEY],
        "event_time": ODD_EVENT,
        "known_at": None,
        "features": [ODD_FEATURE],
    }
    return ViewRows(**{**fields, **changes})


def test_mistakes_are_named():
    left, source = frames([("x", 1, 3)], [("x", 1, 1, 1, 1)])
    utc, _ = frames([("x", 1, 3)], [], "UTC")
    with pytest.raises(ValueError, match="no zone or both are UTC"):
        join(utc, [ODD_KEY], "t", [view_of(source)])
    with pytest.raises(ValueError, match="cast it to Datetime"):
        join(left.with_columns(pl.col("t").dt.date()), [ODD_KEY], "t", [view_of(source)])
    with pytest.raises(ValueError, match="no column 'nope'"):
        join(left, [ODD_KEY], "t", [view_of(source, features=["nope"])])
    with pytest.raises(ValueError, match="not among the spine's keys"):
        join(left, [ODD_KEY_2], "t", [view_of(source)])
    with pytest.raises(ValueError, match="would be called"):
        join(left, [ODD_KEY], "t", [view_of(source), view_of(source)])
    with pytest.raises(ValueError, match="cast one of them"):
        join(left.with_columns(pl.lit(1).alias(ODD_KEY)), [ODD_KEY], "t", [view_of(source)])
    mixed = source.with_columns(pl.col(ODD_KNOWN).dt.replace_time_zone("UTC"))
    with pytest.raises(ValueError, match="with and without a zone"):
        normalise(mixed, [ODD_KEY], ODD_EVENT, ODD_KNOWN)


def test_unsorted_rows_that_claim_to_be_normalised_are_refused():
    left, source = frames([("x", 1, 3)], [("x", 1, n, n, n) for n in range(4)] + [("y'", 1, 1, 1, 1)])
    stored = normalise(source, [ODD_KEY], ODD_EVENT).frame
    with pytest.raises(ValueError, match="not in the order"):
        join(left, [ODD_KEY], "t", [view_of(stored.reverse())])
    with pytest.raises(ValueError, match="not sorted by key"):
        join(left, [ODD_KEY], "t", [view_of(pl.concat([stored[:2], stored[4:], stored[2:4]]))])


def test_a_key_beyond_the_views_integer_type_matches_nothing():
    left, source = frames([("x", 1, 3)], [("x", 1, 1, 1, 1)])
    small = source.with_columns(pl.col(ODD_KEY_2).cast(pl.Int8))
    big = left.with_columns(pl.lit(10**10).alias(ODD_KEY_2))
    joined = join(big, [ODD_KEY_2], "t", [view_of(small, keys=[ODD_KEY_2])])
    assert joined["v__status"].to_list() == ["NO_ROW"]
