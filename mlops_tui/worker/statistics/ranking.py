"""Metrics that need an order of the rows, computed from weights per group of rows with equal sort keys.

Rows are sorted by a key and tied rows form a group; a measure is then a function of two arrays of shape
(..., G): the weight of the positive rows and of all rows of each group. The leading axes are resamples.
Undefined values come back as NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Ranked:
    """`key(y, p)`: sort key of each row; `value(positives, everything, keys)`: the measure, shape (...)."""

    key: Callable[[Floats, Floats], Floats]
    value: Callable[[Floats, Floats, Floats], Floats]


def as_floats(values: Any) -> Floats:
    """Any array-like as float64; NULL becomes NaN."""
    return np.asarray(values, dtype=np.float64)


def quotient(numerator: Floats, denominator: Floats) -> Floats:
    """Element-wise quotient, NaN where the denominator is not positive."""
    wide = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    out = np.full(wide, np.nan)
    np.divide(numerator, denominator, out=out, where=np.broadcast_to(denominator > 0, wide))
    return out


def groups(key: Floats, at_most: int | None = None) -> tuple[Integers, Floats]:
    """Group number of each row (n,) in the order of the key, and a key per group (G,).

    Ties share a group. With `at_most`, neighbouring ties are joined into about equally filled groups.
    """
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    fresh = np.concatenate(([0], (ordered[1:] != ordered[:-1]).astype(np.int64)))
    number = np.cumsum(fresh)
    if at_most is not None and number[-1] >= at_most:
        slot = np.arange(len(key)) * at_most // len(key)
        first_of_tie = np.flatnonzero(np.append(1, fresh[1:]))
        number = np.cumsum(np.append(0, np.diff(slot[first_of_tie]) > 0))[number]
    out = np.empty(len(key), dtype=np.int64)
    out[order] = number
    starts = np.searchsorted(number, np.arange(number[-1] + 1))
    return out, ordered[starts]


def weighted(ranked: Ranked, y: Floats, p: Floats, weight: Floats) -> float:
    """The exact measure of one weighting of the rows, shape (n,)."""
    number, keys = groups(ranked.key(y, p))
    everything = as_floats(np.bincount(number, weights=weight, minlength=len(keys)))
    positives = as_floats(np.bincount(number, weights=weight * (y > 0), minlength=len(keys)))
    return float(ranked.value(positives, everything, keys))


def roc_auc_value(positives: Floats, everything: Floats, keys: Floats) -> Floats:
    """P(a positive ranks above a negative) + half the ties (Mann and Whitney, 1947)."""
    negatives = everything - positives
    below = np.cumsum(negatives, axis=-1) - 0.5 * negatives
    return quotient((positives * below).sum(axis=-1), positives.sum(axis=-1) * negatives.sum(axis=-1))


def average_precision_value(positives: Floats, everything: Floats, keys: Floats) -> Floats:
    """Sum over thresholds, highest score first, of (R_k - R_(k-1)) P_k; no interpolation (as scikit-learn)."""
    hits, chosen = np.cumsum(positives, axis=-1), np.cumsum(everything, axis=-1)
    total = hits[..., -1]
    gained = (positives * hits / np.maximum(chosen, 1e-300)).sum(axis=-1)
    return quotient(gained, np.where(chosen[..., -1] > total, total, 0.0))


def median_value(positives: Floats, everything: Floats, keys: Floats) -> Floats:
    """Weighted median of the keys; the mean of the two middle ones where the weight splits exactly."""
    reached = np.cumsum(everything, axis=-1)
    half = 0.5 * reached[..., -1:]
    low = np.minimum((reached < half).sum(axis=-1), len(keys) - 1)
    high = np.minimum((reached <= half).sum(axis=-1), len(keys) - 1)
    return np.where(half[..., 0] > 0, 0.5 * (keys[low] + keys[high]), np.nan)


ROC_AUC = Ranked(lambda y, p: p, roc_auc_value)
AVERAGE_PRECISION = Ranked(lambda y, p: -p, average_precision_value)
MEDIAN_ABSOLUTE_ERROR = Ranked(lambda y, p: np.abs(y - p), median_value)


def concordance(y: Floats, score: Floats, codes: Integers, n_clusters: int) -> tuple[Floats, Floats, Floats]:
    """Pair counts for the AUC of resampled clusters.

    Returns C (clusters x clusters), positives and negatives (clusters,). C[i, j] counts pairs (positive of
    cluster i, negative of cluster j) in the right order, ties one half. With cluster weights w the AUC is
    w'Cw / (w'P * w'N), so that a resample costs a quadratic form and no sort.
    """
    positive = y > 0
    order = np.argsort(score[positive], kind="stable")
    scores, owners = score[positive][order], codes[positive][order]
    negative_scores, negative_owners = score[~positive], codes[~positive]
    negative_scores = negative_scores[np.lexsort((negative_scores, negative_owners))]
    n_negative = np.bincount(negative_owners, minlength=n_clusters)
    bounds = np.concatenate(([0], np.cumsum(n_negative)))
    pairs = np.zeros((n_clusters, n_clusters))
    for j in np.flatnonzero(n_negative):
        own = negative_scores[bounds[j] : bounds[j + 1]]
        below = np.searchsorted(own, scores, "left") + np.searchsorted(own, scores, "right")
        pairs[:, j] = np.bincount(owners, weights=0.5 * below, minlength=n_clusters)
    n_positive = np.bincount(owners, minlength=n_clusters)
    return pairs, n_positive.astype(np.float64), n_negative.astype(np.float64)
