"""Curves over two axes, as lines of text: `draw` for a widget that asks again and again, `chart_text` for one frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from mlops_tui.tui.plot.canvas import Canvas, Grid, trace
from mlops_tui.tui.plot.curve import Curve, Series, ends
from mlops_tui.tui.plot.glyphs import Glyphs, Mode, glyphs
from mlops_tui.tui.plot.legend import Slot, legend, readout
from mlops_tui.tui.plot.lines import Line, cells, centred, cut, fit, name, pad, plain
from mlops_tui.tui.plot.scale import DAY, Scale, Tick, XKind, moment, ticks, x_scale, x_text, x_ticks, y_scale

MOST = 8
"""how many series one chart holds"""


@dataclass(frozen=True, slots=True)
class View:
    """How to look at the curves. `window`: the ends of x, else all; `crosshair`: an x; `line`: the crosshair goes all the way up; `smoothing`: 0 … 0.99;
    `values`: the legend has them, not only names."""

    mode: Mode = "braille"
    log_y: bool = False
    smoothing: float = 0.0
    x_kind: XKind = "step"
    window: tuple[float, float] | None = None
    crosshair: float | None = None
    line: bool = False
    x_label: str = ""
    y_label: str = ""
    empty: str = "no points yet"
    tz: tzinfo = UTC
    values: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """The lines, and where the plot lies in them: cell columns from `left`, `columns` of them, over the scale `x`. Without points `x` is None."""

    lines: list[Line]
    x: Scale | None
    left: int
    columns: int

    def column(self, x: float) -> int:
        """The column of the plot for an x in sight."""
        place = self.x.place(x) if self.x else 0.0
        return round(min(max(place, 0.0), 1.0) * (self.columns - 1))


@dataclass(frozen=True, slots=True)
class _Room:
    """How the rows are shared: header, plot, axis line, labels, legend."""

    header: int
    plot: int
    rule: int
    labels: int
    legend: int

    @staticmethod
    def of(height: int, legend: int) -> _Room:
        header, rule, labels = int(height >= 6), int(height >= 10), int(height >= 3)
        return _Room(header, height - header - rule - labels - legend, rule, labels, legend)


def slots(series: Sequence[Series]) -> list[int]:
    """Which series are drawn, pinned ones first: at most MOST."""
    return sorted(range(len(series)), key=lambda i: (not series[i].pinned, i))[:MOST]


def _slots(curves: Sequence[Curve]) -> list[Slot]:
    """Each series keeps the colour and marker of its place in the list; those from beyond the eighth place take what is free."""
    chosen = slots([curve.series for curve in curves])
    free = iter([slot for slot in range(MOST) if slot not in chosen])
    return [(i if i < MOST else next(free), curves[i]) for i in chosen]


def draw(curves: Sequence[Curve], width: int, height: int, view: View) -> Drawing:
    """Exactly `height` lines of `width` cells (both ≥ 1)."""
    signs = glyphs(view.mode)
    shown = _slots(curves)
    drawn = [curve for _, curve in shown]
    sight = view.window or ends(drawn)
    values = _values(drawn, sight, view) if sight else None
    if sight is None or values is None:
        return _nothing(shown, len(curves), width, height, view, signs, sight is not None)
    below = legend(shown, width, _legend_rows(height, len(shown)), signs, view.x_kind, values=view.values)
    room = _Room.of(height, len(below))
    scale = y_scale(*values, view.log_y)
    marks = ticks(scale, max(2, room.plot // 3))
    gutter = _gutter(marks, width)
    columns = width - gutter
    canvas = Canvas(columns, room.plot, signs)
    grid = Grid.over(canvas.width, canvas.height, x_scale(*sight), scale)
    drawing = Drawing([], grid.x, gutter, columns)
    _curves(canvas, shown, grid, view)
    labels = _x_labels(
        x_ticks(grid.x, max(2, columns // 10), view.x_kind, view.tz), drawing, width, view, signs
    )
    rows = {_row(grid, tick, signs): tick[1] for tick in reversed(marks)} if gutter else {}
    canvas.dots(rows, [drawing.column(x) for x, _ in labels[2]] if columns > 30 else ())
    pointer = None if view.crosshair is None else drawing.column(view.crosshair)
    if pointer is not None and view.line:
        canvas.rule(pointer)
    lines = drawing.lines
    if room.header:
        lines.append(_header(shown, len(curves), grid.x, width, view, signs))
    lines += [_left(row, rows, gutter, signs) + line for row, line in enumerate(canvas.lines())]
    if room.rule:
        lines.append(_rule(labels[2], drawing, pointer, signs))
        pointer = None
    if room.labels:
        lines.append(_point(labels[0], width, None if pointer is None else gutter + pointer, signs))
    lines += below
    return drawing


def chart_text(
    series: Sequence[Series],
    width: int = 80,
    height: int = 20,
    mode: Mode = "braille",
    view: View | None = None,
) -> str:
    """One frame as plain text, without colours: `height` lines of at most `width` cells."""
    curves = [Curve(one) for one in series]
    return plain(draw(curves, width, height, replace(view or View(), mode=mode)).lines)


# --- what is in sight -------------------------------------------------------------------------------------------


def _values(curves: Sequence[Curve], sight: tuple[float, float], view: View) -> tuple[float, float] | None:
    """The least and greatest value to be seen (above 0 on a log scale); None where there is none."""
    low, high = math.inf, -math.inf
    for curve in curves:
        first, end = curve.window(*sight)
        part = slice(max(first - 1, 0), end + 1)
        columns = [curve.lows[part], curve.highs[part]]
        if view.smoothing > 0:
            columns.append(tuple(curve.smoothed(view.smoothing)[part]))
        for column in columns:
            if not column:
                continue
            high = max(high, max(column))
            least = min(column)
            if view.log_y and least <= 0:
                least = min((v for v in column if v > 0), default=math.inf)
            low = min(low, least)
    return (low, high) if low <= high else None


def _notes(shown: Sequence[Slot], total: int, view: View, x: Scale | None) -> list[str]:
    """What a reader has to know about the drawing: nothing is left out in silence."""
    notes = []
    if view.log_y:
        notes.append("log")
        under = sum(1 for _, curve in shown for low in curve.lows if low <= 0)
        if under:
            notes.append(f"{under} not above 0")
    if view.smoothing > 0:
        notes.append(f"smooth {view.smoothing:g}")
    if view.window is not None and x is not None:
        notes.append(f"{x_text(x.low, view.x_kind, view.tz)} to {x_text(x.high, view.x_kind, view.tz)}")
    bad = sum(curve.nonfinite for _, curve in shown)
    if bad:
        notes.append(f"{bad} not finite")
    if total > len(shown):
        notes.append(f"{total - len(shown)} more not drawn")
    return notes


def _curves(canvas: Canvas, shown: Sequence[Slot], grid: Grid, view: View) -> None:
    """Paints the first series last, so that it lies on top; smoothed lines over all raw envelopes; markers over all."""
    lines = []
    for slot, curve in reversed(shown):
        raw, smooth = trace(curve, grid, view.smoothing)
        canvas.paint(raw, slot, faint=view.smoothing > 0)
        lines.append((slot, smooth or raw))
    if view.smoothing > 0:
        for slot, spans in lines:
            canvas.paint(spans, slot)
    if len(lines) > 1:
        for slot, spans in lines:
            canvas.mark(spans, slot)
    elif len(lines[0][1]) == 1:
        canvas.mark(lines[0][1], lines[0][0])


# --- around the plot --------------------------------------------------------------------------------------------


def _legend_rows(height: int, count: int) -> int:
    return 0 if height < 7 or count == 0 else max(1, min(count, height // 5))


def _gutter(marks: Sequence[Tick], width: int) -> int:
    """Cells for the labels of y and its line; none where the plot would suffer."""
    wide = max((len(label) for _, label in marks), default=0) + 1
    return wide if width - wide >= max(8, width // 2) else 0


def _row(grid: Grid, tick: Tick, signs: Glyphs) -> int:
    row = grid.rows([tick[0]])[0]
    return min(max(row, 0), grid.height - 1) // signs.down


def _left(row: int, rows: dict[int, str], gutter: int, signs: Glyphs) -> Line:
    if not gutter:
        return []
    label = rows.get(row)
    return [(pad(label or "", gutter - 1, right=True) + (signs.side_tick if label else signs.side), "axis")]


def _header(
    shown: Sequence[Slot], total: int, x: Scale | None, width: int, view: View, signs: Glyphs
) -> Line:
    title = name(view.y_label, max(width // 3, 8), ascii_only=signs.ascii)
    line: Line = [(title, "title")] if title else []
    left = width - cells(title) - 2 * bool(title)
    if view.crosshair is not None and len(shown) > 0:
        text, role = readout(shown, view.crosshair, left, signs, view.x_kind, view.tz)[0]
    else:
        separator = " - " if signs.ascii else " · "
        text, role = cut(separator.join(_notes(shown, total, view, x)), left, ascii_only=signs.ascii), "note"
    if text:
        line.append((" " * (width - cells(title) - cells(text)) + text, role))
    return fit(line, width)


def _x_labels(
    marks: Sequence[Tick], drawing: Drawing, width: int, view: View, signs: Glyphs
) -> tuple[str, int, list[Tick]]:
    """The row of labels (what x is at its left, else at its right end), its filled length, and the ticks that found room."""
    usual = _day(drawing.x, view) if view.x_kind == "time" else "step" if view.x_kind == "step" else "time"
    axis = name(
        view.x_label or usual, 12, ascii_only=True
    )  # one cell a letter: the pointer is found by counting
    row = cut(axis, drawing.left - 1, ascii_only=signs.ascii) if cells(axis) < drawing.left else ""
    kept: list[Tick] = []
    filled = cells(row)
    tail = 0 if row or width < 40 else cells(axis) + 2
    for x, label in marks:
        column = drawing.left + drawing.column(x)
        start = min(max(column - len(label) // 2, drawing.left), width - tail - len(label))
        if start < filled + (2 if kept else bool(filled)) or start < 0 or column >= width - tail // 2:
            continue
        row += " " * (start - filled) + label
        filled = start + len(label)
        kept.append((x, label))
    if tail and filled + tail <= width:
        row += " " * (width - filled - cells(axis)) + axis
    return row, filled, kept


def _day(x: Scale | None, view: View) -> str:
    """The zone of the labels, and the day where they are times of one day."""
    zone = "UTC" if view.tz is UTC else "time"
    if x is None or x.high - x.low > DAY:
        return zone
    return f"{moment(x.low, DAY, view.tz)} {zone}"


def _rule(kept: Sequence[Tick], drawing: Drawing, pointer: int | None, signs: Glyphs) -> Line:
    line = [signs.rule] * drawing.columns
    for x, _ in kept:
        line[drawing.column(x)] = signs.tick
    corner = " " * (drawing.left - 1) + signs.corner if drawing.left else ""
    if pointer is None:
        return [(corner + "".join(line), "axis")]
    parts = [
        (corner + "".join(line[:pointer]), "axis"),
        (signs.pointer, "cross"),
        ("".join(line[pointer + 1 :]), "axis"),
    ]
    return [part for part in parts if part[0]]


def _point(row: str, width: int, pointer: int | None, signs: Glyphs) -> Line:
    row = pad(row, width)[:width]
    if pointer is None:
        return [(row, "axis")]
    parts = [(row[:pointer], "axis"), (signs.pointer, "cross"), (row[pointer + 1 :], "axis")]
    return [part for part in parts if part[0]]


def _nothing(
    shown: Sequence[Slot], total: int, width: int, height: int, view: View, signs: Glyphs, sight: bool
) -> Drawing:
    """The frame without a plot, and why there is none."""
    words = view.empty
    if sight:
        words = "nothing above 0 to show on a log scale" if view.log_y else "no points in this window"
    elif any(curve.nonfinite for _, curve in shown):
        words = "no value is finite"
    head = [_header(shown, total, None, width, replace(view, crosshair=None), signs)] if height >= 3 else []
    below = legend(
        shown, width, min(_legend_rows(height, len(shown)), height - len(head) - 1), signs, view.x_kind
    )
    middle: list[Line] = [[(" " * width, "")] for _ in range(height - len(head) - len(below))]
    text = name(words, width, ascii_only=signs.ascii)
    middle[(len(middle) - 1) // 2] = centred(text, width)
    return Drawing([*head, *middle, *below], None, 0, width)
