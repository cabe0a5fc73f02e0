"""Marks on the rows of a table: one by one, a range, or all that its query finds."""

from __future__ import annotations

from collections.abc import Iterable

from textual.message import Message

from mlops_tui.tui.widgets.table.marks import ALL, NONE, Selection
from mlops_tui.tui.widgets.table.view import TableView


class MarkedTable(TableView, can_focus=True, inherit_bindings=False):
    """The part of QueryTable that knows what is marked."""

    class MarksChanged(Message, namespace="query_table"):
        """Other rows are marked; `marks` are the keys, `selection` also knows "all that the query finds"."""

        def __init__(self, table: MarkedTable, selection: Selection) -> None:
            super().__init__()
            self.table, self.selection, self.marks = table, selection, selection.keys

    @property
    def selection(self) -> Selection:
        """What bulk verbs act on."""
        return self._selection

    @property
    def marks(self) -> frozenset[str]:
        """Keys marked one by one; empty when everything is marked (then see `selection`)."""
        return self._selection.keys

    def mark(self, keys: Iterable[str] | Selection) -> None:
        """Marks exactly these rows."""
        self._select(keys if isinstance(keys, Selection) else Selection(frozenset(keys)))

    def marks_changed(self) -> None:
        self.post_message(self.MarksChanged(self, self._selection))

    def _select(self, selection: Selection) -> None:
        changed = selection != self._selection
        self._selection = selection
        self._range_from = None
        self._repaint()
        if changed:
            self.marks_changed()

    def action_table_mark(self) -> None:
        """Marks the cursor's row, or unmarks it, and goes on; ends a range."""
        if self._range_from is not None:
            self.action_table_range()
        elif self._key is not None:
            self._select(self._selection.toggled(self._key))
            self.move_to(self._cursor + 1)

    def action_table_range(self) -> None:
        """Begins a range at the cursor; again: marks all rows from there to here."""
        if self._range_from is None:
            self._range_from = self._cursor if self._rows.total else None
            self._repaint({self._cursor})
            return
        low, high = sorted((self._range_from, self._cursor))
        if self._rows.lacks(low, high):
            self.notify(
                "Some rows of the range have not been loaded: nothing was marked. "
                "Scroll over them, or filter and mark all with *.",
                severity="warning",
                markup=False,
            )
            self._select(self._selection)
            return
        rows = (self._rows.get(index) for index in range(low, high + 1))
        self._select(self._selection.added(self._row_key(row) for row in rows if row is not None))

    def action_table_mark_all(self) -> None:
        """Marks all that the query finds, loaded or not."""
        if self._rows.total:
            self._select(ALL)

    def action_table_mark_none(self) -> None:
        """Marks nothing, and ends a range."""
        self._select(NONE)
