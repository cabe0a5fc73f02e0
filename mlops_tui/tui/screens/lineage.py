"""Lineage: what something came from, and what came of it, as a tree to go about in."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.branches import Branch, about, branches, next_alike, next_kind
from mlops_tui.tui.formats import age, clean, glyphs, plain, run_state, state
from mlops_tui.tui.news import News
from mlops_tui.tui.places import place
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs._lineage import LineageGraph


def _thing(line: Branch) -> Text:
    shown = Text(no_wrap=True).append(line.lines + (" " if line.lines else ""), style="bright_black")
    way = {-1: glyphs().up, 1: glyphs().down}.get((line.node.depth > 0) - (line.node.depth < 0), "")
    if way:
        shown.append(f"{way} ", style="cyan")
    return shown.append(clean(line.node.title), style="" if line.node.depth else "bold")


def _table() -> QueryTable:
    return QueryTable([], row_key=lambda line: line.node.id, empty="nothing is known of its lineage")


class LineageRoom(DetailRoom):
    """The tree around one entity: enter opens the thing at the cursor, `o` puts it in the middle."""

    CONTEXTS = ("lineage",)
    BINDINGS: ClassVar[list[Any]] = bindings("lineage")
    TABS = (Tab("both", "both ways", _table), Tab("up", "from", _table), Tab("down", "into", _table))

    def __init__(self, entity: str) -> None:
        super().__init__()
        self._entity = entity
        self.found: LineageGraph | None = None
        self.lines: list[Branch] = []

    def names(self) -> list[str]:
        return ["Lineage", (self.found.root if self.found is not None else self._entity)[:40]]

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "lineage", {"entity": self._entity, "up": self.tab == "up", "down": self.tab == "down"}

    @property
    def table(self) -> QueryTable:
        """The tree in front."""
        return self.query_one(f"#pane-{self.tab}", QueryTable)

    def columns(self) -> list[Column]:
        """What is said of each thing."""
        return [
            Column("thing", "thing", 30, _thing, flex=True),
            Column("kind", "kind", 10, lambda line: plain(line.node.kind)),
            Column("how", "relation", 12, lambda line: plain(line.how, "bright_black"), priority=2),
            Column("state", "status", 14, self._state, priority=1),
            Column("age", "age", 5, lambda line: age(line.node.time), align="right"),
        ]

    def _state(self, line: Branch) -> Text:
        word = line.node.state
        if line.node.kind == "run" and word:
            return run_state(word, news=self.mlops.news.connected)
        return state(word) if word else Text()

    def listed(self) -> list[dict[str, Any]]:
        return [{**msgspec.to_builtins(line.node), "relation": line.how} for line in self.lines]

    def here(self) -> Branch | None:
        """The line at the cursor."""
        row: Branch | None = self.table.row_at_cursor if self.pane() is not None else None
        return row

    def entity(self) -> str:
        line = self.here()
        return line.node.id if line is not None else ""

    def status(self) -> Text:
        line = self.here()
        if self.found is None or line is None:
            return Text()
        shown = Text(f"{clean(line.node.id)}  ", style="cyan", no_wrap=True)
        shown.append(clean(about(self.found, line.node.id)), style="bright_black")
        return (
            shown.append("  there is more, farther away", style="yellow") if self.found.truncated else shown
        )

    def concerns(self, news: News) -> bool:
        return bool(news.entries)

    # --- asking ---

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.found = await self.link.ask("lineage", {"entity": self._entity})
        except Problem as problem:
            if self.gone:
                return
            self.table.empty = clean(f"{problem.message}\n\n{problem.hint}", keep="\n")
            self.mlops.complain(problem)
            return
        self.draw()
        self.loaded()

    def draw(self) -> None:
        if self.found is None:
            self.load()
        elif self.pane() is not None:
            self.lines = branches(self.found, self.tab, ascii_only=glyphs().mode == "ascii")
            self.table.set_columns(self.columns())
            self.table.reset(keep_cursor=True)

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        rows = self.lines[event.offset : event.offset + event.count]
        event.table.deliver(Window(total=len(self.lines), offset=event.offset, rows=rows), event.generation)
        self.show_frame()

    @on(QueryTable.Highlighted)
    def _highlighted(self) -> None:
        self.show_frame()

    # --- going on ---

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        node = event.row.node
        opening = place(node.kind, node.id.partition(":")[2], node.project)
        if opening is None:
            self.mlops.tell(f"no screen shows {node.id}", "warning")
        else:
            self.mlops.open(*opening)

    def action_room_related(self) -> None:
        line = self.here()
        if line is None or not line.node.depth:
            self.mlops.tell("this is the thing in the middle: move to another one first", "warning")
        else:
            self.mlops.open_lineage(line.node.id)

    def _jump(self, target: Any, step: int) -> None:
        if self.lines:
            self.table.move_to(target(self.lines, min(self.table.cursor_row, len(self.lines) - 1), step))

    def action_lineage_kind(self) -> None:
        self._jump(next_kind, 1)

    def action_lineage_kind_back(self) -> None:
        self._jump(next_kind, -1)

    def action_lineage_alike(self) -> None:
        self._jump(next_alike, 1)

    def action_lineage_alike_back(self) -> None:
        self._jump(next_alike, -1)
