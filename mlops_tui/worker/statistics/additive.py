"""Metrics that are functions of sums over rows: `*_sums(y, p)` gives (n, m) row terms, `*_value` combines totals.

Totals have shape (..., m). A bootstrap adds the terms up per cluster once; a resample is then one small
matrix product. All combining functions return NaN where the metric is undefined.
"""

from __future__ import annotations

import numpy as np

from mlops_tui.worker.statistics.ranking import Floats, quotient

ECE_BINS = 10
EPSILON = float(np.finfo(np.float64).eps)


def with_count(*terms: Floats) -> Floats:
    return np.column_stack([*terms, np.ones(len(terms[0]))])


def mean_value(total: Floats) -> Floats:
    """Mean of the first term; the last is the row count."""
    return quotient(total[..., 0], total[..., -1])


def root_mean_value(total: Floats) -> Floats:
    return np.sqrt(mean_value(total))


def log_loss_sums(y: Floats, p: Floats) -> Floats:
    """-ln of the probability given to what happened, clipped at the float epsilon (as scikit-learn)."""
    clipped = np.clip(p, EPSILON, 1 - EPSILON)
    return with_count(-np.where(y > 0, np.log(clipped), np.log1p(-clipped)))


def multiclass_log_loss_sums(y: Floats, p: Floats) -> Floats:
    return with_count(-np.log(np.clip(p[np.arange(len(y)), y.astype(np.int64)], EPSILON, 1.0)))


def squared_sums(y: Floats, p: Floats) -> Floats:
    return with_count((y - p) ** 2)


def absolute_sums(y: Floats, p: Floats) -> Floats:
    return with_count(np.abs(y - p))


def mape_sums(y: Floats, p: Floats) -> Floats:
    """abs(y - p) / max(abs(y), eps), a fraction and not per cent (as scikit-learn)."""
    return with_count(np.abs(y - p) / np.maximum(np.abs(y), EPSILON))


def accuracy_sums(y: Floats, p: Floats) -> Floats:
    return with_count(((p >= 0.5) == (y > 0)).astype(np.float64))


def multiclass_accuracy_sums(y: Floats, p: Floats) -> Floats:
    return with_count((np.argmax(p, axis=1) == y).astype(np.float64))


def confusion_sums(y: Floats, p: Floats) -> Floats:
    """True positives, false positives, false negatives at threshold 0.5 (a score of 0.5 is positive)."""
    said, true = p >= 0.5, y > 0
    return np.column_stack([said & true, said & ~true, ~said & true]).astype(np.float64)


def f1_value(total: Floats) -> Floats:
    hit, false_alarm, missed = total[..., 0], total[..., 1], total[..., 2]
    return quotient(2 * hit, 2 * hit + false_alarm + missed)


def precision_value(total: Floats) -> Floats:
    return quotient(total[..., 0], total[..., 0] + total[..., 1])


def recall_value(total: Floats) -> Floats:
    return quotient(total[..., 0], total[..., 0] + total[..., 2])


def macro_f1_sums(y: Floats, p: Floats) -> Floats:
    """Per class k, side by side: hits, false alarms, misses of the arg-max class."""
    said = np.argmax(p, axis=1)[:, None] == np.arange(p.shape[1])
    true = y[:, None] == np.arange(p.shape[1])
    return np.concatenate([said & true, said & ~true, ~said & true], axis=1).astype(np.float64)


def macro_f1_value(total: Floats) -> Floats:
    """Unweighted mean of the per-class F1 over the classes that occur in labels or predictions."""
    hit, false_alarm, missed = np.split(total, 3, axis=-1)
    each = quotient(2 * hit, 2 * hit + false_alarm + missed)
    known = ~np.isnan(each)
    return quotient(np.where(known, each, 0.0).sum(axis=-1), known.sum(axis=-1).astype(np.float64))


def ece_sums(y: Floats, p: Floats) -> Floats:
    """Per equal-width score bin: rows, positives, sum of scores."""
    inside = np.clip((p * ECE_BINS).astype(np.int64), 0, ECE_BINS - 1)[:, None] == np.arange(ECE_BINS)
    return np.concatenate([inside, inside * (y > 0)[:, None], inside * p[:, None]], axis=1).astype(np.float64)


def ece_value(total: Floats) -> Floats:
    """Expected calibration error, sum of n_b/n abs(rate_b - score_b) over ten bins (Naeini et al., 2015)."""
    rows, positives, scores = np.split(total, 3, axis=-1)
    return quotient(np.abs(positives - scores).sum(axis=-1), rows.sum(axis=-1))


def r2_sums(y: Floats, p: Floats) -> Floats:
    """Terms of 1 - SSE/SST about the weighted mean; needs `y` centred for precision, see `r2_value`."""
    return with_count((y - p) ** 2, y, y * y)


def r2_value(total: Floats) -> Floats:
    residual, first, second, rows = (total[..., i] for i in range(4))
    spread = second - quotient(first * first, rows)
    return 1.0 - quotient(residual, np.where(spread > 1e-12 * np.abs(second), spread, 0.0))
