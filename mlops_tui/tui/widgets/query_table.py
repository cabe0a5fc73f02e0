"""The list of every screen: virtual, paged, sorted and filtered by the daemon, with marks and a column cursor.

The table never asks: it posts `Wanted`, the screen answers with `deliver`. It holds a bounded number of rows
whatever the length of the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events
from textual.geometry import Offset
from textual.message import Message

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.jumping import Landing
from mlops_tui.tui.widgets.table.drawing import GUTTER
from mlops_tui.tui.widgets.table.finding import FoundTable
from mlops_tui.tui.widgets.table.layout import Column
from mlops_tui.tui.widgets.table.marks import Selection
from mlops_tui.tui.widgets.table.rows import Window

__all__ = ["Column", "QueryTable", "Selection", "Window"]


class QueryTable(FoundTable, can_focus=True, inherit_bindings=False):
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

    def jumps(self) -> Iterable[Landing]:
        """The rows on screen."""
        top = round(self.scroll_y)
        for y in range(min(self.body_height, (self._rows.total or 0) - top)):
            yield Landing(Offset(2, y + 1), partial(self._jump_to, top + y))

    def _jump_to(self, index: int) -> None:
        self.focus()
        self.move_to(index)

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
