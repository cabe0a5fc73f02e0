"""SQL over the index, read-only: a query, its rows, completion of names, history and export."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.message import Message
from textual.widget import Widget
from textual.widgets import TextArea

from mlops_store.errors import Problem
from mlops_tui.tui import history
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.exporting import export_rows
from mlops_tui.tui.formats import clean, number, plain, short
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.lines import Line
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs.top import SqlResult

NAMES = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main' ORDER BY 1, ordinal_position"
WORDS = (
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "LIMIT",
    "JOIN",
    "USING",
    "count(*)",
    "HAVING",
    "DISTINCT",
    "AS",
    "DESC",
)
ROWS = 10_000
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_NUMBER = re.compile(r"INT|DOUBLE|FLOAT|DECIMAL|HUGEINT")


class Query(TextArea):
    """The query; Tab completes the name at the cursor."""

    BINDINGS: ClassVar[list[Any]] = bindings("query")

    class Completed(Message):
        """Tab: what the word at the cursor may become is wanted."""

    class Recalled(Message):
        """An older or newer query is wanted."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Enter begins a line; the text area says so of printable keys only."""
        return key == "enter" or super().check_consume_key(key, character)

    def action_query_complete(self) -> None:
        """Asks for completion."""
        self.post_message(self.Completed())

    def action_query_earlier(self) -> None:
        """Asks for the query before."""
        self.post_message(self.Recalled(-1))

    def action_query_later(self) -> None:
        """Asks for the one after."""
        self.post_message(self.Recalled(1))

    def word(self) -> str:
        """The part of a name before the cursor."""
        row, column = self.cursor_location
        found = _WORD.search(self.document.get_line(row)[:column])
        return found.group() if found else ""


class SqlRoom(Room):
    """One query at a time."""

    TITLE = "SQL"
    CONTEXTS = ("sql",)
    BINDINGS: ClassVar[list[Any]] = bindings("sql")

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self._query = query
        self.history: list[str] = []
        self._place = 0
        self._names: list[str] = []
        self.answer: SqlResult | None = None
        self.problem: Problem | None = None
        self.running = False

    def body(self) -> Iterable[Widget]:
        yield Query(
            self._query or "SELECT state, count(*) AS runs FROM runs GROUP BY ALL",
            id="query",
            show_line_numbers=False,
            compact=True,
        )
        yield Line(id="names")
        yield QueryTable(
            [], row_key=lambda row: str(row[0]), empty=keyed("{sql.run} runs the query"), id="table"
        )

    def on_mount(self) -> None:
        query = self.query_one(Query)
        query.cursor_blink = False
        query.focus()
        self.history = history.load(self.link.home)
        self._place = len(self.history)
        query.select_all()

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "sql", {"query": self.query_one(Query).text}

    def status(self) -> Text:
        if self.problem is not None:
            return Text(
                clean(" ".join(f"{self.problem.message} {self.problem.hint}".split())),
                style="red",
                no_wrap=True,
            )
        if self.running:
            return Text("the query runs, for ten seconds at most", style="cyan")
        if self.answer is None:
            return Text(
                keyed(
                    "{sql.run} runs the query, {query.complete} completes, {query.earlier} recalls, {sql.pane} goes to the rows"
                ),
                style="bright_black",
            )
        return Text(
            f"{number(len(self.answer.rows))} rows{', and there are more' if self.answer.truncated else ''}"
        )

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        """The names that completion offers."""
        if self._names:
            return
        try:
            found = await self.link.ask("sql", {"query": NAMES, "limit": 2000})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self._names = list(
            dict.fromkeys([*(row[0] for row in found.rows), *(row[1] for row in found.rows), *WORDS])
        )
        self.loaded()

    # --- asking ---

    @work(exclusive=True, group="sql")
    async def action_sql_run(self) -> None:
        text = self.query_one(Query).text.strip()
        if not text:
            return
        if not self.history or self.history[-1] != text:
            self.history.append(text)
            if not history.save(self.link.home, self.history):
                self.mlops.tell(
                    "the history of queries cannot be kept: the disk of the home takes nothing", "warning"
                )
        self._place = len(self.history)
        self.answer, self.problem, self.running = None, None, True
        table = self.query_one(QueryTable)
        table.set_columns([])
        table.empty = "the query runs …"
        table.reset(keep_cursor=False)
        self.show_frame()
        try:
            self.answer = await self.link.ask("sql", {"query": text, "limit": ROWS})
            self.problem = None
        except Problem as problem:
            self.problem = problem
            table.empty = "no answer"
            table.reset(keep_cursor=False)
            self.show_frame()
            return
        finally:
            self.running = False
        table.set_columns(_columns(self.answer))
        table.empty = "no rows"
        table.reset(keep_cursor=False)
        self.loaded()

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        rows = [] if self.answer is None else self.answer.rows
        part = [
            (place, row)
            for place, row in enumerate(rows[event.offset : event.offset + event.count], event.offset)
        ]
        event.table.deliver(Window(total=len(rows), offset=event.offset, rows=part), event.generation)

    # --- typing ---

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def _typed(self) -> None:
        shown = Text(no_wrap=True)
        for name in self._candidates()[:12]:
            shown.append(f"{clean(name)}  ", style="cyan")
        self.query_one("#names", Line).show(shown or self._in_a_shell())

    def _in_a_shell(self) -> Text:
        """The command of the query as it is typed, in the line that no names need; on one line, whatever the query's."""
        return Text(clean(" ".join(super().command_line().plain.split())), style="bright_black", no_wrap=True)

    def command_line(self) -> Text:
        return Text()  # it stands below the query

    def _candidates(self) -> list[str]:
        word = self.query_one(Query).word()
        return [
            name for name in self._names if word and name.lower().startswith(word.lower()) and name != word
        ]

    @on(Query.Completed)
    def _complete(self) -> None:
        query, found = self.query_one(Query), self._candidates()
        if not found:
            return
        common = _common(found)
        word = query.word()
        if len(common) >= len(word):
            row, column = query.cursor_location
            query.replace(common, (row, column - len(word)), (row, column))

    @on(Query.Recalled)
    def _recall(self, event: Query.Recalled) -> None:
        if self.history:
            self._place = min(max(0, self._place + event.step), len(self.history) - 1)
            self.query_one(Query).text = self.history[self._place]

    def action_sql_pane(self) -> None:
        target = QueryTable if isinstance(self.focused, Query) else Query
        self.query_one(target).focus()

    @work(exclusive=True, group="export")
    async def action_sql_export(self) -> None:
        if self.answer is None:
            self.mlops.tell("run a query first", "warning")
            return
        names = [column.name for column in self.answer.columns]
        await export_rows(self, "query", [dict(zip(names, row, strict=True)) for row in self.answer.rows])


def _columns(answer: SqlResult) -> list[Column]:
    sample = answer.rows[:200]
    return [
        Column(
            f"{place}", found.name, min(40, max([len(found.name), *(len(short(row[place], 40)) for row in sample)])),
            partial(_cell, place), align="right" if _NUMBER.search(found.type) else "left",
        )
        for place, found in enumerate(answer.columns)
    ]  # fmt: skip


def _cell(place: int, row: tuple[int, Sequence[Any]]) -> Text:
    value = row[1][place]
    return (
        Text("null", style="bright_black")
        if value is None
        else plain(str(value) if isinstance(value, int | float) else value)
    )


def _common(names: Sequence[str]) -> str:
    """The longest beginning that all have, whatever their case."""
    first = names[0]
    end = len(first)
    for name in names[1:]:
        while name[:end].lower() != first[:end].lower():
            end -= 1
    return first[:end]
