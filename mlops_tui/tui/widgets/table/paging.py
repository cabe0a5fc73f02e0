"""The rows of a table as the screen gives them: what is missing is asked for."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual.geometry import Size
from textual.message import Message

from mlops_tui.tui.widgets.table.columns import TableColumns
from mlops_tui.tui.widgets.table.rows import Window


class TablePages(TableColumns, can_focus=True, inherit_bindings=False):
    """Lines, columns and pages."""

    class Wanted(Message, namespace="query_table"):
        """Rows [offset, offset + count) are missing; answer with `table.deliver(window, generation)`."""

        def __init__(self, table: TablePages, offset: int, count: int, generation: int) -> None:
            super().__init__()
            self.table, self.offset, self.count, self.generation = table, offset, count, generation

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

    def _settle_cursor(self) -> None:
        """Rows have come: the cursor finds its own."""

    @property
    def total(self) -> int | None:
        """Rows that the query finds; None before the first answer."""
        return self._rows.total

    @property
    def in_sight(self) -> list[Any]:
        """The rows on screen, as far as they are here."""
        top = round(self.scroll_y)
        rows = (
            self._rows.get(index) for index in range(top, min(top + self.body_height, self._rows.total or 0))
        )
        return [row for row in rows if row is not None]

    @property
    def empty(self) -> str | Text:
        """What stands in the middle when the query finds nothing."""
        return self._empty

    @empty.setter
    def empty(self, text: str | Text) -> None:
        self._empty = text
        if not self._rows.total:
            self.refresh()

    def repaint(self) -> None:
        """What the cells are made from, besides the rows, has changed: lines that look different are painted anew."""
        self._lines.clear()
        self._repaint()

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

    def sized(self) -> None:
        """A widget that comes into being while its screen is laid out gets its size without a Resize: it would wait for rows for ever."""
        self._ask()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._direction = 1 if new_value > old_value else -1
            self._ask()

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, (self._rows.total or 0) + 1)
