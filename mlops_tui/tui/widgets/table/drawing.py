"""How the table looks: the visible lines, each drawn once and kept until something about it changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.geometry import Region
from textual.strip import Strip

from mlops_tui.text import clean
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.inside import SizedView
from mlops_tui.tui.widgets.table import line
from mlops_tui.tui.widgets.table.layout import Column, Placed, arrange
from mlops_tui.tui.widgets.table.marks import NONE, Selection
from mlops_tui.tui.widgets.table.rows import PAGE, Rows

GUTTER = 3
"""Cells in front of the columns: cursor, mark, blank."""


class TableLines(SizedView, can_focus=True, inherit_bindings=False):
    """The state of a table and its lines; what changes the state is in TableView."""

    ALLOW_SELECT = False

    COMPONENT_CLASSES = {
        "query-table--header",
        "query-table--header-cursor",
        "query-table--cursor",
        "query-table--cursor-cell",
        "query-table--mark",
        "query-table--match",
        "query-table--pending",
        "query-table--empty",
    }

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        row_key: Callable[[Any], str],
        empty: str | Text = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._columns = list(columns)
        self._rows = Rows(row_key)
        self._row_key = row_key
        self._empty = empty
        self._layout: list[Placed] = []
        self._laid_out = -1
        self._cursor = 0
        self._column = 0
        self._key: str | None = None
        self._held: str | None = None
        self._direction = 0
        self._order: tuple[str, bool] = ("", False)
        self._selection: Selection = NONE
        self._range_from: int | None = None
        self._needle: re.Pattern[str] | None = None
        self._lines: dict[tuple[int, bool, bool], tuple[Any, Strip]] = {}
        self._painted: dict[int, Strip] = {}
        self._resolved: dict[str, Style] = {}
        self._parts: dict[tuple[str, bool], Style] = {}
        self._base_style: Style | None = None
        self._behind: Color | None = None

    @property
    def body_height(self) -> int:
        """Lines for rows."""
        return max(1, self.size.height - 1)

    def notify_style_update(self) -> None:
        self._lines.clear()
        self._resolved.clear()
        self._parts.clear()
        self._base_style = self._behind = None
        super().notify_style_update()

    def _arrange(self) -> None:
        """Columns for the width at the next line that is drawn: the scrollbar takes a cell without an event."""
        self._laid_out = -1
        self.refresh()

    def _placed(self) -> list[Placed]:
        """The columns on screen, for the width of now."""
        width = self.scrollable_content_region.width
        if self._laid_out != width:
            self._laid_out = width
            self._layout = arrange(self._columns, max(0, self._laid_out - GUTTER), self._column, self._gap)
            self._lines.clear()
        return self._layout

    @property
    def _gap(self) -> int:
        return 2 if self._laid_out >= 100 else 1

    def _repaint(self, indexes: Iterable[int] | None = None) -> None:
        """Repaints the visible lines among `indexes` (None: all) that look different from what is on screen."""
        top = round(self.scroll_y)
        visible = range(top, top + self.body_height)
        self._placed()
        changed = [
            Region(0, index - top + 1, self._laid_out, 1)
            for index in (visible if indexes is None else indexes)
            if index in visible and self._line(index) != self._painted.get(index)
        ]
        if changed:
            self.refresh(*changed)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Lines straight from the cache: where nothing surrounds or tints them, Textual's own cache, which is by place
        on screen and thus void after each scroll, would only copy them (a third of the cost of a scroll)."""
        styles = self.styles
        if (
            styles.gutter.totals != (0, 0)
            or styles.has_rule("tint")
            or styles.text_opacity != 1
            or self.opacity != 1
        ):
            return super().render_lines(crop)
        self._placed()
        if self._behind is None:
            self._behind = self.background_colors[1]
        filters = self.get_line_filters()
        first, last = crop.column_span
        lines = []
        for y in crop.line_range:
            drawn = self._at(y)
            for each in filters:
                drawn = drawn.apply_filter(each, self._behind)
            lines.append(
                drawn
                if drawn.cell_length == last and not first
                else drawn.crop_extend(first, last, self._base)
            )
        return lines

    @property
    def _base(self) -> Style:
        """The style of a line; Textual works it out anew for each question."""
        if self._base_style is None:
            self._base_style = self.rich_style
        return self._base_style

    def render_line(self, y: int) -> Strip:
        self._placed()
        return self._at(y)

    def _at(self, y: int) -> Strip:
        """The line at a place on screen."""
        if y == 0:
            return self._header()
        index = round(self.scroll_y) + y - 1
        if len(self._painted) > 4 * PAGE:
            self._painted.clear()
        self._painted[index] = drawn = self._line(index)
        return drawn

    def _line(self, index: int) -> Strip:
        """The line of a row, drawn once for each row and way of showing it; without rows, of what is said instead."""
        if not self._rows.total:
            return self._empty_line(index - round(self.scroll_y) + 1)
        if index >= self._rows.total:
            return Strip.blank(self._laid_out, self._base)
        row = self._rows.get(index)
        at_cursor = index == self._cursor
        marked = self._is_marked(index, row)
        cached = self._lines.get((index, at_cursor, marked))
        if cached is not None and cached[0] is row:
            return cached[1]
        drawn = self._pending_line(at_cursor) if row is None else self._row_line(row, at_cursor, marked)
        if len(self._lines) > 4 * PAGE:
            self._lines.clear()
        self._lines[index, at_cursor, marked] = (row, drawn)
        return drawn

    def _is_marked(self, index: int, row: Any | None) -> bool:
        if self._range_from is not None:
            low, high = sorted((self._range_from, self._cursor))
            if low <= index <= high:
                return True
        return row is not None and self._row_key(row) in self._selection

    def _row_line(self, row: Any, at_cursor: bool, marked: bool) -> Strip:
        base = self._part("query-table--cursor") if at_cursor else self._base
        match = self._part("query-table--match")
        signs = glyphs()
        pieces: list[line.Fragment] = [
            (signs.cursor if at_cursor else " ", None),
            (signs.mark if marked else " ", self._partial("query-table--mark") if marked else None),
            (" ", None),
        ]
        for place, placed in enumerate(self._layout):
            column = self._columns[placed.index]
            cell = line.fragments(column.cell(row), placed.width, self._style_of)
            cell = line.fit(cell, placed.width, column.align == "right", signs.ellipsis)
            cell = line.highlighted(cell, self._needle, match)
            if at_cursor and placed.index == self._column:
                under = self._partial("query-table--cursor-cell")
                cell = [(text, under if own is None else own + under) for text, own in cell]
            pieces += [(" " * self._gap, None), *cell] if place else cell
        return line.strip(pieces, base, self._laid_out)

    def _pending_line(self, at_cursor: bool) -> Strip:
        base = self._part("query-table--cursor") if at_cursor else self._base
        dots = self._partial("query-table--pending")
        signs = glyphs()
        pieces: list[line.Fragment] = [(signs.cursor if at_cursor else " ", None), ("  ", None)]
        for place, placed in enumerate(self._layout):
            column = self._columns[placed.index]
            dot: line.Fragment = ("." if signs.mode == "ascii" else "·", dots)
            cell = line.fit([dot], placed.width, column.align == "right")
            pieces += [(" " * self._gap, None), *cell] if place else cell
        return line.strip(pieces, base, self._laid_out)

    def _header(self) -> Strip:
        base = self._part("query-table--header")
        at_cursor = self._partial("query-table--header-cursor")
        signs = glyphs()
        pieces: list[line.Fragment] = [(" " * GUTTER, None)]
        for place, placed in enumerate(self._layout):
            column = self._columns[placed.index]
            title = clean(column.title)
            if column.sort and column.sort == self._order[0]:
                arrow = signs.down if self._order[1] else signs.up
                room = placed.width - cell_len(arrow) - 1
                title = f"{title if cell_len(title) <= room else set_cell_size(title, max(0, room))} {arrow}"
            style = at_cursor if placed.index == self._column else None
            cell = line.fit([(title, style)], placed.width, column.align == "right", signs.ellipsis)
            pieces += [(" " * self._gap, None), *cell] if place else cell
        return line.strip(pieces, base, self._laid_out)

    def _empty_line(self, y: int) -> Strip:
        width = self.size.width
        blank = Strip.blank(width, self._base)
        if self._rows.total is None:
            return blank
        text = self._empty if isinstance(self._empty, Text) else Text(self._empty)
        lines = text.split("\n", allow_blank=True)
        at = y - 1 - max(0, (self.body_height - len(lines)) // 2)
        if not 0 <= at < len(lines):
            return blank
        pieces = line.fragments(lines[at], width, self._style_of)
        left = max(0, width - sum(cell_len(piece) for piece, _ in pieces)) // 2
        return line.strip(
            line.fit([(" " * left, None), *pieces], width),
            self.get_component_rich_style("query-table--empty"),
            width,
        )

    def _partial(self, name: str) -> Style:
        return self._part(name, partial=True)

    def _part(self, name: str, *, partial: bool = False) -> Style:
        """The style of a part of the table, until the theme or the focus changes: asking costs a third of a millisecond."""
        found = self._parts.get((name, partial))
        if found is None:
            found = self._parts[name, partial] = self.get_component_rich_style(name, partial=partial)
        return found

    def _style_of(self, style: str | Style) -> Style:
        """A style written in a cell; `$name` is a variable of the theme. What nobody can read is no style."""
        if isinstance(style, Style):
            return style
        found = self._resolved.get(style)
        if found is None:
            variables = self.app.theme_variables
            words = [variables.get(word[1:], "") if word.startswith("$") else word for word in style.split()]
            found = self.app.console.get_style(" ".join(words), default="")
            self._resolved[style] = found
        return found
