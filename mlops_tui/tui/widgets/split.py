"""A list that is all here, beside what there is to say about the row at the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window

Preview = Callable[[Any, int], Text]
"""Writes about a row, for a width in cells."""


class Split(Container):
    """`show` gives it columns, rows and the writer of the preview. Enter on a row posts `QueryTable.Opened`."""

    def __init__(self, *, row_key: Callable[[Any], str], empty: str | Text = "") -> None:
        super().__init__()
        self._row_key, self._empty = row_key, empty
        self._rows: list[Any] = []
        self._preview: Preview = lambda _row, _width: Text()

    def compose(self) -> ComposeResult:
        yield QueryTable([], row_key=self._row_key, empty=self._empty)
        yield Doc(classes="preview")

    @property
    def table(self) -> QueryTable:
        """The list."""
        return self.query_one(QueryTable)

    @property
    def rows(self) -> list[Any]:
        """What is listed."""
        return list(self._rows)

    def show(self, columns: Sequence[Column], rows: Sequence[Any], preview: Preview) -> None:
        """Replaces what is listed; the cursor stays on its row where that is still there."""
        self._rows, self._preview = list(rows), preview
        self.table.set_columns(columns)
        self.table.reset(keep_cursor=True)
        self._draw_preview()

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        event.stop()
        rows = self._rows[event.offset : event.offset + event.count]
        event.table.deliver(Window(len(self._rows), event.offset, rows), event.generation)
        self._draw_preview()

    @on(QueryTable.Highlighted)
    def _highlighted(self) -> None:
        self._draw_preview()

    def _draw_preview(self) -> None:
        row, pane = self.table.row_at_cursor, self.query_one(Doc)
        if row is None:
            pane.clear()
        else:
            pane.write(lambda width: self._preview(row, width))
