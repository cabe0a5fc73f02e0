"""Dots into cells: curves are traced to vertical spans, one for each dot column; spans are painted as bits; cells are read off in the end.

A column of dots is one integer, its lowest bit on top. Who owns a cell (and so its colour) is kept apart, one byte a cell, column after column,
since a span of a column then is one slice.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlops_tui.tui.plot.curve import Curve
from mlops_tui.tui.plot.glyphs import Glyphs
from mlops_tui.tui.plot.lines import FAINT_ROLES, SERIES_ROLES, Line
from mlops_tui.tui.plot.scale import Scale

Span = tuple[int, int, int, int]
"""dot column, topmost and lowest dot row, and the dot row of the last value"""

_OWNERS = ("", *SERIES_ROLES, *FAINT_ROLES, "grid", "cross")
_STRONG, _FAINT, _GRID, _CROSS = 1, 9, 17, 18
_SAME = re.compile(rb"(.)\1*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Grid:
    """The dots of a plot, and the scales over them. `edges[k]` is the x where dot column k ends; `rows` turns values into dot rows, the topmost is 0."""

    width: int
    height: int
    x: Scale
    y: Scale
    edges: list[float]
    rows: Callable[[Iterable[float]], list[int]]

    @staticmethod
    def over(width: int, height: int, x: Scale, y: Scale) -> Grid:
        """`width` x `height` dots; the outermost ones are centred on the ends of the scales."""
        parts = max(width - 1, 1)
        edges = [x.value((k + 0.5) / parts) for k in range(width - 1)]
        return Grid(width, height, x, y, [*edges, math.inf], _rows(y, height - 1))

    def column(self, x: float) -> int:
        """The dot column of an x; it may lie outside."""
        place = self.x.place(x) * (self.width - 1)
        return round(min(max(place, -1e6), 1e6))


def _rows(y: Scale, last: int) -> Callable[[Iterable[float]], list[int]]:
    """From values to dot rows 0 … last; on a log scale values not above 0 lie in the lowest row."""
    if y.log:
        bottom = math.log10(y.low)
        slope = last / (math.log10(y.high) - bottom)
        base, log10 = last + bottom * slope + 0.5, math.log10
        return lambda values: [int(base - log10(v) * slope) if v > 0 else last for v in values]
    span = y.high - y.low
    slope = last / span if span > 1e-300 else math.inf
    base = last + y.low * slope + 0.5
    if math.isfinite(base) and math.isfinite(slope * max(abs(y.low), abs(y.high))):
        return lambda values: [int(base - v * slope) for v in values]
    place = y.placer()
    return lambda values: [int(last - place(v) * last + 0.5) for v in values]


def trace(curve: Curve, grid: Grid, smoothing: float = 0.0) -> tuple[list[Span], list[Span]]:
    """The spans of a curve in sight, column after column without holes: the envelope of all buckets in a dot column, joined by lines through the last
    values; and the same for the smoothed values (none without smoothing). One bucket beyond either edge is looked at, so that lines reach it."""
    first, end = curve.window(grid.x.low, grid.x.high)
    columns, starts, stops = _gather(curve.xs, first, end, grid.edges)
    for outside, place in ((first - 1, 0), (end, len(columns) + 1)):
        if 0 <= outside < len(curve.xs):
            columns.insert(place, grid.column(curve.xs[outside]))
            starts.insert(place, outside)
            stops.insert(place, outside + 1)
    lows, highs = curve.lows, curve.highs
    pairs = list(zip(starts, stops, strict=True))
    low = [lows[a] if b - a == 1 else min(lows[a:b]) for a, b in pairs]
    high = [highs[a] if b - a == 1 else max(highs[a:b]) for a, b in pairs]
    raw = _spans(columns, low, high, [curve.lasts[b - 1] for b in stops], grid)
    if smoothing <= 0:
        return raw, []
    smooth = curve.smoothed(smoothing)
    line = [smooth[b - 1] for b in stops]
    return raw, _spans(columns, line, line, line, grid)


def _gather(
    xs: Sequence[float], first: int, end: int, edges: list[float]
) -> tuple[list[int], list[int], list[int]]:
    """The dot columns that have buckets, and from which to which bucket."""
    columns: list[int] = []
    starts: list[int] = []
    stops: list[int] = []
    start = first
    for column, edge in enumerate(edges):
        if start == end:
            break
        stop = bisect_left(xs, edge, start, end)
        if stop > start:
            columns.append(column)
            starts.append(start)
            stops.append(stop)
            start = stop
    return columns, starts, stops


def _spans(
    columns: list[int], low: list[float], high: list[float], last: list[float], grid: Grid
) -> list[Span]:
    if not columns:
        return []
    if grid.y.log and min(high) <= 0:
        kept = [i for i, value in enumerate(high) if value > 0]
        columns = [columns[i] for i in kept]
        low, high, last = ([found[i] for i in kept] for found in (low, high, last))
    rows, floor = grid.rows, grid.height - 1
    tops, at = rows(high), rows(last)
    bottoms = tops if low is high else rows(low)
    if columns and (min(tops) < 0 or max(bottoms) > floor or min(at) < 0 or max(at) > floor):
        tops, bottoms, at = ([min(max(row, 0), floor) for row in found] for found in (tops, bottoms, at))
    return _join(columns, tops, bottoms, at, grid.width)


def _join(columns: list[int], tops: list[int], bottoms: list[int], at: list[int], width: int) -> list[Span]:
    """Spans without holes: a column reaches to where its neighbour ends, empty ones take the straight line."""
    spans: list[Span] = []
    add = spans.append
    last_column, last_top, last_bottom, last_row = columns[0] if columns else 0, 0, 1 << 30, 0
    for column, top, bottom, row in zip(columns, tops, bottoms, at, strict=True):
        if column > last_column + 1:
            slope = (row - last_row) / (column - last_column)
            for between in range(max(last_column + 1, 0), min(column, width)):
                height = round(last_row + slope * (between - last_column))
                upper = height if height <= last_bottom else last_bottom + 1
                lower = height if height >= last_top else last_top - 1
                add((between, upper, lower, height))
                last_top, last_bottom = upper, lower
        if top > last_bottom:
            top = last_bottom + 1
        elif bottom < last_top:
            bottom = last_top - 1
        if 0 <= column < width:
            add((column, top, bottom, row))
        last_column, last_top, last_bottom, last_row = column, top, bottom, row
    return spans


class Canvas:
    """`columns` x `rows` cells to paint spans, markers, grid and crosshair on. What is painted later lies on top; strong lies over faint."""

    def __init__(self, columns: int, rows: int, glyphs: Glyphs) -> None:
        self.columns, self.rows, self.glyphs = columns, rows, glyphs
        self.width, self.height = columns * glyphs.across, rows * glyphs.down
        self._strong = [0] * self.width
        self._faint = [0] * self.width
        self._owner = bytearray(columns * rows)
        self._signs: dict[tuple[int, int], str] = {}

    def paint(self, spans: Iterable[Span], slot: int, *, faint: bool = False) -> None:
        """Paints spans in the colour of series `slot`."""
        dots = self._faint if faint else self._strong
        owner, rows = self._owner, self.rows
        across, down = self.glyphs.across, self.glyphs.down
        tags = bytes([slot + (_FAINT if faint else _STRONG)]) * rows
        for column, top, bottom, _ in spans:
            dots[column] |= ((2 << bottom - top) - 1) << top
            start = column // across * rows
            first, end = top // down, bottom // down + 1
            owner[start + first : start + end] = tags[first:end]

    def mark(self, spans: Sequence[Span], slot: int, every: int = 16) -> None:
        """Puts the marker of a series on its line, each `every` cells and at its end; series have them at different places."""
        across, down = self.glyphs.across, self.glyphs.down
        offset = (slot * 2 + 3) % every
        for column, _, _, at in spans:
            if column // across % every == offset and column % across == 0:
                self.sign(column // across, at // down, self.glyphs.markers[slot], _STRONG + slot)
        if spans:
            column, _, _, at = spans[-1]
            self.sign(column // across, at // down, self.glyphs.markers[slot], _STRONG + slot)

    def sign(self, column: int, row: int, sign: str, owner: int) -> None:
        """Puts one sign into a cell, whatever is there."""
        self._signs[column, row] = sign
        self._owner[column * self.rows + row] = owner

    def rule(self, column: int) -> None:
        """Draws the crosshair down a cell column, behind what is painted there."""
        for row in range(self.rows):
            if not self._owner[column * self.rows + row]:
                self.sign(column, row, self.glyphs.line, _CROSS)

    def dots(self, rows: Iterable[int], columns: Iterable[int]) -> None:
        """Puts the faint dots of the grid where rows and columns meet, in cells that are empty."""
        columns = list(columns)
        for row in rows:
            for column in columns:
                if not self._owner[column * self.rows + row]:
                    self.sign(column, row, self.glyphs.grid, _GRID)

    def lines(self) -> list[Line]:
        """The canvas as `rows` lines of `columns` cells."""
        rows, owner = self.rows, self._owner
        by_row = [list(signs) for signs in zip(*self._columns(), strict=True)]
        for (column, row), sign in self._signs.items():
            by_row[row][column] = sign
        done: list[Line] = []
        for row in range(rows):
            text = "".join(by_row[row])
            runs = _SAME.finditer(owner[row::rows])
            done.append([(text[run.start() : run.end()], _OWNERS[run[1][0]]) for run in runs])
        return done

    def _columns(self) -> Iterable[list[str]]:
        """The signs of each cell column, from the top."""
        rows, down, across = self.rows, self.glyphs.down, self.glyphs.across
        cell, ones = self.glyphs.cell, (1 << self.glyphs.down) - 1
        for column in range(self.columns):
            if not cell:
                tags = self._owner[column * rows : column * rows + rows]
                yield [self._plain(tag) for tag in tags]
                continue
            at = column * across
            left, right, left_faint, right_faint = (*self._strong[at : at + 2], *self._faint[at : at + 2])
            if not left | right | left_faint | right_faint:
                yield [" "] * rows
                continue
            signs: list[str] = []
            for _ in range(rows):
                bits = left & ones | (right & ones) << down
                if not bits:
                    bits = left_faint & ones | (right_faint & ones) << down
                signs.append(cell[bits] if bits else " ")
                left, right, left_faint, right_faint = (
                    left >> down,
                    right >> down,
                    left_faint >> down,
                    right_faint >> down,
                )
            yield signs

    def _plain(self, tag: int) -> str:
        if not tag or tag >= _GRID:
            return " "
        return ":" if tag >= _FAINT else self.glyphs.markers[tag - _STRONG]
