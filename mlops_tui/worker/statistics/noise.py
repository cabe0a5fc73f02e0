"""How large the PSI of a chunk gets without drift.

Two things make it larger than zero: the finite number of rows, and that batches (days) differ from one another
although nothing drifts. With p, q over B bins and s = 1/N + 1/M the first gives PSI ~ s chi2(B-1); rare bins and
few rows have a heavier tail, which a small simulation from the pooled shares measures (mean and variance, matched by
a scaled chi-square after Satterthwaite, 1946). The second is a variance component tau between the reference's
batches, the excess of each batch's Pearson distance to the other batches over its sampling expectation (the moment
estimator of Dirichlet-multinomial overdispersion). It is put into one direction, the worst case, with a prediction
on the k batches that estimated it:

    PSI ~ a chi2(nu - 1) + (a + tau (1 + 1/k)) F(1, k).

Its 95 % point is the band. The p-value uses the same law with a = s and nu = B-1, on a distance that equals PSI to
second order and keeps to it in the tail (`p_value`). Few reference rows or batches make tau uncertain and the band wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats

from mlops_tui.worker.statistics.distances import FLOOR, triangular
from mlops_tui.worker.statistics.ranking import Floats, as_floats

SIMULATIONS = 400
ENOUGH_PER_BIN = 100
"""Expected rows of the smaller side in its rarest bin from which the chi-square law needs no simulation."""
MIN_BATCHES = 3
CAUTION = 1.645
"""The variance component is taken at the upper 95 % point of its own sampling noise."""


@dataclass(frozen=True, slots=True)
class Null:
    """The law of PSI without drift: `scale` a, `freedom` nu, `between` tau, `batches` k (0: none known)."""

    scale: float
    freedom: float
    between: float
    batches: int

    def tail(self, value: float) -> float:
        """P(PSI >= value) without drift."""
        if self.freedom <= 0:
            return 1.0 if value <= 0 else 0.0
        if not self.batches:
            return float(special.chdtrc(self.freedom, max(value, 0.0) / self.scale))
        weight, f = _f_grid(self.batches)
        extra = self.scale + self.between * (1 + 1 / self.batches)
        left = np.maximum(value - extra * f, 0.0) / self.scale
        rest = self.freedom - 1
        beyond = special.chdtrc(rest, left) if rest > 0 else (left <= 0).astype(np.float64)
        return min(1.0, float(weight @ beyond))

    def quantile(self, level: float) -> float:
        """The PSI exceeded with probability 1 - level without drift."""
        if self.freedom <= 0:
            return 0.0
        high = self.scale
        while self.tail(high) > 1 - level:
            high *= 2
        return float(optimize.brentq(lambda x: self.tail(x) - (1 - level), 0.0, high, xtol=1e-5, rtol=1e-5))


@lru_cache(maxsize=64)
def _f_grid(k: int) -> tuple[Floats, Floats]:
    """Cells of the F(1, k) law, fine in the upper tail: probability of each and its upper end (conservative)."""
    tails = np.concatenate((np.linspace(1.0, 0.02, 197)[:-1], np.geomspace(0.02, 1e-14, 400)))
    ends = stats.t.isf(tails / 2, k) ** 2
    weight = np.append(tails[:-1] - tails[1:], tails[-1])
    return weight, np.append(ends[1:], ends[-1] * 10)


def chi_square_band(bins: int, n: int, m: int, level: float = 0.95) -> float:
    """chi2(level; B-1) (1/N + 1/M); NaN where a side is empty, 0 with fewer than two bins."""
    if n <= 0 or m <= 0:
        return float("nan")
    return float(special.chdtri(bins - 1, 1 - level)) * (1 / n + 1 / m) if bins > 1 else 0.0


def between_batches(batch_counts: Floats) -> tuple[float, int]:
    """Variance component tau between batches, and k, from counts (k, B). (0, 0) below three batches.

    Each batch is compared with all others together: E[sum (p_j - p_rest)^2 / p] = (B-1)(1/m_j + 1/rest_j) + tau
    (1 + 1/(k-1)); batches weigh by their rows, since small ones say little. The result is an upper bound (CAUTION); `k` is their effective number.
    """
    counts = batch_counts[batch_counts.sum(axis=1) > 0]
    counts = counts[:, counts.sum(axis=0) > 0]
    k, bins = counts.shape
    if k < MIN_BATCHES or bins < 2:
        return 0.0, k if k >= MIN_BATCHES else 0
    rows = counts.sum(axis=1)
    total, pooled = rows.sum(), counts.sum(axis=0) / rows.sum()
    others = total - rows
    gap = counts / rows[:, None] - (counts.sum(axis=0) - counts) / others[:, None]
    distance = (gap**2 / pooled).sum(axis=1)
    excess = distance - (bins - 1) * (1 / rows + 1 / others)
    weight = rows / total
    noise = CAUTION * np.sqrt(2 * (bins - 1) * np.sum((weight * (1 / rows + 1 / others)) ** 2))
    tau = float((weight @ excess + noise) / (1 + 1 / (k - 1)))
    effective = round(1 / float(np.sum(weight**2)))
    return max(0.0, tau), max(2, min(k, effective))


def leave_one_out(batch_counts: Floats) -> Floats:
    """PSI of each reference batch against all the others, shape (k,)."""
    counts = batch_counts[batch_counts.sum(axis=1) > 0]
    rest = counts.sum(axis=0) - counts
    p = np.maximum(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), FLOOR)
    q = np.maximum(rest / np.maximum(rest.sum(axis=1, keepdims=True), 1), FLOOR)
    return as_floats(np.sum((p - q) * np.log(p / q), axis=1))


def p_value(reference: Floats, current: Floats, batch_counts: Floats) -> float:
    """P(a distance as large) without drift, for counts (B,) and the reference's batches (k, B).

    Of the triangular distance, which follows the law in the module's head where PSI's own tail is too heavy.
    """
    n, m = reference.sum(), current.sum()
    bins = int(((reference + current) > 0).sum())
    law = Null(1 / n + 1 / m, bins - 1, *between_batches(batch_counts))
    return law.tail(triangular(reference / n, current / m))


def null_of(reference: Floats, current: Floats, batch_counts: Floats, seed: int = 0) -> Null:
    """The law of PSI without drift for these counts (B,), and the reference's batches (k, B)."""
    n, m = int(reference.sum()), int(current.sum())
    pooled = (reference + current) / (n + m)
    pooled = pooled[pooled > 0]
    bins = len(pooled)
    scale, freedom = 1 / n + 1 / m, float(bins - 1)
    if bins > 1 and min(n, m) * pooled.min() < ENOUGH_PER_BIN:
        rng = np.random.default_rng(seed)
        p = np.maximum(rng.multinomial(n, pooled, SIMULATIONS) / n, FLOOR)
        q = np.maximum(rng.multinomial(m, pooled, SIMULATIONS) / m, FLOOR)
        draws = ((p - q) * np.log(p / q)).sum(axis=1)
        mean, variance = float(draws.mean()), float(draws.var(ddof=1))
        if mean > 0 and variance > 0:
            scale, freedom = variance / (2 * mean), 2 * mean**2 / variance
    tau, k = between_batches(batch_counts)
    if tau > 0:
        tau = max(tau, _shifted_mean(batch_counts, tau, m, seed) - scale * freedom)
    return Null(scale, freedom, tau, k)


def _shifted_mean(batch_counts: Floats, tau: float, m: int, seed: int) -> float:
    """Mean PSI of chunks of m rows that differ from the pool as the batches do.

    PSI exceeds the Pearson distance where a shift empties a bin of a small chunk, since the floor sets its logarithm.
    Batches are drawn towards the pool, so that they differ by tau and not by tau and their own sampling noise.
    """
    counts = batch_counts[batch_counts.sum(axis=1) > 0]
    rows = counts.sum(axis=1, keepdims=True)
    pooled = counts.sum(axis=0) / rows.sum()
    noise = ((pooled > 0).sum() - 1) / rows
    shares = pooled + np.sqrt(tau / (tau + noise)) * (counts / rows - pooled)
    shares = np.maximum(shares, 0.0) / np.maximum(shares, 0.0).sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    picked = shares[np.arange(SIMULATIONS) % len(shares)]
    q = np.maximum(rng.multinomial(m, picked) / m, FLOOR)
    p = np.maximum(pooled, FLOOR)
    return float(((p - q) * np.log(p / q)).sum(axis=1).mean())
