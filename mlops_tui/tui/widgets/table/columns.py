"""The columns of a table: which there are, which one the cursor is in, by which the rows are ordered."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Region

from mlops_tui.tui.widgets.table.drawing import TableLines
from mlops_tui.tui.widgets.table.layout import Column


class TableColumns(TableLines, can_focus=True, inherit_bindings=False):
    """Lines, and their columns."""

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

    @property
    def columns(self) -> list[Column]:
        """All columns, also those that do not fit now."""
        return list(self._columns)

    @property
    def cursor_column(self) -> Column | None:
        """The column that `s` sorts by and a copy takes."""
        return self._columns[self._column] if self._columns else None

    def move_column(self, step: int) -> None:
        """The column cursor `step` columns to the right; columns that did not fit appear when it reaches them."""
        column = max(0, min(self._column + step, len(self._columns) - 1))
        if column != self._column:
            self._column = column
            self._arrange()
