"""A list with a preview: the class of all list screens, which differ in verb, columns and actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.containers import Container
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.tui import views
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.list_rows import ListRows
from mlops_tui.tui.views import View
from mlops_tui.tui.widgets.column_picker import ColumnPicker
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.filter_bar import FilterBar
from mlops_tui.tui.widgets.query_table import Column, QueryTable

if TYPE_CHECKING:
    from mlops_store.filters import BadFilter
    from mlops_tui.client.filtering import Completion


class ListRoom(ListRows):
    """How the rows are looked at: their order, the filter, columns, saved views, sizes of the panes."""

    BINDINGS: ClassVar[list[Any]] = bindings("list")
    share = 0
    """Per cent of the split that the preview was given by hand; 0: as the layout has it."""

    def body(self) -> Iterable[Widget]:
        self._project = self.link.project[0]
        yield FilterBar(
            value=self.filter_text,
            complete=self._completions,
            check=self._what_is_wrong,
            id="filter",
        )
        with_preview = Container(id="split")
        with_preview.compose_add_child(
            QueryTable(self._named(self.columns()), row_key=self.row_key, empty=self.empty_text(), id="table")
        )
        with_preview.compose_add_child(Doc(id="preview"))
        yield with_preview

    def on_mount(self) -> None:
        self.show_order()
        self.show_frame()
        self.set_focus(self.table)

    # --- order ---

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

    # --- filter ---

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
            self.filter_by("")
        else:
            super().action_room_back()

    # --- columns, views, files ---

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

    @work(exclusive=True, group="export")
    async def action_list_export(self) -> None:
        from mlops_tui.tui.exporting import export

        await export(self)

    # --- sizes ---

    def action_list_preview(self) -> None:
        self.toggle_class("-drawer")

    def action_list_grow(self) -> None:
        self._resize_preview(5)

    def action_list_shrink(self) -> None:
        self._resize_preview(-5)

    def action_list_reset(self) -> None:
        self.share = 0
        self._apply_share()

    def _resize_preview(self, step: int) -> None:
        """More or less of the split for the preview, in per cent of its longer side."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        now = self.share or round(
            100 * (pane.size.width / split.size.width if beside else pane.size.height / split.size.height)
        )
        self.share = min(max(now + step, 10), 85)
        self._apply_share()

    def _apply_share(self) -> None:
        """Sizes by hand hold until they are reset or the terminal's shape changes the layout."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        pane.styles.width = f"{self.share}%" if self.share and beside else None
        pane.styles.height = f"{self.share}%" if self.share and not beside else None


__all__ = ["Column", "ListRoom"]
