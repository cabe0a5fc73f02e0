"""How often a chunk of ten columns alarms: without drift in at most one case of twenty, with drift nearly always."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from mlops_tui.worker.statistics.drift import build_profile, chunk_alerts, drift_columns

SIZES = (100, 500, 5000)
DAYS, ROWS, COLUMNS, REPEATS = 30, 3000, 10, 60


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


def test_fixed_thresholds_would_cry_wolf():
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(60):
        found = drift_columns(
            pl.DataFrame({"x": rng.normal(size=100)}), pl.DataFrame({"x": rng.normal(size=100)})
        )
        above += found[0].psi > 0.1
    assert above > 0.6 * 60
