"""Metrics against scikit-learn, weights included, and their undefined cases."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from mlops_tui.worker.statistics import metrics

RNG = np.random.default_rng(0)
N = 400
Y = RNG.integers(0, 2, N)
P = np.round(np.clip(0.35 * Y + RNG.random(N) * 0.65, 0, 1), 2)
W = RNG.integers(0, 4, N).astype(float)
Y3 = RNG.integers(0, 3, N)
P3 = RNG.dirichlet(np.ones(3), N) * 0.5 + 0.5 * np.eye(3)[Y3] * RNG.integers(0, 2, N)[:, None]
P3 /= P3.sum(axis=1, keepdims=True)
YR = RNG.normal(5, 2, N)
PR = YR + RNG.normal(size=N)

BINARY = {
    "roc_auc": lambda w: sk.roc_auc_score(Y, P, sample_weight=w),
    "average_precision": lambda w: sk.average_precision_score(Y, P, sample_weight=w),
    "log_loss": lambda w: sk.log_loss(Y, P, sample_weight=w),
    "brier": lambda w: sk.brier_score_loss(Y, P, sample_weight=w),
    "accuracy": lambda w: sk.accuracy_score(Y, P >= 0.5, sample_weight=w),
    "f1": lambda w: sk.f1_score(Y, P >= 0.5, sample_weight=w),
    "precision": lambda w: sk.precision_score(Y, P >= 0.5, sample_weight=w),
    "recall": lambda w: sk.recall_score(Y, P >= 0.5, sample_weight=w),
}
MULTICLASS = {
    "accuracy": lambda w: sk.accuracy_score(Y3, P3.argmax(1), sample_weight=w),
    "macro_f1": lambda w: sk.f1_score(Y3, P3.argmax(1), average="macro", sample_weight=w),
    "log_loss": lambda w: sk.log_loss(Y3, P3, sample_weight=w),
    "roc_auc_ovr": lambda w: sk.roc_auc_score(Y3, P3, multi_class="ovr", sample_weight=w),
}
REGRESSION = {
    "rmse": lambda w: sk.root_mean_squared_error(YR, PR, sample_weight=w),
    "mae": lambda w: sk.mean_absolute_error(YR, PR, sample_weight=w),
    "r2": lambda w: sk.r2_score(YR, PR, sample_weight=w),
    "mape": lambda w: sk.mean_absolute_percentage_error(YR, PR, sample_weight=w),
}
CASES = [
    (task, name, oracle, y, p)
    for task, oracles, y, p in (
        ("classification", BINARY, Y, P),
        ("multiclass", MULTICLASS, Y3, P3),
        ("regression", REGRESSION, YR, PR),
    )
    for name, oracle in oracles.items()
]


@pytest.mark.parametrize(("task", "name", "oracle", "y", "p"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_equals_scikit_learn(task, name, oracle, y, p):
    metric = metrics.get(name, task)
    assert metric(y, p) == pytest.approx(oracle(None), rel=1e-9)
    if name != "roc_auc_ovr":
        assert metric(y, p, W) == pytest.approx(oracle(W), rel=1e-9)
    repeated = np.repeat(np.arange(N), W.astype(int))
    assert metric(y, p, W) == pytest.approx(metric(y[repeated], p[repeated]), rel=1e-9)


def test_median_ae_and_ece():
    metric = metrics.get("median_ae", "regression")
    assert metric(YR, PR) == pytest.approx(sk.median_absolute_error(YR, PR))
    assert metric(YR[:-1], PR[:-1]) == pytest.approx(sk.median_absolute_error(YR[:-1], PR[:-1]))
    ece = metrics.get("ece", "classification")
    assert ece([0, 0, 1, 1], [0.05, 0.05, 0.95, 0.95]) == pytest.approx(0.05)
    assert ece([1, 1], [1.0, 1.0]) == 0.0


@pytest.mark.parametrize("metric", metrics.METRICS.values(), ids=lambda m: f"{m.task}-{m.name}")
def test_undefined_is_nan_and_never_a_crash(metric):
    shape = (0, 3) if metric.task == "multiclass" else (0,)
    assert np.isnan(metric(np.zeros(0), np.zeros(shape)))
    bad = np.full((4, 3), np.nan) if metric.task == "multiclass" else np.array([0.1, np.nan, 0.3, 0.4])
    assert np.isnan(metric([0, 1, 0, 1], bad))
    good = np.full((4, 3), 1 / 3) if metric.task == "multiclass" else np.full(4, 0.4)
    assert np.isnan(metric([0, 1, 0, None], good))
    metric([1, 1, 1, 1], good)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_ranking(name, label):
    assert np.isnan(metrics.get(name, "classification")([label] * 3, [0.1, 0.2, 0.3]))


def test_constant_target_and_scores_out_of_range():
    assert np.isnan(metrics.get("r2", "regression")([3.0, 3.0], [3.0, 2.0]))
    assert np.isnan(metrics.get("log_loss", "classification")([0, 1], [0.1, 1.2]))
    assert metrics.get("roc_auc", "classification")([0, 1], [-3.0, 7.0]) == 1.0
    assert np.isnan(metrics.get("accuracy", "classification")([0, 2], [0.1, 0.2]))
    assert metrics.get("r2", "regression")(1e9 + YR, 1e9 + PR) == pytest.approx(sk.r2_score(YR, PR), rel=1e-5)


def test_unknown_names_are_listed():
    with pytest.raises(ValueError, match="allowed: roc_auc, average_precision"):
        metrics.get("auc", "classification")
    with pytest.raises(ValueError, match="unknown task 'ranking'"):
        metrics.get("auc", "ranking")
    with pytest.raises(ValueError, match="do not fit"):
        metrics.get("rmse", "regression")([1, 2], [1])
