"""Keys over the table in front, in lists and in the panes of detail screens: its cell, row and id are copied."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import msgspec
from rich.text import Text

from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.query_table import QueryTable


class TableKeys(Room):
    """A subclass says which table is in front."""

    @abstractmethod
    def table_in_front(self) -> QueryTable | None:
        """The table that keys are about; None where there is none."""

    def line_changed(self) -> None:
        super().line_changed()
        table = self.table_in_front()
        if table is not None:
            table.repaint()

    def on_screen_suspend(self) -> None:
        """Keys that wait for rows wait no more: somebody looks at something else."""
        for table in self.query(QueryTable):
            table.early.clear()

    def project_changed(self) -> None:
        """What is marked is of the project that was looked at."""
        super().project_changed()
        for table in self.query(QueryTable):
            table.mark(())
            table.early.clear()

    def _table(self) -> QueryTable | None:
        """The table in front; says so where there is none."""
        table = self.table_in_front()
        if table is None:
            self.mlops.tell("there is no table here", "warning")
        return table

    def action_copy_cell(self) -> None:
        table = self._table()
        if table is not None and table.row_at_cursor is not None and table.cursor_column is not None:
            cell = table.cursor_column.cell(table.row_at_cursor)
            title = f"the cell {table.cursor_column.title}".rstrip()
            self.mlops.yank(cell.plain if isinstance(cell, Text) else cell, title)

    def action_copy_row(self) -> None:
        table = self._table()
        if table is not None and table.row_at_cursor is not None:
            self.mlops.yank(msgspec.json.encode(self.copied(table.row_at_cursor)).decode(), "the row")

    def action_copy_id(self) -> None:
        table = self._table()
        if table is not None and table.cursor_key is not None:
            self.mlops.yank(self.row_id(table.cursor_key), "the id")

    def copied(self, row: Any) -> Any:
        """What is copied of a row."""
        return row

    def row_id(self, key: str) -> str:
        """What commands call the row at the cursor, which has this key."""
        return key
