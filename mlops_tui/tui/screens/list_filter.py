"""Which rows a list shows, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from textual import on

from mlops_tui.tui.screens.list_rows import ListRows
from mlops_tui.tui.widgets.filter_bar import FilterBar
from mlops_tui.tui.widgets.query_table import QueryTable

if TYPE_CHECKING:
    from mlops_store.filters import BadFilter
    from mlops_tui.client.filtering import Completion


class ListFilter(ListRows):
    """The part of a list that filters and orders."""

    def sort_by(self, column: str, descending: bool, row: Any | None) -> str:
        """The order for the daemon when one by `column` is asked for, with the cursor on `row`."""
        return ("-" if descending else "") + column

    def sorted_column(self) -> str:
        """The column (its `sort`) that the rows are ordered by."""
        return self.sort.removeprefix("-")

    def show_order(self) -> None:
        """Marks the column that the rows are ordered by."""
        self.table.set_order(self.sorted_column(), self.sort.startswith("-"))

    @on(QueryTable.SortAsked)
    def _sorted(self, event: QueryTable.SortAsked) -> None:
        self.sort = self.sort_by(event.column, event.descending, event.row)
        self.show_order()
        self.table.reset(keep_cursor=True, same_rows=True)
        self.show_frame()

    def _completions(self, text: str, cursor: int) -> Iterable[Completion]:
        from mlops_tui.client.filtering import complete  # the language is read when a filter is typed

        return complete(self.VERB.split(" ")[0], text, cursor, self.field_names())

    def _what_is_wrong(self, text: str) -> BadFilter | None:
        from mlops_tui.client.filtering import check

        return check(self.VERB.split(" ")[0], text)

    def action_list_filter(self) -> None:
        self.query_one(FilterBar).open()

    @on(FilterBar.Changed)
    @on(FilterBar.Applied)
    def _filter_changed(self, event: FilterBar.Changed | FilterBar.Applied) -> None:
        if event.text != self.filter_text:
            self.filter_text = event.text
            self.table.reset(keep_cursor=True)
            self.show_frame()
        if isinstance(event, FilterBar.Applied):
            self.table.focus()

    @on(FilterBar.Cancelled)
    def _filter_cancelled(self, event: FilterBar.Cancelled) -> None:
        if event.text != self.filter_text:
            self.filter_text = event.text
            self.table.reset(keep_cursor=True)
        self.table.focus()
        self.show_frame()

    def filter_by(self, text: str, sort: str | None = None) -> None:
        self.filter_text = text
        if sort is not None:
            self.sort = sort or self.SORT
            self.show_order()
        self.query_one(FilterBar).value = text
        self.table.reset(keep_cursor=True)
        self.show_frame()

    def action_room_back(self) -> None:
        if self.filter_text and len(self.app.screen_stack) == 1:
            self.mlops.hush()
            self.filter_by("")
        else:
            super().action_room_back()
