"""Rows of a list verb, paged by the daemon, and the preview of the one at the cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.tui.formats import clean, glyphs, number, plain
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.screens.table_keys import TableKeys
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.lines import Hints
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs import find

PROJECT = Column("project", "project", 13, lambda row: plain(row.project))


class ListRows(TableKeys):
    """A subclass names the verb, the columns, and writes the preview of a row."""

    VERB: ClassVar[str] = ""
    SORT: ClassVar[str] = ""
    EMPTY: ClassVar[str] = "nothing here yet"
    OF_PROJECTS: ClassVar[bool] = True
    """Rows belong to a project, which a first column says where all projects are in view."""

    def __init__(self, filter: str = "", sort: str = "") -> None:
        super().__init__()
        self.filter_text = filter
        self.sort = sort or self.SORT
        self.total: int | None = None
        self.problem: Problem | None = None
        self._project: str | None = None
        """The project that the columns are for."""

    # --- what subclasses say ---

    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns, in order."""

    @abstractmethod
    def row_key(self, row: Any) -> str:
        """What identifies a row."""

    def fields(self) -> dict[str, Any]:
        """Fields of the verb besides filter, sort and window."""
        return {}

    def row_id(self, key: str) -> str:
        return self.entity().partition(":")[2] or key

    def preview(self, row: Any, width: int) -> Text:
        """What is shown of the row at the cursor."""
        return Text()

    def open(self, row: Any) -> None:
        """Enter."""

    def field_names(self) -> Sequence[str]:
        """Names that the filter's completion offers besides those of the noun, such as `params.lr`."""
        return ()

    # --- what is asked and shown ---

    @property
    def table(self) -> QueryTable:
        """The table."""
        return self.query_one(QueryTable)

    def table_in_front(self) -> QueryTable:
        return self.table

    def _named(self, columns: Sequence[Column]) -> list[Column]:
        """Columns behind the one that names the project, where it is not the same for all rows."""
        several = self.OF_PROJECTS and self.link.project[0] is None
        return [PROJECT, *columns] if several else list(columns)

    def empty_text(self) -> str:
        """What stands where no rows are; deeds want a project first."""
        first, _, hint = self.EMPTY.partition("\n\n")
        wanting = hint and self.OF_PROJECTS and self.link.project[0] is None
        return keyed(f"{first}\n\n{{app.project}} chooses a project" if wanting else self.EMPTY)

    def line_changed(self) -> None:
        super().line_changed()
        self.draw_preview()

    def load(self) -> None:
        if self._project != self.link.project[0]:
            shown = [column for column in self.table.columns if column.key != PROJECT.key]
            self.table.set_columns(self._named(shown))
            self._project = self.link.project[0]
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

    def shown_fields(self) -> dict[str, Any]:
        """Fields of the verb that leave out of each row what is not on the screen; a file that is written has all of it."""
        return {}

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
            page = await self.link.ask(
                self.VERB, {**self.question(), **self.shown_fields(), "offset": offset, "limit": count}
            )
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
            keyed("nothing passes the filter\n\n{list.filter} changes it, {room.back} removes it")
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
        self.rested()

    def rested(self) -> None:
        """The cursor has come to rest: the preview follows, and which keys do something there."""
        if not self.gone:
            self.draw_preview()
            self.follow_keys()

    def follow_keys(self) -> None:
        """Shows which keys do something at the cursor."""
        self.query_one("#hints", Hints).update()

    @on(QueryTable.MarksChanged)
    def _marked(self) -> None:
        self.show_frame()

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        self.open(event.row)

    def draw_preview(self) -> None:
        """Writes the preview of the row at the cursor."""
        pane = self.query_one("#preview", Doc)
        row = self.table.row_at_cursor
        if row is None:
            pane.clear()
        else:
            pane.write(lambda width: self.preview(row, width))
