"""A list with a preview: the class of all list screens, which differ in verb, columns and actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.containers import Container
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.client.filtering import check, complete
from mlops_tui.tui import views
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.exporting import export
from mlops_tui.tui.formats import clean, glyphs, number, plain
from mlops_tui.tui.rest import Rest
from mlops_tui.tui.screens.table_keys import TableKeys
from mlops_tui.tui.views import View
from mlops_tui.tui.widgets.column_picker import ColumnPicker
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.filter_bar import FilterBar
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs import find

PROJECT = Column("project", "project", 13, lambda row: plain(row.project))


class ListRoom(TableKeys):
    """Rows of a list verb, paged, sorted and filtered by the daemon.

    A subclass names the verb, the columns, and writes the preview of a row.
    """

    VERB: ClassVar[str] = ""
    SORT: ClassVar[str] = ""
    EMPTY: ClassVar[str] = "nothing here yet"
    OF_PROJECTS: ClassVar[bool] = True
    """Rows belong to a project, which a first column says where all projects are in view."""
    BINDINGS: ClassVar[list[Any]] = bindings("list")

    def __init__(self, filter: str = "", sort: str = "") -> None:
        super().__init__()
        self.filter_text = filter
        self.sort = sort or self.SORT
        self.total: int | None = None
        self._share = 0
        self.problem: Problem | None = None
        self._rest = Rest(self, self.rested)

    # --- what subclasses say ---

    def columns(self) -> Sequence[Column]:
        """The columns, in order."""
        raise NotImplementedError

    def row_key(self, row: Any) -> str:
        """What identifies a row."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """Fields of the verb besides filter, sort and window."""
        return {}

    def preview(self, row: Any, width: int) -> Text:
        """What is shown of the row at the cursor."""
        return Text()

    def open(self, row: Any) -> None:
        """Enter."""

    def sort_by(self, column: str, descending: bool) -> str:
        """The order for the daemon when one by `column` is asked for."""
        return ("-" if descending else "") + column

    def sorted_column(self) -> str:
        """The column (its `sort`) that the rows are ordered by."""
        return self.sort.removeprefix("-")

    def field_names(self) -> Sequence[str]:
        """Names that the filter's completion offers besides those of the noun, such as `params.lr`."""
        return ()

    # --- frame ---

    @property
    def table(self) -> QueryTable:
        """The table."""
        return self.query_one(QueryTable)

    def table_in_front(self) -> QueryTable:
        return self.table

    def body(self) -> Iterable[Widget]:
        noun = self.VERB.split(" ")[0]
        yield FilterBar(
            value=self.filter_text,
            complete=lambda text, cursor: complete(noun, text, cursor, self.field_names()),
            check=lambda text: check(noun, text),
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

    def show_order(self) -> None:
        """Marks the column that the rows are ordered by."""
        self.table.set_order(self.sorted_column(), self.sort.startswith("-"))

    def _named(self, columns: Sequence[Column]) -> list[Column]:
        """Columns behind the one that names the project, where it is not the same for all rows."""
        several = self.OF_PROJECTS and self.link.project[0] is None
        return [PROJECT, *columns] if several else list(columns)

    def empty_text(self) -> str:
        """What stands where no rows are; deeds want a project first."""
        first, _, hint = self.EMPTY.partition("\n\n")
        wanting = hint and self.OF_PROJECTS and self.link.project[0] is None
        return f"{first}\n\ngj chooses a project" if wanting else self.EMPTY

    def line_changed(self) -> None:
        super().line_changed()
        self.draw_preview()

    def load(self) -> None:
        shown = self.table.columns
        wanted = self._named([column for column in shown if column.key != PROJECT.key])
        if len(wanted) != len(shown):  # another project is looked at
            self.table.set_columns(wanted)
        self.table.reset(keep_cursor=True, same_rows=True)

    def question(self) -> dict[str, Any]:
        """The fields of the verb for all rows that are shown."""
        known = {info.name for info in msgspec.structs.fields(find(self.VERB).input)}
        asked: dict[str, Any] = {**self.fields()}
        if self.filter_text.strip() and "filter" in known:
            asked["filter"] = self.filter_text
        if self.sort and "sort" in known:
            asked["sort"] = self.sort
        return asked

    def twin(self) -> tuple[str, dict[str, Any]]:
        return self.VERB, self.question()

    def status(self) -> Text:
        shown = Text(no_wrap=True)
        if self.problem is not None:
            return shown.append(
                clean(f"{self.problem.message} {glyphs().dash} {self.problem.hint}"), style="red"
            )
        if self.total is not None:
            shown.append(f"{number(self.total)} {'row' if self.total == 1 else 'rows'}")
        if self.filter_text.strip():
            shown.append(f" of the filter {clean(self.filter_text)}", style="cyan")
        if self.sort:
            way = glyphs().down if self.sort.startswith("-") else glyphs().up
            shown.append(f" · by {self.sort.removeprefix('-')} {way}", style="bright_black")
        marked = self.table.selection.words(self.total or 0)
        if marked:
            shown.append(f" · {marked}", style="yellow")
        return shown

    # --- rows ---

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        self._fetch(event.offset, event.count, event.generation)

    @work(group="page")
    async def _fetch(self, offset: int, count: int, generation: int) -> None:
        try:
            page = await self.link.ask(self.VERB, {**self.question(), "offset": offset, "limit": count})
        except Problem as problem:
            self.problem = problem
            self.show_frame()
            if problem.code not in ("bad_filter", "bad_sort", "project_not_added"):
                self.mlops.complain(problem)
            return
        if self.gone:
            return
        self.problem = None
        total = page.total if page.total is not None else len(page.items)
        changed, self.total = self.total != total, total
        self.table.empty = (
            "nothing passes the filter\n\n/ changes it, esc removes it"
            if self.filter_text.strip()
            else self.empty_text()
        )
        self.table.deliver(Window(total=total, offset=offset, rows=page.items), generation)
        if changed or offset == 0:
            self.loaded()
        self.draw_preview()

    @on(QueryTable.Highlighted)
    def _highlighted(self, event: QueryTable.Highlighted) -> None:
        event.stop()
        self._rest.moved()

    def rested(self) -> None:
        """The cursor has come to rest: the preview follows."""
        if not self.gone:
            self.draw_preview()

    @on(QueryTable.MarksChanged)
    def _marked(self) -> None:
        self.show_frame()

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        self.open(event.row)

    @on(QueryTable.SortAsked)
    def _sorted(self, event: QueryTable.SortAsked) -> None:
        self.sort = self.sort_by(event.column, event.descending)
        self.show_order()
        self.table.reset(keep_cursor=True, same_rows=True)
        self.show_frame()

    def draw_preview(self) -> None:
        """Writes the preview of the row at the cursor."""
        pane = self.query_one("#preview", Doc)
        row = self.table.row_at_cursor
        if row is None:
            pane.clear()
        else:
            pane.write(lambda width: self.preview(row, width))

    # --- filter ---

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

    def filter_by(self, text: str) -> None:
        self.filter_text = text
        self.query_one(FilterBar).value = text
        self.table.reset(keep_cursor=True)
        self.show_frame()

    def action_room_back(self) -> None:
        if self.filter_text and len(self.app.screen_stack) == 1:
            self.filter_by("")
        else:
            super().action_room_back()

    def action_list_preview(self) -> None:
        self.toggle_class("-drawer")

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

    def save_view(self, letter: str) -> None:
        """Keeps filter, sort and columns under a letter."""
        view = View(
            filter=self.filter_text, sort=self.sort, columns=[column.key for column in self.table.columns]
        )
        try:
            views.save(self.link.home, self.link.project[0] or "", self.VERB, letter, view)
        except (Problem, OSError) as error:
            self.mlops.tell(f"the view was not saved: {error}", "error")
        else:
            self.mlops.tell(f"saved this view as {letter}; ' {letter} recalls it")

    @work(exclusive=True, group="columns")
    async def recall_view(self, letter: str) -> None:
        """Looks as it was saved under a letter."""
        try:
            view = views.recall(self.link.home, self.link.project[0] or "", self.VERB, letter)
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
        await export(self)

    # --- sizes ---

    def action_list_grow(self) -> None:
        self._resize_preview(5)

    def action_list_shrink(self) -> None:
        self._resize_preview(-5)

    def action_list_reset(self) -> None:
        self._share = 0
        self._apply_share()

    def _resize_preview(self, step: int) -> None:
        """More or less of the split for the preview, in per cent of its longer side."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        now = self._share or round(
            100 * (pane.size.width / split.size.width if beside else pane.size.height / split.size.height)
        )
        self._share = min(max(now + step, 10), 85)
        self._apply_share()

    def _apply_share(self) -> None:
        """Sizes by hand hold until they are reset or the terminal's shape changes the layout."""
        pane, split = self.query_one("#preview"), self.query_one("#split")
        beside = pane.size.height >= split.size.height
        pane.styles.width = f"{self._share}%" if self._share and beside else None
        pane.styles.height = f"{self._share}%" if self._share and not beside else None


__all__ = ["Column", "ListRoom"]
