"""The keys that move the cursor of a table."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from mlops_tui.tui.widgets.table.marking import MarkedTable

EARLY = 256
"""Moves that wait for the first rows, at most: a key that is held for eight seconds."""
Move = Callable[[Any], None]


def once_here(move: Move) -> Move:
    """What is pressed before the first rows are here moves when they are."""

    @wraps(move)
    def moved(table: MovedTable) -> None:
        if table.total is not None:
            move(table)
        elif len(table.early) < EARLY:
            table.early.append(move)

    return moved


class MovedTable(MarkedTable, can_focus=True, inherit_bindings=False):
    """The part of QueryTable that is moved in; `early` are the moves that wait for the first rows."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.early: list[Move] = []

    def _settle_cursor(self) -> None:
        super()._settle_cursor()
        waited, self.early = self.early, []
        for move in waited:
            move(self)

    def reset(self, *, keep_cursor: bool = True, same_rows: bool = False, to: str = "") -> None:
        if not keep_cursor:  # these were about other rows
            self.early.clear()
        super().reset(keep_cursor=keep_cursor, same_rows=same_rows, to=to)

    @once_here
    def action_table_down(self) -> None:
        """One row down."""
        self.move_to(self._cursor + 1)

    @once_here
    def action_table_up(self) -> None:
        """One row up."""
        self.move_to(self._cursor - 1)

    @once_here
    def action_table_half_down(self) -> None:
        """Half a page down."""
        self._jump(max(1, self.body_height // 2))

    @once_here
    def action_table_half_up(self) -> None:
        """Half a page up."""
        self._jump(-max(1, self.body_height // 2))

    @once_here
    def action_table_page_down(self) -> None:
        """A page down."""
        self._jump(self.body_height)

    @once_here
    def action_table_page_up(self) -> None:
        """A page up."""
        self._jump(-self.body_height)

    @once_here
    def action_table_top(self) -> None:
        """To the first row."""
        self.move_to(0)

    @once_here
    def action_table_bottom(self) -> None:
        """To the last row."""
        self.move_to((self._rows.total or 1) - 1)

    def action_table_column_left(self) -> None:
        """The column cursor to the left."""
        self.move_column(-1)

    def action_table_column_right(self) -> None:
        """The column cursor to the right."""
        self.move_column(1)
