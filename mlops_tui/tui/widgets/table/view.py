"""The table as a widget: keeps the cursor on its row, whatever rows come."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from textual.message import Message

from mlops_tui.tui.rest import Rest
from mlops_tui.tui.widgets.table.marks import NONE
from mlops_tui.tui.widgets.table.paging import TablePages
from mlops_tui.tui.widgets.table.rows import PAGE

_SEEK = 8 * PAGE
"""Up to this many rows, a cursor's row is looked for in the whole list after it was asked for anew."""


class TableView(TablePages, can_focus=True, inherit_bindings=False):
    """Lines, pages and the cursor; what keys do is in QueryTable."""

    class Highlighted(Message, namespace="query_table"):
        """The cursor has come to rest on another row, or its row has arrived or changed. Whoever acts on the row of now asks for `row_at_cursor`."""

        def __init__(self, table: TableView) -> None:
            super().__init__()
            self.table, self.key, self.row = table, table.cursor_key, table.row_at_cursor

    @cached_property
    def _rest(self) -> Rest:
        return Rest(self, lambda: self.post_message(self.Highlighted(self)))

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

    # --- cursor -----------------------------------------------------------------------------------------------

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

    def move_to(self, index: int) -> None:
        """Puts the cursor on a row, scrolls so that it is visible, and repaints the lines that changed."""
        total = self._rows.total
        if not total:
            return
        old, new = self._cursor, max(0, min(index, total - 1))
        self._direction = (new > old) - (new < old) or self._direction
        self._cursor = new
        row = self._rows.get(new)
        self._key = None if row is None else self._row_key(row)
        self._held = self._key if self._rows.outdated else None  # the answer may have it elsewhere
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

    def marks_changed(self) -> None:
        """Called when the marks are others than before."""

    # --- events --------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self._arrange()
        self.call_after_refresh(self._ask)

    def on_resize(self) -> None:
        self._resize()
        self._arrange()
        self._show_cursor()
        self._ask()
