"""Which curve is which: marker, name, last and best value, in as few lines as hold them; and what all are at the crosshair."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from mlops_tui.tui.plot.curve import Curve
from mlops_tui.tui.plot.glyphs import Glyphs
from mlops_tui.tui.plot.lines import SERIES_ROLES, Line, cells, cut, fit, name, pad
from mlops_tui.tui.plot.scale import XKind, number, numbers, whole, x_text

Slot = tuple[int, Curve]
"""the place of a series' colour and marker, and its curve"""

_NAME = 28


def legend(
    shown: Sequence[Slot], width: int, rows: int, glyphs: Glyphs, kind: XKind = "step", *, values: bool = True
) -> list[Line]:
    """At most `rows` lines: with `values` last and best (or range) where they fit, else with last, else names, as many as fit and how many do not."""
    if rows <= 0 or not shown:
        return []
    names = [name(curve.series.name, _NAME, ascii_only=glyphs.ascii) for _, curve in shown]
    written = iter(numbers([curve.lasts[-1] for _, curve in shown if len(curve)]))
    lasts = [next(written) if len(curve) else "no points" for _, curve in shown]
    bests = [_best(curve, kind) for _, curve in shown]
    for fields in ([names, lasts, bests], [names, lasts], [names]) if values else ([names],):
        found = _table(shown, fields, width, rows, glyphs)
        if found:
            return found
    return _row(shown, names, width, glyphs)


def _best(curve: Curve, kind: XKind) -> str:
    best = curve.best()
    if best is None:
        return f"{number(min(curve.lows))}..{number(max(curve.highs))}" if len(curve) else ""
    where = f" @{whole(best[0])}" if kind == "step" else ""
    return f"best {number(best[1])}{where}"


def _table(
    shown: Sequence[Slot], fields: Sequence[Sequence[str]], width: int, rows: int, glyphs: Glyphs
) -> list[Line]:
    wide = [max(map(cells, field)) for field in fields]
    item = 2 + sum(wide) + 2 * (len(wide) - 1)
    columns = (width + 3) // (item + 3)
    if columns < 1 or -(-len(shown) // columns) > rows:
        return []
    used = -(-len(shown) // columns)
    lines: list[Line] = [[] for _ in range(used)]
    for place, (slot, curve) in enumerate(shown):
        line = lines[place % used]
        if line:
            line.append(("   ", "label"))
        values = [pad(field[place], wide[i], right=i == 1) for i, field in enumerate(fields)]
        line.append((glyphs.markers[slot] + " ", SERIES_ROLES[slot]))
        line.append((values[0], "title" if curve.series.pinned else ""))
        if values[1:]:
            line.append(("  " + "  ".join(values[1:]), "label"))
    return [fit(line, width) for line in lines]


def _row(shown: Sequence[Slot], names: Sequence[str], width: int, glyphs: Glyphs) -> list[Line]:
    """One line of names, shortened; those that do not fit are counted."""
    each = max(3, (width - 4) // len(shown) - 3)
    line: Line = []
    left = width
    for place, (slot, _) in enumerate(shown):
        text = cut(names[place], each, ascii_only=glyphs.ascii)
        more = f"+{len(shown) - place}"
        last = place == len(shown) - 1
        if cells(text) + 3 + (0 if last else len(more)) > left:
            line.append((more, "note"))
            break
        line += [(glyphs.markers[slot] + " ", SERIES_ROLES[slot]), (text + " ", "")]
        left -= cells(text) + 3
    return [fit(line, width)]


def readout(
    shown: Sequence[Slot],
    x: float,
    width: int,
    glyphs: Glyphs,
    kind: XKind = "step",
    tz: tzinfo | None = None,
) -> Line:
    """Every series at x in one line of at most `width` cells: marker, last value of the bucket and its least..greatest where they differ and fit."""
    head = ("" if kind != "step" else "step ") + (x_text(x, kind, tz) if tz else x_text(x, kind))
    values = [(glyphs.markers[slot], curve.at(x)) for slot, curve in shown]
    for ranges, digits in ((len(values), 4), (1, 4), (0, 4), (0, 3)):
        parts = []
        for place, (marker, point) in enumerate(values):
            text = f"{marker} {number(point[3], digits) if point else '-'}"
            if point and place < ranges and point[1] != point[2]:
                text += f" ({number(point[1], digits)}..{number(point[2], digits)})"
            parts.append(text)
        line = "  ".join([head, *parts])
        if cells(line) <= width:
            break
    return [(cut(line, width, ascii_only=glyphs.ascii), "cross")]
