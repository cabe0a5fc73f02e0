"""Cluster bootstrap: the fast ways equal the plain one, and intervals cover as often as they say."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from mlops_tui.worker.statistics import bootstrap, metrics

ALL = list(metrics.METRICS.values())


def data_for(task, n=300, seed=0):
    rng = np.random.default_rng(seed)
    if task == "multiclass":
        y = rng.integers(0, 3, n)
        p = rng.dirichlet(np.ones(3), n) + np.eye(3)[y]
        return y.astype(float), p / p.sum(axis=1, keepdims=True)
    if task == "regression":
        y = rng.normal(size=n)
        return y, y + rng.normal(size=n)
    p = np.round(rng.random(n), 2)
    return (rng.random(n) < p).astype(float), p


@pytest.mark.parametrize("metric", ALL, ids=lambda m: f"{m.task}-{m.name}")
@pytest.mark.parametrize("clusters", [7, 600])
def test_a_resample_is_the_metric_of_the_resampled_rows(metric, clusters):
    y, p = data_for(metric.task, n=1200)
    rng = np.random.default_rng(1)
    codes = np.concatenate((np.arange(clusters), rng.integers(0, clusters, len(y) - clusters)))
    weights = rng.integers(0, 4, (5, clusters)).astype(float)
    fast = bootstrap.evaluator(metric, y, p, codes, clusters)(weights)
    plain = [metric(y, p, w[codes]) for w in weights]
    assert fast == pytest.approx(plain, rel=1e-9)


def test_no_clusters_to_resample_gives_an_estimate_without_bounds():
    metric = metrics.get("accuracy", "classification")
    y, p = data_for("classification")
    one = bootstrap.interval(metric, y, p, np.zeros(len(y)))
    assert one.estimate == metric(y, p) and np.isnan(one.low) and np.isnan(one.high) and one.clusters == 1
    nothing = bootstrap.interval(metric, [], [], [])
    assert np.isnan(nothing.estimate) and nothing.rows == 0


def test_difference_is_positive_where_a_is_better_also_for_losses():
    rng = np.random.default_rng(0)
    y = rng.normal(size=900)
    a, b = y + rng.normal(size=900) * 0.5, y + rng.normal(size=900)
    days = np.arange(900) % 30
    for name in ("rmse", "r2", "median_ae"):
        found = bootstrap.difference(metrics.get(name, "regression"), y, a, b, days)
        back = bootstrap.difference(metrics.get(name, "regression"), y, b, a, days)
        assert 0 < found.low < found.estimate < found.high
        assert back.estimate == pytest.approx(-found.estimate) and back.low == pytest.approx(-found.high)
    same = bootstrap.difference(metrics.get("rmse", "regression"), y, a, a, days)
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)


def test_labels_of_any_type_and_the_same_seed_give_the_same_interval():
    metric = metrics.get("roc_auc", "classification")
    y, p = data_for("classification")
    codes = np.arange(300) % 20
    days = pl.Series(codes).cast(pl.Int32).cast(pl.Date)
    names = pl.Series([None if c == 3 else f"day {c}" for c in codes])
    results = {bootstrap.interval(metric, y, p, labels) for labels in (codes, days, names, names.to_list())}
    assert len(results) == 1
    assert bootstrap.interval(metric, y, p, codes, seed=1) not in results
    with pytest.raises(ValueError, match="cluster labels"):
        bootstrap.interval(metric, y, p, codes[:-1])


def test_a_smaller_alpha_widens_beyond_what_the_resamples_reach():
    metric = metrics.get("accuracy", "classification")
    y, p = data_for("classification", 3000)
    days = np.arange(3000) % 30
    widths = []
    for alpha in (0.2, 0.05, 0.01, 0.001, 0.0001):
        found = bootstrap.interval(metric, y, p, days, alpha=alpha)
        widths.append(found.high - found.low)
    assert widths == sorted(widths) and widths[-1] > 1.5 * widths[1]


def test_one_month_of_flights_is_fast():
    rng = np.random.default_rng(0)
    n = 28_000
    days, x = rng.integers(0, 30, n), rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-x))
    started = time.process_time()
    found = bootstrap.difference(metrics.get("roc_auc", "classification"), y, x, x + rng.normal(size=n), days)
    assert time.process_time() - started < 1.5
    assert found.clusters == 30 and found.low > 0


def day_data(days, seed, rows_a_day=50):
    """Rows whose difficulty, base rate and model error all vary from day to day."""
    rng = np.random.default_rng(seed)
    day = np.arange(days * rows_a_day) % days
    x = rng.normal(size=len(day))
    slope, level, error = (
        np.exp(rng.normal(size=days) * 0.4),
        rng.normal(size=days) * 0.7,
        rng.normal(size=days) * 0.3,
    )
    y = rng.random(len(day)) < 1 / (1 + np.exp(-(x * slope[day] + level[day] - 1)))
    a = 1 / (1 + np.exp(-(x + rng.normal(size=len(day)) * 0.5 - 1)))
    b = 1 / (1 + np.exp(-(x + rng.normal(size=len(day)) * 0.5 + error[day] - 1)))
    return y, a, b, day


@pytest.mark.parametrize("days", [12, 30])
@pytest.mark.parametrize("name", ["roc_auc", "log_loss"])
def test_coverage_is_near_nominal(days, name):
    metric, repeats = metrics.get(name, "classification"), 300
    single, paired = [], []
    for seed in range(repeats):
        y, a, b, day = day_data(days, seed)
        single.append(bootstrap.interval(metric, y, a, day, seed=seed, n_resamples=1000))
        paired.append(bootstrap.difference(metric, y, a, b, day, seed=seed, n_resamples=1000))
    for intervals in (single, paired):
        truth = np.mean([found.estimate for found in intervals])
        covered = np.mean([found.low <= truth <= found.high for found in intervals])
        assert 0.91 <= covered <= 0.985
    row_wise = np.mean([found.high - found.low for found in single])
    y, a, _, day = day_data(days, 0)
    by_row = bootstrap.interval(metric, y, a, np.arange(len(y)), n_resamples=1000)
    assert row_wise > 1.2 * (by_row.high - by_row.low)


def test_a_perfect_score_is_not_known_without_uncertainty():
    y, days = np.arange(600) % 2.0, np.arange(600) // 20
    perfect, other = 0.25 + y / 2, 0.1 + 0.8 * y + np.linspace(0, 0.05, 600)
    unseen = 1 - 0.025 ** (1 / 30)
    auc = metrics.get("roc_auc", "classification")
    one = bootstrap.interval(auc, y, perfect, days)
    assert (one.estimate, one.high, one.method) == (1.0, 1.0, bootstrap.UNSEEN)
    assert one.low == pytest.approx(1 - unseen)
    brier = bootstrap.interval(metrics.get("brier", "classification"), y, y, days)
    assert brier.low == 0 and brier.high == pytest.approx(unseen)
    above = bootstrap.difference(auc, y, perfect, np.full(600, 0.3), days)
    assert above.low == pytest.approx(0.5 - 1.5 * unseen) and above.high == pytest.approx(0.5 + 0.5 * unseen)
    rival = bootstrap.difference(auc, y, perfect, other, days)
    assert rival.estimate == 0 and rival.high == -rival.low == pytest.approx(unseen)
    equal = bootstrap.difference(auc, y, perfect, perfect.copy(), days)
    assert (equal.low, equal.estimate, equal.high) == (0.0, 0.0, 0.0)
    error = bootstrap.interval(metrics.get("rmse", "regression"), y, y, days)
    assert error.estimate == 0 and np.isnan(error.high), "an error without an upper end has no such bound"


def test_the_bound_of_a_perfect_score_covers():
    """Days of which a share fails altogether: where all that were seen did well, the truth lies in the interval."""
    rng, alpha, missed = np.random.default_rng(0), 0.1, 0
    accuracy, days = metrics.get("accuracy", "classification"), np.arange(200) // 10
    for _ in range(300):
        good = np.repeat(rng.random(20) < 0.86, 10)
        found = bootstrap.interval(accuracy, np.ones(200), good, days, alpha=alpha, n_resamples=200)
        missed += found.method == bootstrap.UNSEEN and not found.low <= 0.86
    assert missed <= alpha / 2 * 300 + 1.645 * np.sqrt(300 * 0.05 * 0.95)
