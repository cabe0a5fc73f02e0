"""Performance over time: decay on mature labels, an estimate without labels, and who tells chunk from reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import polars as pl

from mlops_tui.worker.statistics import bootstrap, ranking
from mlops_tui.worker.statistics.bins import as_text, comparable
from mlops_tui.worker.statistics.bootstrap import Interval, bounds, cluster_codes, draw, evaluator
from mlops_tui.worker.statistics.metrics import Metric
from mlops_tui.worker.statistics.ranking import NAN, Floats, as_floats

ROWS_A_SIDE = 5000
FOLDS = 5
MIN_ROWS_A_SIDE = 50


class PerformanceEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """CBPE: what the scores promise if they are calibrated. Blind to concept drift. NaN: not computable."""

    estimated_roc_auc: float
    estimated_accuracy: float
    rows: int
    assumption: str = (
        "an estimate from the scores alone: it holds if they are calibrated and P(Y|X) did not change"
    )


class DomainClassifier(msgspec.Struct, frozen=True, kw_only=True):
    """Cross-validated AUC of telling chunk from reference (0.5: cannot). `top`: (column, AUC lost without it)."""

    auc: float
    top: tuple[tuple[str, float], ...]
    rows: int
    reason: str = ""


def decay(
    metric: Metric,
    first: tuple[Any, Any, Any],
    now: tuple[Any, Any, Any],
    *,
    alpha: float = 0.05,
    seed: int = 0,
    n_resamples: int = 2000,
) -> Interval:
    """How much better the model is now than on the first mature chunks after promotion: rows that neither trained nor
    judged it. The rows that judged it are no reference, since it was promoted for doing well on them (winner's curse).

    `first`, `now`: (labels, predictions, cluster labels) of mature rows. Unpaired: each side resamples its own
    clusters. Sign-normalised, positive = better now, so that decay is `high < 0`. The t law has the degrees of
    freedom of the side with fewer clusters (conservative); `clusters` is that number, `rows` are both sides' rows.
    """
    sign = 1.0 if metric.direction == "max" else -1.0
    sides = [
        _side(metric, *side, seed=seed + i, n_resamples=n_resamples) for i, side in enumerate((first, now))
    ]
    (before, draws_before, k_before, n_before), (after, draws_after, k_after, n_after) = sides
    estimate, clusters = sign * (after - before), min(k_before, k_after)
    draws, reach = sign * (draws_after - draws_before), bootstrap.difference_reach(metric)
    low, high = bounds(draws, estimate, clusters, alpha, reach)
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        level=1 - alpha,
        clusters=clusters,
        rows=n_before + n_after,
        method="unpaired " + (bootstrap.UNSEEN if bootstrap.alike(draws, reach) else bootstrap.METHOD),
    )


def _side(
    metric: Metric, y: Any, prediction: Any, clusters: Any, *, seed: int, n_resamples: int
) -> tuple[float, Floats, int, int]:
    labels, p = as_floats(y), as_floats(prediction)
    codes, k = cluster_codes(clusters)
    estimate = metric(labels, p)
    draws = np.full(n_resamples, NAN)
    if np.isfinite(estimate):
        draws = draw(evaluator(metric, labels, p, codes, k), k, n_resamples, seed)
    return estimate, draws, k, len(labels)


def cbpe(scores: Any) -> PerformanceEstimate:
    """Confidence-based performance estimation for a binary classifier (NannyML's CBPE, in expectation).

    `scores` (n,): calibrated P(class 1); NULL and NaN are left out. A row counts as a positive with weight p and as a
    negative with weight 1 - p; pairs of a row with itself are left out of the AUC. Threshold 0.5.
    """
    p = as_floats(scores)
    p = p[np.isfinite(p)]
    if not len(p) or p.min() < 0 or p.max() > 1:
        return PerformanceEstimate(estimated_roc_auc=NAN, estimated_accuracy=NAN, rows=len(p))
    number, keys = ranking.groups(p)
    n = np.bincount(number, minlength=len(keys)).astype(np.float64)
    positive, negative = n * keys, n * (1 - keys)
    own = float((p * (1 - p)).sum())
    above = float((positive * (np.cumsum(negative) - 0.5 * negative)).sum()) - 0.5 * own
    pairs = float(positive.sum() * negative.sum()) - own
    return PerformanceEstimate(
        estimated_roc_auc=above / pairs if pairs > 1e-12 else NAN,
        estimated_accuracy=float(np.maximum(p, 1 - p).mean()),
        rows=len(p),
    )


def domain_classifier(
    reference: pl.DataFrame,
    current: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    seed: int = 0,
    top: int = 5,
) -> DomainClassifier:
    """Multivariate drift: how well gradient boosting tells the chunk from the reference, five-fold.

    At most 5000 sampled rows a side. `top` columns by the AUC lost when a column of the held-out rows is shuffled.
    """
    shared = [c for c in (columns or reference.columns) if c in reference.columns and c in current.columns]
    size = min(reference.height, current.height, ROWS_A_SIDE)
    if not shared or size < MIN_ROWS_A_SIDE:
        return DomainClassifier(
            auc=NAN, top=(), rows=2 * size, reason=f"fewer than {MIN_ROWS_A_SIDE} rows or no column"
        )
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    sides = [frame.select(shared).sample(size, seed=seed) for frame in (reference, current)]
    x = np.column_stack([_encoded(sides[0][name], sides[1][name]) for name in shared])
    y = np.repeat([0, 1], size)
    rng = np.random.default_rng(seed)
    score, lost = np.zeros(len(y)), np.zeros(len(shared))
    # One thread: on a busy box the threads of a small fit spend their time waiting for one another.
    with threadpool_limits(1):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y)
        for fold, (train, test) in enumerate(folds):
            model = HistGradientBoostingClassifier(
                max_iter=40, max_leaf_nodes=15, random_state=seed, early_stopping=False
            )
            model.fit(x[train], y[train])
            score[test] = model.predict_proba(x[test])[:, 1]
            if fold == 0:
                lost = _shuffled_losses(model, x[test], y[test].astype(np.float64), score[test], rng)
    auc = ranking.weighted(ranking.ROC_AUC, y.astype(np.float64), score, np.ones(len(y)))
    best = np.argsort(-lost, kind="stable")[:top]
    return DomainClassifier(auc=auc, top=tuple((shared[i], float(lost[i])) for i in best), rows=2 * size)


def _shuffled_losses(model: Any, x: Floats, y: Floats, score: Floats, rng: np.random.Generator) -> Floats:
    ones = np.ones(len(y))
    whole = ranking.weighted(ranking.ROC_AUC, y, score, ones)
    lost = np.zeros(x.shape[1])
    for column in range(x.shape[1]):
        mixed = x.copy()
        mixed[:, column] = rng.permutation(mixed[:, column])
        lost[column] = whole - ranking.weighted(ranking.ROC_AUC, y, model.predict_proba(mixed)[:, 1], ones)
    return lost


def _encoded(reference: pl.Series, current: pl.Series) -> Floats:
    """Both sides of a column as numbers; categories by falling frequency; NULL stays NaN."""
    (kind, a), (other, b) = comparable(reference), comparable(current)
    if kind == other == "numeric":
        both = np.concatenate([a.to_numpy(), b.to_numpy()]).astype(np.float64)
        return np.where(np.isfinite(both), both, np.nan)
    text = pl.concat([as_text(a), as_text(b)])
    order = text.drop_nulls().value_counts(name="n").sort("n", "value", descending=[True, False])
    table = order.select("value").with_row_index("code")
    codes = text.to_frame().join(table, on="value", how="left", maintain_order="left")["code"]
    return codes.cast(pl.Float64).to_numpy()
