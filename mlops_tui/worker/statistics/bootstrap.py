"""Paired cluster bootstrap: the interval of a metric, or of the difference of two models on the same rows.

Rows of one day (or entity) are alike, so whole clusters are resampled with replacement (Davison and Hinkley,
1997, section 3.8); row-wise intervals are too narrow. With few clusters the plain percentile interval is too
narrow as well; three corrections are made here, and the coverage tests in tests/statistics hold them to it:

- the tail is widened to the one at which a normal quantile equals t(D-1) * sqrt(D / (D-1)), D the number of
  clusters (the expanded percentile interval of Hesterberg, 2015, The American Statistician 69:4);
- quantiles are taken about the mean of the resamples and laid about the estimate, since pairs inside one
  cluster are over-represented in resamples of a rank metric;
- a tail too thin for the number of resamples is extrapolated from one that is not, in normal proportion.

Resamples that all give one value (a perfect score) know nothing of their spread. With D clusters alike, a share q of
clusters unlike them stays unseen with probability (1-q)^D, so q = 1 - (alpha/2)^(1/D) bounds it (Clopper and Pearson,
1934, for none of D; at 5 % one-sided the rule of three, Hanley and Lippman-Hand, 1983, JAMA 249:13). The bound moves the
estimate by that share towards either end of the metric's range, as if unlike clusters were as bad as can be: exact for
means over clusters of one size, a stand-in for rank metrics; NaN towards an end that is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import polars as pl
from scipy import sparse, special

from mlops_tui.worker.statistics.metrics import BLOCK, Metric
from mlops_tui.worker.statistics.ranking import (
    NAN,
    ROC_AUC,
    Floats,
    Integers,
    Ranked,
    as_floats,
    concordance,
    groups,
    quotient,
)

Evaluator = Callable[[Floats], Floats]
INF = float("inf")

MATRIX_CLUSTERS = 500
"""Up to here the AUC uses its clusters x clusters matrix; beyond, score groups."""
GROUPS = 4096
"""Score groups of a rank metric in resamples. Only the spread of the resamples is used, so that joining
neighbouring scores moves nothing but the fourth digit of the interval; the estimate is exact."""
WEIGHT_CELLS = 2_000_000
"""Resampling weights held at a time: resamples x clusters."""
TAIL_DRAWS = 20
"""Resamples that have to lie beyond a quantile before it is trusted."""
MIN_DEFINED = 0.9
"""Share of resamples in which the metric has to be defined."""
METHOD = "cluster bootstrap, expanded percentile"
UNSEEN = "all resamples alike, bound on the share of unlike clusters"
ALIKE = 1e-12
"""Resamples that differ by less, of the metric's range or of their size, differ by rounding."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its confidence interval. `level` is the confidence, 0.95 for alpha 0.05.

    NaN bounds: no interval could be computed (one cluster, an undefined metric).
    """

    estimate: float
    low: float
    high: float
    level: float
    clusters: int
    rows: int
    method: str


def cluster_codes(labels: Any) -> tuple[Integers, int]:
    """Labels of any type (NULL is a cluster of its own) as codes 0..D-1 of shape (n,), and D."""
    series = labels if isinstance(labels, pl.Series) else pl.Series(np.asarray(labels))
    column = series.alias("label").to_frame()
    known = column.unique(maintain_order=True).with_row_index("code")
    codes = column.join(known, on="label", how="left", nulls_equal=True, maintain_order="left")["code"]
    return codes.to_numpy().astype(np.int64), known.height


def evaluator(metric: Metric, y: Floats, p: Floats, codes: Integers, n_clusters: int) -> Evaluator:
    """A function from cluster weights (R, D) to metric values (R,), NaN where undefined."""
    if metric.ranked is None:
        return _additive(metric, y, p, codes, n_clusters)
    parts = []
    for labels, scores in metric.one_vs_rest(y, p):
        if metric.ranked is ROC_AUC and n_clusters <= MATRIX_CLUSTERS:
            parts.append(_concordant(labels, scores, codes, n_clusters))
        else:
            parts.append(_grouped(metric.ranked, labels, scores, codes, n_clusters))
    return parts[0] if len(parts) == 1 else lambda weights: _mean_of_known([part(weights) for part in parts])


def _mean_of_known(values: list[Floats]) -> Floats:
    stacked = np.stack(values)
    known = ~np.isnan(stacked)
    return quotient(np.where(known, stacked, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def _additive(metric: Metric, y: Floats, p: Floats, codes: Integers, n_clusters: int) -> Evaluator:
    combine = metric.combine
    assert combine is not None
    totals = np.zeros((n_clusters, 0))
    for start in range(0, len(y), BLOCK):
        rows = slice(start, start + BLOCK)
        terms = metric.row_terms(y, p, rows)
        if not totals.shape[1]:
            totals = np.zeros((n_clusters, terms.shape[1]))
        for m in range(terms.shape[1]):
            totals[:, m] += np.bincount(codes[rows], weights=terms[:, m], minlength=n_clusters)
    return lambda weights: combine(weights @ totals)


def _concordant(y: Floats, p: Floats, codes: Integers, n_clusters: int) -> Evaluator:
    pairs, positives, negatives = concordance(y, p, codes, n_clusters)

    def values(weights: Floats) -> Floats:
        below = (weights @ positives) * (weights @ negatives)
        above = np.einsum("rd,rd->r", weights @ pairs, weights)
        return quotient(above, below)

    return values


def _grouped(ranked: Ranked, y: Floats, p: Floats, codes: Integers, n_clusters: int) -> Evaluator:
    number, keys = groups(ranked.key(y, p), GROUPS)
    shape = (len(keys), n_clusters)
    everything = sparse.csr_array((np.ones(len(y)), (number, codes)), shape=shape)
    positives = sparse.csr_array(((y > 0).astype(np.float64), (number, codes)), shape=shape)

    def some(weights: Floats) -> Floats:
        columns = np.ascontiguousarray(weights.T)
        return ranked.value((positives @ columns).T, (everything @ columns).T, keys)

    step = max(1, WEIGHT_CELLS // len(keys))
    return lambda weights: np.concatenate([some(weights[i : i + step]) for i in range(0, len(weights), step)])


def draw(values: Evaluator, n_clusters: int, n_resamples: int, seed: int) -> Floats:
    """Metric values (n_resamples,) over clusters drawn with replacement."""
    rng = np.random.default_rng(seed)
    at_once = max(1, WEIGHT_CELLS // n_clusters)
    parts = []
    for start in range(0, n_resamples, at_once):
        size = min(at_once, n_resamples - start)
        picks = rng.integers(0, n_clusters, size=(size, n_clusters))
        picks += np.arange(size)[:, None] * n_clusters
        weights = np.bincount(picks.ravel(), minlength=size * n_clusters).reshape(size, n_clusters)
        parts.append(values(weights.astype(np.float64)))
    return np.concatenate(parts)


def bounds(
    draws: Floats, estimate: float, n_clusters: int, alpha: float, reach: tuple[float, float] = (-INF, INF)
) -> tuple[float, float]:
    """Two-sided 1 - alpha interval about `estimate` from resamples (module docstring); NaN if there is none.

    `reach`: the least and the largest value that the estimate could have taken.
    """
    defined = draws[np.isfinite(draws)]
    if n_clusters < 2 or not np.isfinite(estimate) or len(defined) < MIN_DEFINED * len(draws):
        return NAN, NAN
    if alike(defined, reach):
        unseen = 1 - (alpha / 2) ** (1 / n_clusters)
        down, up = (estimate + unseen * (end - estimate) if np.isfinite(end) else NAN for end in reach)
        return down, up
    wide = -float(special.stdtrit(n_clusters - 1, alpha / 2)) * np.sqrt(n_clusters / (n_clusters - 1))
    tail = max(float(special.ndtr(-wide)), TAIL_DRAWS / len(defined))
    stretch = wide / -float(special.ndtri(tail))
    low, high = np.quantile(defined, [tail, 1 - tail]) - defined.mean()
    return float(estimate + min(low, 0.0) * stretch), float(estimate + max(high, 0.0) * stretch)


def alike(draws: Floats, reach: tuple[float, float]) -> bool:
    """Whether the resamples say nothing of their spread: all of them, but for rounding, are one value."""
    known = draws[np.isfinite(draws)]
    width = reach[1] - reach[0]
    size = width if np.isfinite(width) else float(np.abs(known).max(initial=0.0))
    return bool(len(known)) and float(np.ptp(known)) <= ALIKE * size


def interval(
    metric: Metric,
    y: Any,
    prediction: Any,
    clusters: Any,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Interval:
    """Interval of one model's metric. `y`, `clusters`: (n,); `prediction` as the metric wants it."""
    labels, p = as_floats(y), as_floats(prediction)
    codes, n_clusters = cluster_codes(clusters)
    _same_length(labels, codes)
    estimate, reach = metric(labels, p), (metric.low, metric.high)
    if not np.isfinite(estimate):
        return _interval(estimate, (NAN, NAN), alpha, n_clusters, len(labels))
    draws = draw(evaluator(metric, labels, p, codes, n_clusters), n_clusters, n_resamples, seed)
    low, high = bounds(draws, estimate, n_clusters, alpha, reach)
    ends = max(low, metric.low), min(high, metric.high)
    method = UNSEEN if alike(draws, reach) else METHOD
    return _interval(estimate, ends, alpha, n_clusters, len(labels), method)


def difference(
    metric: Metric,
    y: Any,
    a: Any,
    b: Any,
    clusters: Any,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Interval:
    """Interval of how much better A is than B on the same rows.

    Sign-normalised: positive means A is better. For a `max` metric that is A - B, for a `min` metric (a loss)
    it is B - A. Both models see the same resampled clusters, so what they share cancels. Equal predictions differ by
    nothing on any rows: the interval is [0, 0].
    """
    labels, first, second = as_floats(y), as_floats(a), as_floats(b)
    codes, n_clusters = cluster_codes(clusters)
    _same_length(labels, codes)
    sign = 1.0 if metric.direction == "max" else -1.0
    estimate = sign * (metric(labels, first) - metric(labels, second))
    if not np.isfinite(estimate) or n_clusters < 2:
        return _interval(estimate, (NAN, NAN), alpha, n_clusters, len(labels))
    if np.array_equal(first, second):
        return _interval(estimate, (0.0, 0.0), alpha, n_clusters, len(labels))
    of_a = evaluator(metric, labels, first, codes, n_clusters)
    of_b = evaluator(metric, labels, second, codes, n_clusters)
    draws = draw(lambda w: sign * (of_a(w) - of_b(w)), n_clusters, n_resamples, seed)
    reach = difference_reach(metric)
    ends = bounds(draws, estimate, n_clusters, alpha, reach)
    method = UNSEEN if alike(draws, reach) else METHOD
    return _interval(estimate, ends, alpha, n_clusters, len(labels), method)


def difference_reach(metric: Metric) -> tuple[float, float]:
    """The least and the largest difference of two values of the metric."""
    width = metric.high - metric.low
    return -width, width


def _interval(
    estimate: float, ends: tuple[float, float], alpha: float, clusters: int, rows: int, method: str = METHOD
) -> Interval:
    return Interval(
        estimate=estimate,
        low=ends[0],
        high=ends[1],
        level=1 - alpha,
        clusters=clusters,
        rows=rows,
        method=method,
    )


def _same_length(labels: Floats, codes: Integers) -> None:
    if len(labels) != len(codes):
        raise ValueError(f"{len(labels)} labels but {len(codes)} cluster labels")
