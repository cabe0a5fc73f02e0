"""How large the PSI of a chunk gets without drift.

Two things make it larger than zero: the finite number of rows, and that days (batches) differ from one another
although nothing drifts. With p, q over B bins and s = 1/N + 1/M the first gives PSI ~ s chi2(B-1); rare bins and
few rows have a heavier tail, which a small simulation from the pooled shares measures (mean and variance, matched by
a scaled chi-square after Satterthwaite, 1946). The second, for a chunk of as many days as this one has, is measured on
blocks of the reference's own days (blocks.py): a variance tau in d directions of the bins, known with nu degrees of
freedom in each. Together, with a and n the scale and the degrees of freedom of the first,

    PSI ~ a chi2(n - d) + (d a + tau) F(d, d nu).

Its 95 % point is the band. With fewer than nine days nu is too small for a usable tail; tau is then the largest that was
seen between them, and PSI ~ a chi2(n; noncentrality tau / a), as if every chunk strayed as far as the oddest batch. The p-value uses the same law with a = s and n = B-1, on a distance that equals PSI to
second order and keeps to it in the tail (`p_value`). Few reference rows or days make tau uncertain and the band wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats

from mlops_tui.worker.statistics import blocks
from mlops_tui.worker.statistics.blocks import Spread
from mlops_tui.worker.statistics.distances import FLOOR, triangular
from mlops_tui.worker.statistics.ranking import Floats, as_floats

SIMULATIONS = 400
ENOUGH_PER_BIN = 100
"""Expected rows of the smaller side in its rarest bin from which the chi-square law needs no simulation."""


@dataclass(frozen=True, slots=True)
class Null:
    """The law of PSI without drift: `scale` a, `freedom` n, and what day effects add."""

    scale: float
    freedom: float
    days: Spread = field(default_factory=Spread)

    def tail(self, value: float) -> float:
        """P(PSI >= value) without drift."""
        if self.freedom <= 0:
            return 1.0 if value <= 0 else 0.0
        if not self.days.days:
            return float(special.chdtrc(self.freedom, max(value, 0.0) / self.scale))
        if self.days.few:
            strays = self.days.variance / self.scale
            return float(stats.ncx2.sf(max(value, 0.0) / self.scale, self.freedom, strays))
        d = min(self.days.directions, self.freedom)
        weight, f = _f_grid(round(d, 1), round(self.days.freedom, 1))
        left = np.maximum(value - (d * self.scale + self.days.variance) * f, 0.0) / self.scale
        rest = self.freedom - d
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


@lru_cache(maxsize=512)
def _f_grid(d: float, nu: float) -> tuple[Floats, Floats]:
    """Cells of the F(d, d nu) law, fine in the upper tail: probability of each and its upper end (conservative)."""
    tails = np.concatenate((np.linspace(1.0, 0.1, 91)[:-1], np.geomspace(0.1, 1e-14, 600)))
    ends = as_floats(stats.f.isf(tails, d, max(d * nu, 0.1)))
    weight = np.append(tails[:-1] - tails[1:], tails[-1])
    return weight, np.append(ends[1:], ends[-1] * 10)


def chi_square_band(bins: int, n: int, m: int, level: float = 0.95) -> float:
    """chi2(level; B-1) (1/N + 1/M); NaN where a side is empty, 0 with fewer than two bins."""
    if n <= 0 or m <= 0:
        return float("nan")
    return float(special.chdtri(bins - 1, 1 - level)) * (1 / n + 1 / m) if bins > 1 else 0.0


def p_value(reference: Floats, current: Floats, days: Spread) -> float:
    """P(a distance as large) without drift, for counts (B,) and the spread of such chunks.

    Of the triangular distance, which follows the law in the module's head where PSI's own tail is too heavy.
    """
    n, m = reference.sum(), current.sum()
    bins = int(((reference + current) > 0).sum())
    return Null(1 / n + 1 / m, bins - 1, days).tail(triangular(reference / n, current / m))


def null_of(
    reference: Floats,
    current: Floats,
    day_counts: Floats | None = None,
    days: Spread | None = None,
    seed: int = 0,
) -> Null:
    """The law of PSI without drift for these counts (B,), the reference's days (K, B) and the spread found on them."""
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
    if day_counts is None or days is None or days.few or days.variance <= 0:
        return Null(scale, freedom, days or Spread())
    more = _shifted_mean(day_counts, days, m, seed) - scale * freedom
    return Null(scale, freedom, replace(days, variance=max(days.variance, more)))


def _shifted_mean(day_counts: Floats, days: Spread, m: int, seed: int) -> float:
    """Mean PSI of chunks of m rows that differ from the pool as blocks of the reference do.

    PSI exceeds the Pearson distance where a shift empties a bin of a small chunk, since the floor sets its logarithm.
    """
    shares, pooled = blocks.block_shares(day_counts, days)
    rng = np.random.default_rng(seed)
    picked = shares[np.arange(SIMULATIONS) % len(shares)]
    q = np.maximum(rng.multinomial(m, picked) / m, FLOOR)
    p = np.maximum(pooled, FLOOR)
    return float(((p - q) * np.log(p / q)).sum(axis=1).mean())
