"""Distances between two distributions: on shares over the same bins, on counts, or on samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from mlops_tui.worker.statistics.ranking import NAN, Floats, as_floats

FLOOR = 1e-4


def psi(p: Any, q: Any, floor: float = FLOOR) -> float:
    """Population stability index, sum of (p - q) ln(p / q), shares below the floor raised to it, not renormalised.

    Symmetric, >= 0; the sum of both Kullback-Leibler sums on the floored shares.
    """
    a, b = np.maximum(as_floats(p), floor), np.maximum(as_floats(q), floor)
    return float(np.sum((a - b) * np.log(a / b)))


def triangular(p: Any, q: Any) -> float:
    """Sum of 2 (p - q)^2 / (p + q): twice the triangular discrimination (Topsoe, 2000), symmetric, in [0, 4].

    To second order the same as PSI, and never larger; without its logarithm of empty bins, its tail is that of a
    chi-square also for few rows and large shifts.
    """
    a, b = as_floats(p), as_floats(q)
    both = a + b
    return float(np.sum(2 * (a - b) ** 2 / np.where(both > 0, both, 1.0)))


def js_distance(p: Any, q: Any) -> float:
    """Jensen-Shannon distance, base 2: the square root of the divergence, in [0, 1]. NaN for an empty side."""
    a, b = as_floats(p), as_floats(q)
    if a.sum() <= 0 or b.sum() <= 0:
        return NAN
    a, b = a / a.sum(), b / b.sum()
    middle = 0.5 * (a + b)
    divergence = 0.5 * np.sum(special.rel_entr(a, middle) + special.rel_entr(b, middle)) / np.log(2)
    return float(np.sqrt(min(1.0, max(0.0, divergence))))


def ks(a: Any, b: Any, sizes: tuple[int, int] | None = None) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov D and its asymptotic p (as `scipy.stats.ks_2samp(method="asymp")`).

    `sizes`: the true row counts where a sample is a thinned one. NaN for an empty side.
    """
    x, y = np.sort(as_floats(a)), np.sort(as_floats(b))
    if not len(x) or not len(y):
        return NAN, NAN
    both = np.concatenate((x, y))
    gap = np.searchsorted(x, both, "right") / len(x) - np.searchsorted(y, both, "right") / len(y)
    d = float(np.abs(gap).max())
    m, n = sorted(map(float, sizes or (len(x), len(y))), reverse=True)
    return d, float(np.clip(stats.kstwo.sf(d, max(1.0, np.round(m * n / (m + n)))), 0.0, 1.0))


def wasserstein(a: Any, b: Any, spread: float = 1.0) -> float:
    """Wasserstein-1, the area between the distribution functions, over `spread` (the reference's sd)."""
    x, y = as_floats(a), as_floats(b)
    if not len(x) or not len(y) or not spread > 0:
        return NAN
    return float(stats.wasserstein_distance(x, y)) / spread


def chi_square(reference: Any, current: Any) -> tuple[float, float, float]:
    """Chi-square of the 2 x B table of counts, its p, and Cramer's V = sqrt(chi2 / n). Empty bins are left out."""
    table = np.stack([as_floats(reference), as_floats(current)])
    table = table[:, table.sum(axis=0) > 0]
    total = table.sum()
    if table.shape[1] < 2 or (table.sum(axis=1) <= 0).any():
        return (0.0, 1.0, 0.0) if (table.sum(axis=1) > 0).all() else (NAN, NAN, NAN)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(special.chdtrc(table.shape[1] - 1, statistic)), float(np.sqrt(statistic / total))


def benjamini_hochberg(p_values: Any) -> Floats:
    """Adjusted p-values (Benjamini and Hochberg, 1995), in the order given; NaN stays NaN and is not counted."""
    p = as_floats(p_values)
    out = np.full(len(p), NAN)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    ranked = p[order] * len(order) / np.arange(1, len(order) + 1)
    out[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return out
