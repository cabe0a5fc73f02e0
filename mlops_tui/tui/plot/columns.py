"""Estimates side by side, each a point in its interval: how something has gone, from left to right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlops_tui.tui.plot.glyphs import Mode, glyphs
from mlops_tui.tui.plot.intervals import Interval, finite, side
from mlops_tui.tui.plot.lines import Line, cut, fit, pad
from mlops_tui.tui.plot.scale import Scale, ticks, y_scale

_STEMS = "╻┃╹"
"""What fills the lower half of a cell, all of it, its upper half."""
_RULE = "╌"


def columns(
    marks: Sequence[Interval],
    height: int,
    *,
    cell: int,
    gutter: int,
    mode: Mode = "braille",
    reference: float | None = None,
    roles: Sequence[str] = (),
    higher_is_better: bool = True,
) -> list[Line]:
    """`height` lines: an axis in `gutter` cells, then `cell` cells for each mark, with its interval upright in their middle and the value upon it; the
    reference goes through all. An interval wholly on one side of it is drawn as `good` or `bad`, another in its role of `roles`, else as the first series.
    """
    signs = glyphs(mode)
    stems, rule = ("|||", "-") if signs.ascii else (_STEMS, _RULE)
    known = [v for mark in marks for v in (mark.value, mark.low, mark.high, reference) if finite(v)]
    wide = gutter + cell * len(marks)
    if not known:
        return [fit([], wide) for _ in range(height)]
    scale = y_scale(min(known), max(known))
    labels = {_row(value, scale, height): label for value, label in ticks(scale, max(2, height // 2))}
    across = _row(reference, scale, height) if finite(reference) else None
    words = [side(mark, reference, higher_is_better) for mark in marks]
    drawn_as = [
        {"better": "good", "worse": "bad"}.get(word) or (roles[place] if place < len(roles) else "s0")
        for place, word in enumerate(words)
    ]
    lines: list[Line] = []
    for row in range(height):
        label = labels.get(row, "")
        line: Line = [
            (pad(cut(label, gutter - 1), gutter - 1, right=True), "label"),
            (signs.side_tick if label else signs.side, "axis"),
        ]
        fill = rule if row == across else " "
        for mark, role in zip(marks, drawn_as, strict=True):
            found = _sign(mark, row, scale, height, stems, signs.dot)
            before = cell // 2
            line += [
                (fill * before, "axis"),
                (found, role) if found else (fill, "axis"),
                (fill * (cell - before - 1), "axis"),
            ]
        lines.append(fit(line, wide))
    return lines


def _row(value: float, scale: Scale, height: int) -> int:
    place = min(max(scale.place(value), 0.0), 1.0)
    return round((1.0 - place) * (height - 1))


def _sign(mark: Interval, row: int, scale: Scale, height: int, stems: str, dot: str) -> str:
    """What a mark has in a row; empty where it has nothing there."""
    if finite(mark.value) and _row(mark.value, scale, height) == row:
        return dot
    if not finite(mark.low) or not finite(mark.high):
        return ""
    first, last = (_half(end, scale, height) for end in (mark.high, mark.low))
    upper, lower = first <= 2 * row <= last, first <= 2 * row + 1 <= last
    return stems[1] if upper and lower else stems[0] if lower else stems[2] if upper else ""


def _half(value: float, scale: Scale, height: int) -> int:
    """The half of a row, counted from the top, that a value lies in."""
    place = (1.0 - scale.place(value)) * (height - 1) + 0.5
    return math.floor(min(max(2 * place, 0.0), 2 * height - 1))
