"""Envelopes and trends against a curve made point by point."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from effort import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from index_box import journal, new_home, new_run

from mlops_store.index import chunks as made_chunks
from mlops_store.index import curves, points
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer

STEPS = st.one_of(
    st.integers(-3, 30),
    st.integers(5_000, 5_040),
    st.sampled_from([-(2**63) + 1, 2**63 - 1, 2**62, -(2**62)]),
)
POINTS = st.lists(
    st.tuples(STEPS, st.integers(0, 5), st.sampled_from([0.0, 1.5, -2.0, 7.25, math.nan, math.inf])),
    min_size=1, max_size=40,
)  # fmt: skip


def write(writer: Writer, files: list[list[tuple[int, int, float]]]) -> tuple[str, list[tuple[Any, ...]]]:
    """A run with one journal for each list; its points as (step, ts, attempt, writer, line, value)."""
    folder = new_run(writer.home)
    every = []
    for number, some in enumerate(files):
        name = f"{number + 1}-h-1-a"
        lines = [["m", "k", s, t, "nan" if v != v else "inf" if v == math.inf else v] for s, t, v in some]
        journal(folder, name, *lines)
        every += [(s, t, number + 1, name, line, v) for line, (s, t, v) in enumerate(some, 1)]
    writer.ingest([folder.path])
    return folder.run_id, every


@settings(
    max_examples=examples(12),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.lists(POINTS, min_size=1, max_size=2),
    buckets=st.integers(1, 12),
    axis=st.sampled_from(["step", "time"]),
    span=st.tuples(st.none() | STEPS, st.none() | STEPS),
    chunks=st.sampled_from([None, 4, 16]),
)
def test_an_envelope_is_exact(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    files: list[list[tuple[int, int, float]]],
    buckets: int,
    axis: str,
    span: tuple[int | None, int | None],
    chunks: int | None,
) -> None:
    """Whether from the points or, for a long curve, from its chunks."""
    long = 1 << 16 if chunks is None else 1
    monkeypatch.setattr(curves, "LONG", long)
    monkeypatch.setattr(points, "LONG", long)
    monkeypatch.setattr(made_chunks, "MOST", chunks or 1 << 12)
    writer = Writer.open(new_home(tmp_path_factory.mktemp("curve")))
    run_id, every = write(writer, files)
    with writer.reader() as read:
        (found,) = curves.series(read, run_id, ["k", "none"], buckets, axis, span)
        trend = curves.trends(read, [run_id], "k", buckets)
    writer.close()
    all_finite = [point for point in every if math.isfinite(point[-1])]
    assert (found["points"], found["nonfinite"]) == (len(every), len(every) - len(all_finite))
    assert len(found["buckets"]) <= buckets
    place = 0 if axis == "step" else 1
    low, high = (-math.inf if span[0] is None else span[0], math.inf if span[1] is None else span[1])
    finite = [point for point in all_finite if low <= point[place] <= high]
    starts = [bucket[0] for bucket in found["buckets"]]
    assert starts == sorted(set(starts)) and bool(starts) == bool(finite)
    inside: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for point in finite:
        inside[max(start for start in starts if start <= point[place])].append(point)
    assert found["buckets"] == [
        [min(p[place] for p in inside[x]), min(p[-1] for p in inside[x]), max(p[-1] for p in inside[x]), max(inside[x])[-1]]
        for x in starts
    ]  # fmt: skip
    if axis == "step":
        assert len(trend.get(run_id, [])) <= buckets
        assert trend.get(run_id, [None])[-1] == (max(all_finite)[-1] if all_finite else None)


def test_buckets_are_fine_where_a_curve_begins_late(tmp_path: Path) -> None:
    writer = Writer.open(new_home(tmp_path))
    run_id, _ = write(writer, [[(1_000_000 + step, 0, float(step)) for step in range(1000)]])
    read: Read
    with writer.reader() as read:
        (found,) = curves.series(read, run_id, ["k"], 100)
        trend = curves.trends(read, [run_id, "f" * 32], "k", 4)
    writer.close()
    assert [bucket[0] for bucket in found["buckets"]] == list(range(1_000_000, 1_001_000, 10))
    assert found["buckets"][3] == [1_000_030, 30.0, 39.0, 39.0]
    assert trend == {run_id: [249.0, 499.0, 749.0, 999.0]}


@pytest.mark.parametrize("long", [False, True])
def test_one_bucket_takes_all_that_64_bits_can_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    if long:
        monkeypatch.setattr(curves, "LONG", 1)
        monkeypatch.setattr(points, "LONG", 1)
    writer = Writer.open(new_home(tmp_path))
    ends = (-(2**63), 2**63 - 1)
    run_id, _ = write(writer, [[(ends[0], ends[0], 1.0), (0, 0, 3.0), (ends[1], ends[1], 2.0)]])
    with writer.reader() as read:
        for axis in ("step", "time"):
            (found,) = curves.series(read, run_id, ["k"], 1, axis)
            assert found["buckets"] == [[ends[0], 1.0, 3.0, 2.0]], axis
        assert curves.trends(read, [run_id], "k", 1) == {run_id: [2.0]}
    writer.close()


def test_hostile_names(tmp_path: Path) -> None:
    writer = Writer.open(new_home(tmp_path))
    run_id, _ = write(writer, [[(0, 0, 1.0)]])
    with writer.reader() as read:
        evil = "k' OR true; --"
        assert curves.series(read, run_id, [evil]) == [] and curves.trends(read, [run_id], evil) == {}
        assert curves.trends(read, [], "k") == {}
    writer.close()
