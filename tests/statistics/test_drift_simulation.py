"""How often a chunk of ten columns alarms: without drift in at most one case of twenty, with drift nearly always."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from mlops_tui.worker.statistics import drift
from mlops_tui.worker.statistics.drift import build_profile, chunk_alerts, drift_columns

SIZES = (100, 500, 5000)
DAYS, ROWS, COLUMNS, REPEATS = 30, 3000, 10, 40


@pytest.fixture(autouse=True)
def undecorated(monkeypatch):
    """Without the statistics that are shown and decide nothing, which take half the time."""
    monkeypatch.setattr(drift, "_with_samples", lambda _profile, finding, _column: finding)


def column(rng: np.random.Generator, kind: int, offset: np.ndarray) -> np.ndarray:
    """Values about `offset` (in sd): normal, skewed, five levels, or normal with NULLs."""
    values = rng.normal(size=len(offset)) + offset
    if kind == 1:
        return np.exp(values)
    if kind == 2:
        return np.clip(np.round(values), -2, 2)
    return np.where(rng.random(len(offset)) < 0.05, np.nan, values) if kind == 3 else values


def alarms(repeats: int, day_sd: float, shift: float = 0.0, sizes=SIZES, rows: int = ROWS, days: int = DAYS):
    """Share of chunks that alarm, per size. Every column of every day is off by N(0, day_sd) sd; the chunk is a day.

    The shift, if any, is in the first column.
    """
    hits = dict.fromkeys(sizes, 0)
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        day = np.arange(rows) % days
        reference = {f"c{i}": column(rng, i % 4, rng.normal(size=days)[day] * day_sd) for i in range(COLUMNS)}
        profile = build_profile(pl.DataFrame(reference), days=day)
        for n in sizes:
            off = rng.normal(size=COLUMNS) * day_sd + shift * (np.arange(COLUMNS) == 0)
            chunk = pl.DataFrame({f"c{i}": column(rng, i % 4, np.full(n, off[i])) for i in range(COLUMNS)})
            hits[n] += chunk_alerts(drift_columns(profile, chunk))
    return {n: hit / repeats for n, hit in hits.items()}


@cache
def quiet(day_sd: float) -> dict[int, float]:
    return alarms(REPEATS, day_sd)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("day_sd", [0.0, 0.2])
def test_no_drift_alarms_in_at_most_five_per_cent(day_sd, n):
    tolerance = 1.645 * np.sqrt(0.05 * 0.95 / REPEATS)
    assert quiet(day_sd)[n] <= 0.05 + tolerance


@pytest.mark.parametrize(("day_sd", "rows", "days", "power"), [(0.0, 6000, 30, 0.9), (0.1, 15_000, 60, 0.7)])
def test_half_a_standard_deviation_is_seen(day_sd, rows, days, power):
    assert alarms(25, day_sd, shift=0.5, sizes=(5000,), rows=rows, days=days)[5000] > power


def few_alarms(repeats: int, batch_sd: float, sizes, shift: float = 0.0, batches: int = 3, rows: int = 450):
    """Share of chunks (a batch each) that alarm against a reference of few batches without event time."""
    hits = dict.fromkeys(sizes, 0)
    batch = np.arange(rows) % batches
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        effect = rng.normal(size=(COLUMNS, batches)) * batch_sd
        frame = pl.DataFrame({f"c{i}": column(rng, i % 4, effect[i][batch]) for i in range(COLUMNS)})
        profile = build_profile(frame, batches=batch)
        for n in sizes:
            off = rng.normal(size=COLUMNS) * batch_sd + shift * (np.arange(COLUMNS) == 0)
            chunk = pl.DataFrame({f"c{i}": column(rng, i % 4, np.full(n, off[i])) for i in range(COLUMNS)})
            hits[n] += chunk_alerts(drift_columns(profile, chunk))
    return {n: hit / repeats for n, hit in hits.items()}


def test_three_batches_that_are_alike_do_not_alarm():
    repeats = 26
    found = few_alarms(repeats, 0.0, SIZES)
    tolerance = 1.645 * np.sqrt(0.05 * 0.95 / repeats)
    assert max(found.values()) <= 0.05 + tolerance, found


def test_three_batches_do_not_hide_a_standard_deviation():
    assert few_alarms(30, 0.0, (200,), shift=1.0)[200] >= 0.9


def test_three_batches_are_too_few_to_learn_how_batches_differ():
    """Known and documented: a fifth of a standard deviation between batches lets half of the large chunks alarm."""
    assert 0.05 < few_alarms(30, 0.2, (5000,))[5000] < 0.7


LONG = 90
"""Days of the reference that chunks of many days are compared with, 100 rows each."""
MANY_REPEATS = 14


def persistent(rng: np.random.Generator, days: int, day_sd: float, rho: float) -> np.ndarray:
    """AR(1) day effects of COLUMNS columns, shape (COLUMNS, days), standard deviation `day_sd`."""
    effect = rng.normal(size=(COLUMNS, days))
    for t in range(1, days):
        effect[:, t] = rho * effect[:, t - 1] + np.sqrt(1 - rho**2) * effect[:, t]
    return effect * day_sd


def long_alarms(day_sd: float, rho: float, chunks, repeats: int = MANY_REPEATS, shift: float = 0.0):
    """Share of chunks of `chunks` (days, rows) that alarm, and of columns above their band; without drift none share days."""
    hits = dict.fromkeys(chunks, 0)
    above = []
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        day = np.arange(LONG * 100) // 100
        effect = persistent(rng, LONG, day_sd, rho)
        profile = build_profile(
            pl.DataFrame({f"c{i}": column(rng, i % 4, effect[i][day]) for i in range(COLUMNS)}), days=day
        )
        for m, n in chunks:
            off = persistent(rng, m, day_sd, rho)
            off[0] += shift
            when = rng.integers(0, m, n)
            chunk = pl.DataFrame({f"c{i}": column(rng, i % 4, off[i][when]) for i in range(COLUMNS)})
            found = drift_columns(profile, chunk, chunk_days=when)
            hits[m, n] += chunk_alerts(found)
            above += [one.psi > one.band for one in found]
    return {chunk: hit / repeats for chunk, hit in hits.items()}, float(np.mean(above))


@pytest.mark.parametrize(("day_sd", "rho"), [(0.0, 0.0), (0.2, 0.0), (0.2, 0.7), (0.5, 0.7)])
def test_chunks_of_many_days_do_not_alarm_without_drift(day_sd, rho):
    chunks = [(m, n) for m in (10, 30) for n in SIZES]
    found, above = long_alarms(day_sd, rho, chunks)
    one = 1.645 * np.sqrt(0.05 * 0.95 / MANY_REPEATS)
    assert all(share <= 0.05 + one for share in found.values()), found
    assert np.mean(list(found.values())) <= 0.05 and above <= 0.05


def test_half_a_standard_deviation_is_seen_over_a_month():
    assert long_alarms(0.2, 0.0, [(30, 5000)], shift=0.5)[0][30, 5000] > 0.9


def test_fixed_thresholds_would_cry_wolf():
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(60):
        found = drift_columns(
            pl.DataFrame({"x": rng.normal(size=100)}), pl.DataFrame({"x": rng.normal(size=100)})
        )
        above += found[0].psi > 0.1
    assert above > 0.6 * 60
