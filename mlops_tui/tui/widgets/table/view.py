"""The table as a widget: keeps the cursor on its row, and asks for rows that are missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual.geometry import Region, Size
from textual.message import Message

from mlops_tui.text import clean
from mlops_tui.tui.rest import Rest
from mlops_tui.tui.widgets.table.drawing import TableLines
from mlops_tui.tui.widgets.table.layout import Column
from mlops_tui.tui.widgets.table.marks import NONE
from mlops_tui.tui.widgets.table.rows import PAGE, Window

_SEEK = 8 * PAGE
"""Up to this many rows, a cursor's row is looked for in the whole list after it was asked for anew."""


class TableView(TableLines, can_focus=True, inherit_bindings=False):
    """Lines, cursor and pages; what keys do is in QueryTable."""

    class Wanted(Message, namespace="query_table"):
        """Rows [offset, offset + count) are missing; answer with `table.deliver(window, generation)`."""

        def __init__(self, table: TableView, offset: int, count: int, generation: int) -> None:
            super().__init__()
            self.table, self.offset, self.count, self.generation = table, offset, count, generation

    class Highlighted(Message, namespace="query_table"):
        """The cursor has come to rest on another row, or its row has arrived or changed. Whoever acts on the row of now asks for `row_at_cursor`."""

        def __init__(self, table: TableView) -> None:
            super().__init__()
            self.table, self.key, self.row = table, table.cursor_key, table.row_at_cursor

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        row_key: Callable[[Any], str],
        empty: str | Text = "",
        id: str | None = None,
    ) -> None:
        super().__init__(columns, row_key=row_key, empty=empty, id=id)
        self._rest = Rest(self, lambda: self.post_message(self.Highlighted(self)))

    # --- what the screen sets ---------------------------------------------------------------------------------

    def reset(self, *, keep_cursor: bool = True, same_rows: bool = False, to: str = "") -> None:
        """The query changed: ask anew. What is on screen stays until the answer is here. The cursor goes to the row with the key `to`, where one
        is given and near.

        With `same_rows` (another order, or the same question again) the mark "all" stays; otherwise it would
        silently come to mean other rows.
        """
        self._rows.restart()
        self._held = to or (self._key if keep_cursor else None)
        self._range_from = None
        if self._selection.everything and not same_rows:
            self._selection = NONE
            self.marks_changed()
        if not keep_cursor:
            self._cursor, self._key = 0, None
            self.scroll_to(y=0, animate=False)
        self._ask()

    def deliver(self, window: Window, generation: int) -> None:
        """Takes an answer to Wanted; one to a question that no longer stands is dropped."""
        total = self._rows.total
        if not self._rows.put(window, generation):
            return
        if self._rows.total != total:
            self._resize()
        self._settle_cursor()
        self._repaint()
        self._ask()

    def repaint(self) -> None:
        """What the cells are made from, besides the rows, has changed: lines that look different are painted anew."""
        self._lines.clear()
        self._repaint()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns; the column cursor stays on its column when that is still there."""
        key = self._columns[self._column].key if self._columns else ""
        self._columns = list(columns)
        keys = [column.key for column in self._columns]
        self._column = keys.index(key) if key in keys else 0
        self._arrange()

    def set_order(self, sort: str, descending: bool) -> None:
        """Says in the header by which column the rows are ordered."""
        self._order = (sort, descending)
        self.refresh(Region(0, 0, self.size.width, 1))

    # --- what the screen reads --------------------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """All columns, also those that do not fit now."""
        return list(self._columns)

    @property
    def total(self) -> int | None:
        """Rows that the query finds; None before the first answer."""
        return self._rows.total

    @property
    def cursor_row(self) -> int:
        """Index of the cursor's row."""
        return self._cursor

    @property
    def cursor_key(self) -> str | None:
        """Key of the cursor's row; None when it is not here yet, or nothing is."""
        return self._key

    @property
    def row_at_cursor(self) -> Any | None:
        """The cursor's row; None when it is not here yet."""
        return self._rows.get(self._cursor)

    @property
    def in_sight(self) -> list[Any]:
        """The rows on screen, as far as they are here."""
        top = round(self.scroll_y)
        rows = (
            self._rows.get(index) for index in range(top, min(top + self.body_height, self._rows.total or 0))
        )
        return [row for row in rows if row is not None]

    @property
    def cursor_column(self) -> Column | None:
        """The column that `s` sorts by and a copy takes."""
        return self._columns[self._column] if self._columns else None

    @property
    def empty(self) -> str | Text:
        """What stands in the middle when the query finds nothing."""
        return self._empty

    @empty.setter
    def empty(self, text: str | Text) -> None:
        self._empty = text
        if not self._rows.total:
            self.refresh()

    # --- cursor -----------------------------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Puts the cursor on a row, scrolls so that it is visible, and repaints the lines that changed."""
        total = self._rows.total
        if not total:
            return
        old, new = self._cursor, max(0, min(index, total - 1))
        self._held = None
        self._direction = (new > old) - (new < old) or self._direction
        self._cursor = new
        row = self._rows.get(new)
        self._key = None if row is None else self._row_key(row)
        if new != old:
            changed = {old, new}
            if self._range_from is not None:
                changed |= set(range(min(old, new), max(old, new) + 1))
            self._repaint(changed)
            self._rest.moved()
        self._show_cursor()
        self._ask()

    def _jump(self, rows: int) -> None:
        """Cursor and view move together, so that the cursor keeps its place on screen."""
        if self._rows.total:
            self.scroll_to(y=max(0, round(self.scroll_y) + rows), animate=False)
            self.move_to(self._cursor + rows)

    def _next_match(self, forward: bool, here: bool = False) -> bool:
        """Moves to the next loaded row whose visible columns have the text, around the end; `here` counts too."""
        if self._needle is None:
            return False
        rows = list(self._rows.loaded())
        step = 1 if forward else -1
        after = [
            found
            for found in rows
            if (found[0] - self._cursor) * step > 0 or (here and found[0] == self._cursor)
        ]
        before = [found for found in rows if (found[0] - self._cursor) * step <= 0]
        for index, row in [*after[::step], *before[::step]]:
            cells = (self._columns[placed.index].cell(row) for placed in self._placed())
            if any(self._needle.search(clean(str(cell))) for cell in cells):
                self.move_to(index)
                return True
        return False

    def move_column(self, step: int) -> None:
        """The column cursor `step` columns to the right; columns that did not fit appear when it reaches them."""
        column = max(0, min(self._column + step, len(self._columns) - 1))
        if column != self._column:
            self._column = column
            self._arrange()

    def _show_cursor(self) -> None:
        top, height = round(self.scroll_y), self.body_height
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def _settle_cursor(self) -> None:
        """After an answer: the cursor goes with its row; where the row is gone, it stays at its place."""
        total = self._rows.total or 0
        if self._held is not None:
            found = self._rows.index_of(self._held)
            if found is None:
                if total <= _SEEK and self._rows.lacks(0, total - 1):
                    return
                self._held = None
            elif found != self._cursor:
                above = self._cursor - round(self.scroll_y)
                self._cursor, self._held = found, None
                self.scroll_to(y=max(0, found - above), animate=False)
            else:
                self._held = None
        self._cursor = max(0, min(self._cursor, total - 1))
        row = self._rows.get(self._cursor)
        self._key = None if row is None else self._row_key(row)
        self._show_cursor()
        self._rest.moved()

    # --- asking -----------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Posts Wanted for what is visible, then for what the held cursor needs, then for what comes next."""
        if not self.is_mounted or not self.size.height:
            return
        first = max(0, round(self.scroll_y))
        last = first + self.body_height - 1
        wanted = self._rows.ask(first, last, self._direction if self._held is None else 0)
        if wanted is None and self._held is not None and not self._rows.outdated:
            wanted = self._rows.ask(0, (self._rows.total or 1) - 1)
        if wanted is not None:
            self.post_message(self.Wanted(self, *wanted, self._rows.generation))

    def marks_changed(self) -> None:
        """Called when the marks are others than before."""

    # --- events --------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._arrange()
        self.call_after_refresh(self._ask)

    def _size_updated(
        self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True
    ) -> bool:
        """A widget that comes into being while its screen is laid out gets its size without a Resize: it would wait for rows for ever."""
        changed = super()._size_updated(size, virtual_size, container_size, layout)
        if changed:
            self.call_later(self._ask)
        return changed

    def on_resize(self) -> None:
        self._resize()
        self._arrange()
        self._show_cursor()
        self._ask()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._direction = 1 if new_value > old_value else -1
            self._ask()

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, (self._rows.total or 0) + 1)
