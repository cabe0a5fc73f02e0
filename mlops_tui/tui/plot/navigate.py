"""Where the crosshair and the window go next."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_tui.tui.plot.chart import Drawing
from mlops_tui.tui.plot.curve import Curve, ends, next_x

Window = tuple[float, float] | None
"""the ends of x in sight; None: all"""

_CLOSEST = 1e-6
"""the smallest part of all x that a window may show"""


def moved(
    curves: Sequence[Curve], drawing: Drawing, crosshair: float | None, window: Window, step: int
) -> tuple[float | None, Window]:
    """The crosshair at the next bucket in that direction (1 or -1) that lies in another column, and the window, which goes along beyond its end.
    A crosshair that is not in sight comes in from the other side."""
    if drawing.x is None:
        return crosshair, window
    low, high = drawing.x.low, drawing.x.high
    if crosshair is None or not low <= crosshair <= high:
        beyond = math.nextafter(low, -math.inf) if step > 0 else math.nextafter(high, math.inf)
        return next_x(curves, beyond, step), window
    column, found = drawing.column(crosshair), next_x(curves, crosshair, step)
    while found is not None and low <= found <= high and drawing.column(found) == column:
        found = next_x(curves, found, step)
    if found is None:
        return crosshair, window
    if window is not None and not low <= found <= high:
        move = found - (high if step > 0 else low) + step * (high - low) / 4
        window = (low + move, high + move)
    return found, window


def nearest(curves: Sequence[Curve], drawing: Drawing, column: int) -> float | None:
    """The x of the bucket nearest to a column of the plot."""
    if drawing.x is None or drawing.columns < 2:
        return None
    x = drawing.x.value(column / (drawing.columns - 1))
    near = [found for step in (-1, 1) if (found := next_x(curves, x, step)) is not None]
    return min(near, key=lambda found: abs(found - x), default=None)


def zoomed(
    curves: Sequence[Curve], drawing: Drawing, crosshair: float | None, window: Window, factor: float
) -> Window:
    """The window with `factor` times as much of x, around the crosshair or the middle; None once it holds all."""
    whole = ends(curves)
    if whole is None or drawing.x is None:
        return window
    low, high = drawing.x.low, drawing.x.high
    centre = crosshair if crosshair is not None and low <= crosshair <= high else low / 2 + high / 2
    low, high = centre - (centre - low) * factor, centre + (high - centre) * factor
    if not high - low >= (whole[1] - whole[0]) * _CLOSEST or not low < high:
        return window
    return None if low <= whole[0] and high >= whole[1] else (low, high)
