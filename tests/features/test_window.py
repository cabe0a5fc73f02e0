"""Window history against a brute-force reading of its definition, through the point-in-time join."""

from __future__ import annotations

import math
import statistics
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.features.pit import ViewRows, join
from mlops_store.features.window import window_history

START = datetime(2024, 1, 1)


def at(n: int | None) -> datetime | None:
    return None if n is None else START + timedelta(microseconds=n)


values = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.1, 1e12, -1e12, 1e-7]))
rows_of = st.lists(
    st.tuples(
        st.sampled_from(["x", "y", None]),
        st.one_of(st.none(), st.integers(0, 12)),
        st.one_of(st.none(), st.integers(0, 16)),
        st.sampled_from([1, 2, 3, 4, None]),
        values,
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=25,
)


def frame_of(rows):
    return pl.DataFrame(
        {
            "key 'k'": pl.Series([r[0] for r in rows], dtype=pl.String),
            "event": pl.Series([at(r[1]) for r in rows], dtype=pl.Datetime("us")),
            "known": pl.Series([at(r[2]) for r in rows], dtype=pl.Datetime("us")),
            "id": pl.Series([r[3] for r in rows], dtype=pl.Int64),
            "value": pl.Series([r[4] for r in rows], dtype=pl.Float64),
            "flag": pl.Series([r[5] for r in rows], dtype=pl.Boolean),
        }
    )


def current(rows, key, t, window, use_known, use_id):
    """The rows in the window at t, each in the version known at t."""
    newest = {}
    for seq, (k, event, known, row_id, value, flag) in enumerate(rows):
        known = known if use_known else event
        if known is None or known > t:
            continue
        name = row_id if use_id and row_id is not None else ("own", seq)
        if name not in newest or (known, seq) >= newest[name][:2]:
            newest[name] = (known, seq, k, event, value, flag)
    return [
        (value, flag)
        for _, _, k, event, value, flag in newest.values()
        if k is not None and k == key and event is not None and t - window <= event <= t
    ]


AGGREGATES = {
    "n": ("value", "count"), "total": ("value", "sum"), "mean": ("value", "mean"),
    "sd": ("value", "std"), "share": ("flag", "rate"), "trues": ("flag", "sum"),
}  # fmt: skip


@settings(max_examples=examples(80), deadline=None)
@given(rows_of, st.integers(1, 6), st.booleans(), st.booleans())
def test_equals_brute_force_at_every_time(rows, window, use_known, use_id):
    history = window_history(
        frame_of(rows), ["key 'k'"], "event", "known" if use_known else None, ["id"] if use_id else None,
        timedelta(microseconds=window), AGGREGATES,
    )  # fmt: skip
    moments = [(key, t) for key in ("x", "y") for t in range(0, 25)]
    spine = pl.DataFrame(
        {
            "key 'k'": [k for k, _ in moments],
            "t": pl.Series([at(t) for _, t in moments], dtype=pl.Datetime("us")),
        }
    )
    joined = join(
        spine, ["key 'k'"], "t", [ViewRows("w", history, ["key 'k'"], "event", None, list(AGGREGATES))]
    )
    for (key, t), got in zip(moments, joined.iter_rows(named=True), strict=True):
        inside = current(rows, key, t, window, use_known, use_id)
        numbers = [value for value, _ in inside if value is not None]
        flags = [flag for _, flag in inside if flag is not None]
        if got["w__status"] != "PRESENT":
            assert not inside
            continue
        scale = max([abs(r[4]) for r in rows if r[4] is not None], default=0.0)
        assert got["w__n"] == len(numbers)
        assert got["w__total"] == pytest.approx(math.fsum(numbers), rel=1e-12, abs=1e-20 * scale)
        assert got["w__trues"] == sum(flags)
        assert got["w__mean"] == (
            pytest.approx(math.fsum(numbers) / len(numbers), rel=1e-12, abs=1e-20 * scale)
            if numbers
            else None
        )
        assert got["w__share"] == (pytest.approx(sum(flags) / len(flags)) if flags else None)
        if len(numbers) < 2:
            assert got["w__sd"] is None
        else:
            assert got["w__sd"] == pytest.approx(
                statistics.stdev(numbers), rel=1e-9, abs=1e-9 * max(map(abs, numbers)) + 1e-15 * scale
            )


def test_nothing_is_left_behind_by_a_huge_value():
    rows = [("x", 0, 0, 1, 1e15, None), *(("x", n, n, n, 0.1, None) for n in range(2, 9))]
    history = window_history(
        frame_of(rows),
        ["key 'k'"],
        "event",
        "known",
        None,
        timedelta(microseconds=3),
        {"s": ("value", "sum"), "sd": ("value", "std")},
    )
    assert history["s"].to_list()[-1] == 0.0
    after = history.filter(pl.col("event") == at(8))
    assert after["s"].item() == pytest.approx(0.4, rel=1e-14)


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1.0, 1e200, 1e307])
def test_every_magnitude(scale):
    rows = [("x", n, n, n, scale * n / 10, None) for n in range(1, 6)]
    history = window_history(
        frame_of(rows),
        ["key 'k'"],
        "event",
        "known",
        None,
        timedelta(microseconds=20),
        {"m": ("value", "mean"), "sd": ("value", "std")},
    )
    last = history.filter(pl.col("event") == at(5))
    assert last["m"].item() == pytest.approx(scale * 0.3, rel=1e-10)
    assert last["sd"].item() == pytest.approx(scale * statistics.stdev([0.1, 0.2, 0.3, 0.4, 0.5]), rel=1e-9)


def test_std_of_a_large_offset():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=200)
    rows = [("x", n, n, n, 1e9 + noise[n], None) for n in range(200)]
    history = window_history(
        frame_of(rows),
        ["key 'k'"],
        "event",
        "known",
        None,
        timedelta(microseconds=500),
        {"sd": ("value", "std")},
    )
    got = history.filter(pl.col("event") == at(199))["sd"].item()
    assert got == pytest.approx(np.std(np.array([r[4] for r in rows]) - 1e9, ddof=1), rel=1e-9)


def test_nan_in_the_window_is_nan_and_leaves_with_its_row():
    rows = [("x", 0, 0, 1, float("nan"), None), ("x", 5, 5, 2, 2.0, None)]
    history = window_history(
        frame_of(rows),
        ["key 'k'"],
        "event",
        "known",
        None,
        timedelta(microseconds=3),
        {"m": ("value", "mean"), "n": ("value", "count")},
    )
    assert math.isnan(history["m"][0])
    assert history.filter(pl.col("event") == at(5))["m"].item() == 2.0


def test_global_window_without_keys():
    rows = [("x", 0, 0, 1, 1.0, None), ("y", 1, 4, 2, 3.0, None)]
    history = window_history(
        frame_of(rows), [], "event", "known", None, timedelta(microseconds=5), {"m": ("value", "mean")}
    )
    assert history.rows() == [(at(0), 1.0, at(0), at(0)), (at(4), 2.0, at(4), at(0)), (at(6), 3.0, at(6), at(0)), (at(7), None, at(7), at(0))]  # fmt: skip


def test_mistakes_are_named():
    frame = frame_of([("x", 0, 0, 1, 1.0, None)])
    hour = timedelta(hours=1)
    with pytest.raises(ValueError, match="longer than zero"):
        window_history(frame, [], "event", None, None, timedelta(0), {"m": ("value", "mean")})
    with pytest.raises(ValueError, match="unknown kind"):
        window_history(frame, [], "event", None, None, hour, {"m": ("value", "median")})
    with pytest.raises(ValueError, match="name of a key or a time"):
        window_history(frame, [], "event", None, None, hour, {"event": ("value", "mean")})
    with pytest.raises(ValueError, match="needs numbers"):
        window_history(frame, [], "event", None, None, hour, {"m": ("key 'k'", "mean")})


def test_an_outlier_that_has_left_the_window_costs_no_digits() -> None:
    rows = [("x", 1, 0, 1e12), ("x", 5, 0, 0.0), ("x", 6, 0, 1.0), ("x", 7, 0, 3.0)]
    frame = pl.DataFrame(
        {"k": [r[0] for r in rows], "event": pl.Series([at(r[1]) for r in rows], dtype=pl.Datetime("us")), "v": [r[3] for r in rows]}
    )  # fmt: skip
    history = window_history(
        frame, ["k"], "event", None, None, timedelta(microseconds=2), {"sd": ("v", "std")}
    )
    spine = pl.DataFrame({"k": ["x", "x"], "t": pl.Series([at(6), at(7)], dtype=pl.Datetime("us"))})
    joined = join(spine, ["k"], "t", [ViewRows("w", history, ["k"], "event", None, ["sd"])])
    assert joined["w__sd"].to_list() == pytest.approx(
        [statistics.stdev([0, 1]), statistics.stdev([0, 1, 3])], rel=1e-12
    )
