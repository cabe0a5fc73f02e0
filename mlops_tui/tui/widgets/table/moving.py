"""The keys that move the cursor of a table."""

from __future__ import annotations

from mlops_tui.tui.widgets.table.marking import MarkedTable


class MovedTable(MarkedTable, can_focus=True, inherit_bindings=False):
    """The part of QueryTable that is moved in."""

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
