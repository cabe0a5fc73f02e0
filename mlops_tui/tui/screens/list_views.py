"""How the rows of a list are looked at: which columns, and what is saved under a letter."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui import views
from mlops_tui.tui.screens.list_filter import ListFilter
from mlops_tui.tui.views import View
from mlops_tui.tui.widgets.column_picker import ColumnPicker
from mlops_tui.tui.widgets.query_table import Column


class ListViews(ListFilter):
    """The part of a list that chooses columns and saves views."""

    async def all_columns(self) -> Sequence[Column]:
        """All columns that can be chosen. Raises Problem."""
        return self.columns()

    @work(exclusive=True, group="columns")
    async def action_list_columns(self) -> None:
        try:
            offered = self._named(await self.all_columns())
        except Problem as problem:
            self.mlops.complain(problem)
            return
        shown = [column.key for column in self.table.columns]
        fields = [(column.key, column.title) for column in offered]
        chosen: list[str] | None = await self.app.push_screen_wait(ColumnPicker(fields, shown))
        if chosen:
            self.choose_columns(offered, chosen)

    def choose_columns(self, offered: Sequence[Column], keys: Sequence[str]) -> None:
        """Shows these columns, in this order."""
        by_key = {column.key: column for column in offered}
        self.table.set_columns([by_key[key] for key in keys if key in by_key])
        self.table.reset(keep_cursor=True)

    @property
    def view_place(self) -> str:
        """What views are saved under: two lists of one verb are looked at in ways of their own."""
        return (self.TITLE or self.VERB).lower()

    def save_view(self, letter: str) -> None:
        """Keeps filter, sort and columns under a letter."""
        view = View(
            filter=self.filter_text, sort=self.sort, columns=[column.key for column in self.table.columns]
        )
        try:
            views.save(self.link.home, self.link.project[0] or "", self.view_place, letter, view)
        except (Problem, OSError) as error:
            self.mlops.tell(f"the view was not saved: {error}", "error")
        else:
            self.mlops.tell(f"saved this view as {letter}; ' {letter} recalls it")

    @work(exclusive=True, group="columns")
    async def recall_view(self, letter: str) -> None:
        """Looks as it was saved under a letter."""
        try:
            view = views.recall(self.link.home, self.link.project[0] or "", self.view_place, letter)
            offered = self._named(await self.all_columns())
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if view is None:
            self.mlops.tell(f"no view is saved as {letter}; m {letter} saves this one", "warning")
            return
        self.sort = view.sort
        self.show_order()
        if view.columns:
            self.choose_columns(offered, view.columns)
        self.filter_by(view.filter)
