"""A search over parameters: spaces, points, and the runs that it queues."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.project.sweeps import MOST, chosen, space_of
from mlops_tui.verbs._shapes import Run


def test_a_grid_is_all_its_points_in_order() -> None:
    points = chosen(space_of({"depth": "3,5", "kind": "forest,linear"}), None, 0)
    assert points == [
        {"depth": 3, "kind": "forest"}, {"depth": 3, "kind": "linear"}, {"depth": 5, "kind": "forest"}, {"depth": 5, "kind": "linear"},
    ]  # fmt: skip


@given(
    low=st.floats(1e-6, 1e3),
    factor=st.floats(1.01, 1e4),
    log=st.booleans(),
    trials=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_points_lie_in_their_range_once_each_and_repeat_by_the_seed(
    low: float, factor: float, log: bool, trials: int, seed: int
) -> None:
    high = low * factor
    space = space_of({"lr": f"{low!r}..{high!r}{':log' if log else ''}", "n": "1..1000000"})
    points = chosen(space, trials, seed)
    assert points == chosen(space, trials, seed)
    assert len(points) == trials == len({(point["lr"], point["n"]) for point in points})
    for point in points:
        assert low * (1 - 1e-5) <= point["lr"] <= high * (1 + 1e-5)
        assert isinstance(point["n"], int) and 1 <= point["n"] <= 1_000_000


def test_a_logarithmic_range_is_even_in_the_logarithm() -> None:
    points = chosen(space_of({"lr": "0.0001..1.0:log"}), MOST, 1)
    below = sum(point["lr"] < 0.01 for point in points)
    assert abs(below - MOST / 2) < 3 * math.sqrt(MOST) / 2


def test_a_small_space_gives_what_it_has() -> None:
    assert len(chosen(space_of({"k": "1..3", "flag": "true,false"}), 50, 0)) == 6


@pytest.mark.parametrize(
    "text", ["1..", "..", "a..b", "5..1", "0..1:log", "1..2:cubic", "nan..1", "1..inf", "", ",,"]
)
def test_a_space_that_is_none_says_how_to_write_one(text: str) -> None:
    with pytest.raises(Problem) as caught:
        space_of({"lr": text})
    assert caught.value.code == "bad_space" and "lr=0.001..0.1:log" in caught.value.hint


def test_too_many_runs_and_ranges_without_a_number_are_refused() -> None:
    with pytest.raises(Problem, match="at once"):
        chosen(space_of({"a": ",".join(map(str, range(MOST + 1)))}), None, 0)
    with pytest.raises(Problem, match="no end"):
        chosen(space_of({"a": "0.1..1"}), None, 0)


def test_a_sweep_queues_its_runs_and_a_plan_queues_none(
    served_home: Home, make_project: Callable[..., Path]
) -> None:
    folder = make_project()
    with connect(served_home) as client:
        client.call("project add", {"dir": str(folder)})
        asked = {"project": "quick", "model": "fast", "space": {"lr": "0.1,0.2,0.3"}, "name": "s"}
        plan = client.plan("run sweep", asked)
        assert "queue 3 trainings" in plan.steps[0] and "lr = 0.2" in plan.steps[2]
        assert client.call("run list", {"all_kinds": True}).items == []
        found = client.call("run sweep", asked)
        deadline = time.monotonic() + 30
        listed: list[Run] = []
        while len(listed) < 3 and time.monotonic() < deadline:  # tags are read with the run's folder
            listed = client.call("run list", {"filter": "tags.sweep = s", "sort": "name"}).items
        assert [run.run_id for run in listed] == found.runs
        assert [(run.name, run.params["lr"]) for run in listed] == [("s-1", 0.1), ("s-2", 0.2), ("s-3", 0.3)]
