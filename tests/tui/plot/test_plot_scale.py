"""Axes: ticks at round values, ascending in value and place, labels that tell them apart."""

from __future__ import annotations

import math
from datetime import timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.tui.plot.scale import Scale, moment, number, numbers, ticks, x_scale, x_ticks, y_scale

finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(finite, finite, st.integers(1, 12), st.booleans())
def test_axes_are_monotone(a: float, b: float, count: int, log: bool) -> None:
    low, high = sorted((abs(a) or 1.0, abs(b) or 1.0)) if log else sorted((a, b))
    scale = y_scale(low, high, log)
    found = ticks(scale, count)
    assert 1 <= len(found) <= 3 * count + 3
    values = [value for value, _ in found]
    places = [scale.place(value) for value in values]
    assert values == sorted(set(values))
    assert places == sorted(places) and all(math.isfinite(place) for place in places)
    assert len({label for _, label in found}) == len(found)


@settings(max_examples=200, deadline=None)
@given(finite, finite, st.sampled_from(["step", "time"]))
def test_x_axes_are_monotone(a: float, b: float, kind) -> None:  # type: ignore[no-untyped-def]
    found = x_ticks(x_scale(*sorted((a, b))), 8, kind)
    values = [value for value, _ in found]
    assert values == sorted(set(values)) and len(found) < 40


@given(st.floats(-1e9, 1e9), st.floats(0.001, 1e9), st.floats(0, 1))
def test_a_place_and_its_value_are_the_same_point(low: float, span: float, place: float) -> None:
    scale = Scale(low, low + span)
    assert scale.place(scale.value(place)) == pytest.approx(place, abs=1e-3)


def test_labels() -> None:
    assert [label for _, label in ticks(Scale(0, 1), 5)] == ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [label for _, label in ticks(Scale(0, 50_000), 5)] == ["0", "10k", "20k", "30k", "40k", "50k"]
    assert [label for _, label in ticks(Scale(1e-7, 5e-7), 4)] == ["1e-7", "2e-7", "3e-7", "4e-7", "5e-7"]
    assert [label for _, label in ticks(Scale(1e-4, 1e3, True), 8)] == [
        "1e-4",
        "0.001",
        "0.01",
        "0.1",
        "1",
        "10",
        "100",
        "1000",
    ]
    assert [label for _, label in ticks(Scale(0, 3), 12, integers=True)] == ["0", "1", "2", "3"]
    assert (number(0.91324), number(123456), number(1e-9), number(-1.5e300)) == (
        "0.9132",
        "123.5k",
        "1e-9",
        "-1.5e300",
    )
    assert numbers([0.79, 0.8121]) == ["0.7900", "0.8121"] and numbers([3.0, 20.0]) == ["3", "20"]


def test_times() -> None:
    day = 86_400_000.0
    start = 1_790_000_000_000 // 86_400_000 * day
    assert [label for _, label in x_ticks(Scale(start - day / 24, start + day / 24), 4, "time")] == [
        "23:00",
        "23:30",
        "21 Sep",
        "00:30",
        "01:00",
    ]
    assert x_ticks(Scale(start, start + 5 * day), 5, "time")[1][1] == "22 Sep"
    zone = timezone(timedelta(hours=5, minutes=30))
    assert {label[-2:] for _, label in x_ticks(Scale(start, start + day / 4), 5, "time", zone)} == {"00"}
    assert moment(1e30) == "1e30"
