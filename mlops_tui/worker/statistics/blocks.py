"""How far a chunk of m days may differ from the reference without drift, learnt from the reference's own days.

A chunk of m days averages m day effects: it strays far less than a day does, but more than m unrelated days would,
since weather and seasons persist. So the reference's own spread is measured on moving blocks of L neighbouring days,
each against the days outside it. With x (K, B) the shares of the K days, sqrt of the pooled shares p dividing each
column, a block's gap is r x (r: +rows/rows of the block inside, -rows/rows of the rest outside) and the mean squared gap

    g = sum_b w_b |r_b x|^2 = tr(x' A x),   A = sum_b w_b r_b r_b'

is a quadratic form, the overlapping batch means of Meketon and Schmeiser (1984), so its moments are known:

- sampling: rows of a day are multinomial, with D = diag(1 / rows) E g = (B-1) tr(AD), Var g = 2 (B-1) tr(ADAD). The
  mean is taken off, CAUTION standard deviations are put on: an upper bound of what the days add;
- day effects with covariance S over days: E g is proportional to tr(AS), its degrees of freedom in one direction are
  nu = tr(AS)^2 / tr(ASAS) (Satterthwaite, 1946), and a chunk differs from the whole reference by v_m + s'Ss
  (s: shares of the days' rows), so that g (v_m + s'Ss) / tr(AS) is what a chunk of m days adds to its PSI.

Long blocks see persistence but few of them fit, and the tail of F(1, nu) explodes; a ninth of the reference's days is
as long as they get (L = min(m, K // 9)). What they miss, the days beyond L and the rest's likeness with its neighbour,
is bridged by S = rho^|i-j| with rho = 0.7, above every column of the flights sample (from -0.1 to 0.6 in its first 90
days). For unrelated days that makes the variance of a month 1.3 times too large with 90 days of reference, 2.7 times
with 30; for effects that persist longer it is too small. A chunk of one day needs no bridge: L = 1, S = I.

Effects that point in d directions of the bins average out: d = (g - sampling)^2 / |G|^2, G the gaps' (B, B) moment
matrix; few blocks and sampling noise both tend to make it smaller. A chunk of one day gets d = 1.

Fewer than nine days or batches give no usable tail: the 95 % point of F(1, 2) is 18.5 times its scale. There the
largest PSI of one of them against the others, less what their finite rows add to it on average, is taken as what any
chunk may stray, however many days it spans, and as known (`few`). That is no 95 % point of the batches' own law.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mlops_tui.worker.statistics.bootstrap import cluster_codes
from mlops_tui.worker.statistics.distances import psi
from mlops_tui.worker.statistics.ranking import Floats, as_floats

MIN_BLOCKS = 9
"""Blocks that have to fit side by side into the reference. A reference with fewer days has few of them."""
MIN_ROWS = 100
"""Where days are few, smaller ones are joined with their neighbours: PSI of fewer rows says nothing."""
PERSISTENCE = 0.7
"""Correlation of neighbouring days that the extrapolation to longer chunks assumes."""
CAUTION = 1.645
"""The spread is taken at the upper 95 % point of its own sampling noise."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What day effects add to the PSI of a chunk: `variance` in `directions` d, known with `freedom` nu in each.

    `block`: L, `days`: K, in rows of the counts; K = 0: the reference has too few days, nothing is known. `few`: the
    variance is the largest that was seen between fewer than nine, in no known number of directions and degrees of freedom.
    """

    variance: float = 0.0
    freedom: float = 0.0
    directions: float = 1.0
    block: int = 0
    days: int = 0
    few: bool = False


@dataclass(frozen=True, slots=True)
class _Design:
    """What depends on rows per day, L and m alone. `gaps` r (blocks, K), `weights` w, `offset` tr(AD), `wobble` tr(ADAD)."""

    gaps: Floats
    weights: Floats
    offset: float
    wobble: float
    scale: float
    freedom: float


def effective_number(labels: Any) -> float:
    """How many days (batches) of equal size a chunk amounts to, 1 / sum of squared shares; 1.0 where not known."""
    if labels is None or not len(labels):
        return 1.0
    codes, k = cluster_codes(labels)
    rows = np.bincount(codes, minlength=k).astype(np.float64)
    return float(rows.sum() ** 2 / np.sum(rows**2))


def spread(day_counts: Floats, days: float = 1.0, span: float = 1.0) -> Spread:
    """The spread of chunks of `days` effective days, from counts (K, B) in order of time.

    `span`: days that a row of the counts stands for (long references are stored in cells of several days).
    """
    counts, pooled = _known(day_counts)
    k, bins = counts.shape
    if k < 2 or bins < 2:
        return Spread()
    if k < MIN_BLOCKS:
        return _spread_of_few(counts)
    rows = counts.sum(axis=1)
    one = days < 2
    m = max(1.0, days) / span
    length = 1 if one else max(1, min(int(m), k // MIN_BLOCKS))
    design = _design(rows.tobytes(), length, m, 0.0 if one else PERSISTENCE**span)
    gaps = design.gaps @ (counts / rows[:, None]) / np.sqrt(pooled)
    moments = (gaps * design.weights[:, None]).T @ gaps
    excess = float(np.trace(moments)) - (bins - 1) * design.offset
    upper = max(0.0, excess + CAUTION * np.sqrt(2 * (bins - 1) * design.wobble))
    square = float(np.sum(moments**2))
    directions = 1.0
    if not one and excess > 0 and square > 0:
        directions = min(max(1.0, excess**2 / square), bins - 1.0)
    return Spread(upper * design.scale, design.freedom, directions, length, k)


def _spread_of_few(counts: Floats) -> Spread:
    """The largest PSI of a batch against the others, less its mean without batch effects. `counts` (K, B)."""
    groups = [np.zeros(counts.shape[1])]
    for row in counts:
        if groups[-1].sum() >= MIN_ROWS:
            groups.append(np.zeros(counts.shape[1]))
        groups[-1] = groups[-1] + row
    if len(groups) > 1 and groups[-1].sum() < MIN_ROWS:
        last = groups.pop()
        groups[-1] = groups[-1] + last
    if len(groups) < 2:
        return Spread()
    total = counts.sum(axis=0)
    apart = []
    for one in groups:
        rest = total - one
        n, m = one.sum(), rest.sum()
        apart.append(psi(one / n, rest / m) - (counts.shape[1] - 1) * (1 / n + 1 / m))
    return Spread(variance=max(0.0, *apart), block=1, days=len(groups), few=True)


def block_shares(day_counts: Floats, found: Spread) -> tuple[Floats, Floats]:
    """Shares (blocks, B) of the blocks, drawn towards the pooled shares (B,) until they differ by `found.variance`."""
    counts, pooled = _known(day_counts)
    ends = np.concatenate((np.zeros((1, len(pooled))), np.cumsum(counts, axis=0)))
    sums = ends[found.block :] - ends[: len(ends) - found.block]
    rows = sums.sum(axis=1, keepdims=True)
    off = sums / rows - pooled
    apart = float((rows[:, 0] / rows.sum()) @ (off**2 / pooled).sum(axis=1))
    shares = pooled + np.sqrt(found.variance / apart) * off if apart > 0 else pooled + off
    shares = np.maximum(shares, 0.0)
    return shares / shares.sum(axis=1, keepdims=True), pooled


def _known(day_counts: Floats) -> tuple[Floats, Floats]:
    counts = day_counts[day_counts.sum(axis=1) > 0]
    counts = counts[:, counts.sum(axis=0) > 0]
    return counts, counts.sum(axis=0) / max(1.0, float(counts.sum()))


@lru_cache(maxsize=32)
def _design(row_bytes: bytes, length: int, m: float, rho: float) -> _Design:
    """All columns of a chunk share one. `m` in cells, may be below 1."""
    rows = np.frombuffer(row_bytes, dtype=np.float64)
    k, total = len(rows), rows.sum()
    start = np.arange(k - length + 1)[:, None]
    at = np.arange(k)[None, :]
    inside = (at >= start) & (at < start + length)
    size = inside @ rows
    gaps = as_floats(np.where(inside, rows / size[:, None], -rows / (total - size)[:, None]))
    weights = as_floats(size / size.sum())
    a = gaps.T @ (weights[:, None] * gaps)
    sampled = a / rows
    covariance = np.power(rho, np.abs(at - at.T)) if rho > 0 else np.eye(k)
    effects = a @ covariance
    shares = rows / total
    expected = float(np.trace(effects))
    between = _mean_variance(m, rho) + float(shares @ covariance @ shares)
    return _Design(
        gaps=gaps,
        weights=weights,
        offset=float(np.trace(sampled)),
        wobble=float(np.sum(sampled * sampled.T)),
        scale=between / expected,
        freedom=expected**2 / float(np.sum(effects * effects.T)),
    )


def _mean_variance(m: float, rho: float) -> float:
    """Variance of the mean of m neighbours of unit variance and correlation rho^distance, m >= 1; below 1 as 1 / m."""
    if m <= 1 or rho <= 0:
        return 1.0 / m
    return float((1 + rho) / (1 - rho) - 2 * rho * (1 - rho**m) / (m * (1 - rho) ** 2)) / m
