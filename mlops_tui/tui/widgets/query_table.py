"""The list of every screen: virtual, paged, sorted and filtered by the daemon, with marks and a column cursor.

The table never asks: it posts `Wanted`, the screen answers with `deliver`. It holds a bounded number of rows
whatever the length of the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events
from textual.geometry import Offset
from textual.message import Message

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.find import Find
from mlops_tui.tui.formats import clean
from mlops_tui.tui.jumping import Landing
from mlops_tui.tui.widgets.table.drawing import GUTTER
from mlops_tui.tui.widgets.table.layout import Column
from mlops_tui.tui.widgets.table.marking import MarkedTable
from mlops_tui.tui.widgets.table.marks import Selection
from mlops_tui.tui.widgets.table.rows import Window

__all__ = ["Column", "QueryTable", "Selection", "Window"]


class QueryTable(MarkedTable, can_focus=True, inherit_bindings=False):
    """A table of rows that the daemon finds."""

    DEFAULT_CSS = """
    QueryTable {
        height: 1fr; background: $background; color: $foreground;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-gutter: stable;
        & > .query-table--header { background: $background; color: $text-muted; text-style: bold; }
        & > .query-table--header-cursor { color: $primary; text-style: bold underline; }
        & > .query-table--cursor { background: $surface-lighten-1; color: $foreground; }
        & > .query-table--cursor-cell { text-style: none; }
        & > .query-table--mark { color: $warning; text-style: bold; }
        & > .query-table--match { background: $warning; color: $background; }
        & > .query-table--pending { color: $text-disabled; }
        & > .query-table--empty { background: $background; color: $text-muted; }
        &:focus > .query-table--cursor { background: $primary 35%; }
        &:focus > .query-table--cursor-cell { text-style: bold; }
        &:ansi > .query-table--cursor, &:nocolor > .query-table--cursor { text-style: underline; }
        &:ansi:focus > .query-table--cursor, &:nocolor:focus > .query-table--cursor { text-style: reverse; }
        &:nocolor > .query-table--match { text-style: bold underline; }
    }
    """

    BINDINGS: ClassVar[list[Any]] = bindings("table")

    class Opened(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, table: QueryTable, key: str, row: Any) -> None:
            super().__init__()
            self.table, self.key, self.row = table, key, row

    class SortAsked(Message):
        """The order should change; `column` is what the daemon calls it (Column.sort), `row` the one at the cursor when the key was pressed."""

        def __init__(self, table: QueryTable, column: str, descending: bool, row: Any | None) -> None:
            super().__init__()
            self.table, self.column, self.descending, self.row = table, column, descending, row

    # --- moving -----------------------------------------------------------------------------------------------

    def action_table_down(self) -> None:
        """One row down."""
        self.move_to(self._cursor + 1)

    def action_table_up(self) -> None:
        """One row up."""
        self.move_to(self._cursor - 1)

    def action_table_half_down(self) -> None:
        """Half a page down."""
        self._jump(max(1, self.body_height // 2))

    def action_table_half_up(self) -> None:
        """Half a page up."""
        self._jump(-max(1, self.body_height // 2))

    def action_table_page_down(self) -> None:
        """A page down."""
        self._jump(self.body_height)

    def action_table_page_up(self) -> None:
        """A page up."""
        self._jump(-self.body_height)

    def action_table_top(self) -> None:
        """To the first row."""
        self.move_to(0)

    def action_table_bottom(self) -> None:
        """To the last row."""
        self.move_to((self._rows.total or 1) - 1)

    def action_table_column_left(self) -> None:
        """The column cursor to the left."""
        self.move_column(-1)

    def action_table_column_right(self) -> None:
        """The column cursor to the right."""
        self.move_column(1)

    def jumps(self) -> Iterable[Landing]:
        """The rows on screen."""
        top = round(self.scroll_y)
        for y in range(min(self.body_height, (self._rows.total or 0) - top)):
            yield Landing(Offset(2, y + 1), partial(self._jump_to, top + y))

    def _jump_to(self, index: int) -> None:
        self.focus()
        self.move_to(index)

    # --- opening, sorting, finding ----------------------------------------------------------------------------

    def action_table_open(self) -> None:
        """Opens the row."""
        row = self.row_at_cursor
        if row is not None:
            self.post_message(self.Opened(self, self._row_key(row), row))

    def action_table_sort(self) -> None:
        """Asks for the order by the cursor's column; where that is the order, for the reverse."""
        column = self.cursor_column
        if column is None or not column.sort:
            title = "" if column is None else column.title
            self.notify(f"The list cannot be sorted by {title or 'this column'}.", markup=False)
            return
        descending = not self._order[1] if self._order[0] == column.sort else column.align == "right"
        self.post_message(self.SortAsked(self, column.sort, descending, self.row_at_cursor))

    def find(self, text: str, forward: bool = True) -> bool:
        """Highlights a text in the rows that are here and moves to the next one that has it; "" ends it.

        False when no row that is loaded has it.
        """
        self._needle = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._lines.clear()
        self.refresh()
        return bool(text) and self._next_match(forward, here=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of a search are the screen's own while nothing is searched for."""
        return self._needle is not None or not action.startswith("table_find_")

    def action_table_find(self) -> None:
        """Asks for a text and goes to the next line that has it."""

        def found(text: str | None) -> None:
            if text is not None and not self.find(text) and text:
                self.notify(f"no line that is loaded has {clean(text)}", severity="warning", markup=False)

        self.app.push_screen(Find(), found)

    def action_table_find_next(self) -> None:
        """To the next row that has the text."""
        self._next_match(True)

    def action_table_find_previous(self) -> None:
        """To the previous row that has the text."""
        self._next_match(False)

    def on_click(self, event: events.Click) -> None:
        """A row: the cursor goes there, a second click opens; a title: sorts by that column."""
        if event.y > 0:
            index = round(self.scroll_y) + event.y - 1
            if index < (self._rows.total or 0):
                self.move_to(index)
                if event.chain == 2:
                    self.action_table_open()
            return
        left = GUTTER
        for placed in self._placed():
            if left <= event.x < left + placed.width:
                self.move_column(placed.index - self._column)
                self.action_table_sort()
                return
            left += placed.width + self._gap
