"""A series of buckets as the daemon gives it, made ready to draw: columns, ends, smoothing, what it is at an x."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from operator import gt
from typing import Literal

Point = tuple[float, float, float, float]
"""x, least, greatest and last value of a bucket"""


@dataclass(frozen=True, slots=True)
class Series:
    """A curve with its name as data has it. `points`: buckets, x ascending. `nonfinite` values were NaN or infinite and are in no bucket.
    `goal` says which value is best; without it the legend shows the range."""

    name: str
    points: Sequence[Point]
    pinned: bool = False
    nonfinite: int = 0
    goal: Literal["max", "min", ""] = ""


class Curve:
    """The columns of a series, computed once: drawing it again costs only what is in sight. Points that are not finite are counted and left out."""

    def __init__(self, series: Series) -> None:
        self.series = series
        # one C-level check for the usual case that all is finite: a sum is not where a part is not (or where it overflows)
        points = list(series.points)
        if not all(math.isfinite(sum(column)) for column in zip(*points, strict=True)):
            points = [point for point in points if all(map(math.isfinite, point))]
        self._dropped = len(series.points) - len(points)
        columns = tuple(zip(*points, strict=True)) or ((), (), (), ())
        if any(a > b for a, b in zip(columns[0], columns[0][1:], strict=False)):
            points.sort(key=lambda point: point[0])
            columns = tuple(zip(*points, strict=True))
        if any(map(gt, columns[1], columns[2])):
            columns = (columns[0], tuple(map(min, *columns[1:3])), tuple(map(max, *columns[1:3])), columns[3])
        self.xs, self.lows, self.highs, self.lasts = columns
        self._smoothed: tuple[float, list[float]] = (0.0, [])

    def renamed(self, series: Series) -> Curve:
        """The same points under another name, pin or goal, without reading them again."""
        other = copy(self)
        other.series = series
        return other

    @property
    def nonfinite(self) -> int:
        """How many values were not finite: those the store counted, and points that are here."""
        return self.series.nonfinite + self._dropped

    def __len__(self) -> int:
        return len(self.xs)

    def smoothed(self, beta: float) -> Sequence[float]:
        """The last values under a debiased exponential moving average:

            s(t) = beta * s(t-1) + (1 - beta) * x(t),  s(0) = 0;   shown is  s(t) / (1 - beta ** t)

        so that the first values are not drawn towards 0. `beta` from 0 (as it is) to below 1; one step is one bucket.
        """
        if beta <= 0:
            return self.lasts
        if self._smoothed[0] != beta:
            self._smoothed = (beta, _ema(self.lasts, beta))
        return self._smoothed[1]

    def window(self, low: float, high: float) -> tuple[int, int]:
        """The slice of the buckets with low <= x <= high."""
        return bisect_left(self.xs, low), bisect_right(self.xs, high)

    def best(self) -> tuple[float, float] | None:
        """The x and the best value by the goal; the bucket's x where it was reached. None without points or goal."""
        if not self.xs or not self.series.goal:
            return None
        column, choose = (self.highs, max) if self.series.goal == "max" else (self.lows, min)
        value = choose(column)
        return self.xs[column.index(value)], value

    def at(self, x: float) -> Point | None:
        """The bucket that holds x: the last one that begins at or before it. None before the first one, and more than a bucket after the last."""
        place = bisect_right(self.xs, x) - 1
        if place < 0:
            return None
        if place == len(self.xs) - 1 and x > self.xs[-1] + (self.xs[-1] - self.xs[0]) / max(place, 1):
            return None
        return self.xs[place], self.lows[place], self.highs[place], self.lasts[place]


def _ema(values: Sequence[float], beta: float) -> list[float]:
    shown: list[float] = []
    state, weight, fresh = 0.0, 1.0, 1.0 - beta
    for value in values:
        state = beta * state + fresh * value
        weight *= beta
        shown.append(state / (1.0 - weight))
    return shown


def ends(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """The least and greatest x of all curves; None where there is no point."""
    full = [curve for curve in curves if curve.xs]
    return (min(c.xs[0] for c in full), max(c.xs[-1] for c in full)) if full else None


def next_x(curves: Sequence[Curve], x: float, step: int) -> float | None:
    """The nearest bucket beyond x, in the direction of `step` (1 or -1), of any curve."""
    if step > 0:
        beyond = [c.xs[i] for c in curves if (i := bisect_right(c.xs, x)) < len(c.xs)]
        return min(beyond, default=None)
    before = [c.xs[i - 1] for c in curves if (i := bisect_left(c.xs, x)) > 0]
    return max(before, default=None)
