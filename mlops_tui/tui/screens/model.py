"""A model: its versions, what was shown of each, and the alias that serves."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, clock, number, plain, state
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.screens.models import Registry, value
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.tui.writers.report import PARTS, without
from mlops_tui.verbs._shapes import ModelVersion
from mlops_tui.verbs.model import ModelDetail


def _versions() -> QueryTable:
    return QueryTable([], row_key=lambda version: str(version.version), empty="no versions")


class ModelRoom(DetailRoom, Registry):
    """One model. The version at the cursor of the first pane is the one that the other panes show and that deeds act on."""

    CONTEXTS = ("model",)
    BINDINGS: ClassVar[list[Any]] = bindings("model")
    TABS = (
        Tab("versions", "versions", _versions),
        Tab("evidence", "evidence"),
        *(Tab(part, part) for part in PARTS),
        Tab("card", "card"),
        Tab("history", "history"),
    )
    PAGES: ClassVar[dict[str, str]] = {
        "evidence": "model show",
        "card": "model card",
        "history": "model history",
    }

    def __init__(self, project: str, name: str, version: int | None = None) -> None:
        super().__init__("evidence" if version is not None else "")
        self.project, self.model_name, self._first = project, name, version
        self.model: ModelDetail | None = None

    @property
    def version(self) -> int | None:
        """That at the cursor of the first pane; before it has rows, the one that was asked for, or else the champion."""
        table = self.pane(self.TABS[0].id)
        row = table.row_at_cursor if isinstance(table, QueryTable) else None
        return self._first if row is None else row.version

    def names(self) -> list[str]:
        return ["Models", self.named()]

    def named(self) -> str:
        """The model, with the version that is looked at."""
        return self.model_name if self.version is None else f"{self.model_name}@{self.version}"

    def twin(self) -> tuple[str, dict[str, Any]]:
        key = "model report" if self.tab in PARTS else self.PAGES.get(self.tab, "model show")
        return key, {"model": self.model_name if self.tab == "history" else self.named()}

    def entity(self) -> str:
        return f"model:{self.named()}" if self.version is not None else ""

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("model.", "alias.", "gate.")) for verb, _ in news.entries)

    def status(self) -> Text:
        if self.model is None:
            return Text()
        at = self.model.aliases.get("champion")
        shown = Text(f"champion {f'v{at}' if at is not None else 'none'}")
        if isinstance(table := self.pane(), QueryTable) and table.marks:
            shown.append(f" · {len(table.marks)} marked", style="yellow")
        return shown

    # --- asking ---

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.model = await self.link.ask("model show", {"model": self.named(), "project": self.project})
            if self.version is None and self.model is not None and self.model.versions:
                self._first = self.model.aliases.get("champion") or max(
                    version.version for version in self.model.versions
                )
            if self.model is not None and self.model.selected is not None:
                self.leave_out(without(str(self.model.selected.manifest.get("task") or "")))
            await self._load_tab()
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.loaded()

    def draw(self) -> None:
        self.load()

    async def _load_tab(self) -> None:
        pane, model = self.pane(), self.model
        if isinstance(pane, QueryTable) and model is not None:
            pane.set_columns(_columns(model))
            pane.reset(to=str(self.version))
        elif isinstance(pane, Doc):
            part, (key, fields) = PARTS.get(self.tab), self.twin()
            try:
                answer = await self.link.ask(key, {**fields, "project": self.project})
            except Problem as problem:
                pane.write(clean(f"{problem.message}\n\n{problem.hint}", keep="\n"))
                return
            pane.write(lambda width: part(answer, width) if part is not None else page(key, answer, width))

    def listed(self) -> list[ModelVersion]:
        versions = self.model.versions if self.model is not None else []
        return sorted(versions, key=lambda version: -version.version)

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        if not event.table.columns:  # before the cursor is sent to the version that is looked at
            return
        rows = self.listed()
        window = Window(
            total=len(rows), offset=event.offset, rows=rows[event.offset : event.offset + event.count]
        )
        event.table.deliver(window, event.generation)

    @on(QueryTable.Highlighted)
    def _highlighted(self, event: QueryTable.Highlighted) -> None:
        if event.row is not None:
            self.show_frame()

    @on(QueryTable.Opened)
    def _opened(self) -> None:
        self.show_tab("evidence")

    # --- deeds ---

    def _at_cursor(self) -> ModelVersion | None:
        versions = self.model.versions if self.model is not None else []
        return next((version for version in versions if version.version == self.version), None)

    @work(exclusive=True, group="deed")
    async def action_model_promote(self) -> None:
        version = self._at_cursor()
        if self.model is not None and version is not None and await self.promote(self.model, version):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_model_rollback(self) -> None:
        if self.model is not None and await self.roll_back(self.model):
            self.load()

    def action_model_compare(self) -> None:
        table = self.query_one("#pane-versions", QueryTable) if self.query("#pane-versions") else None
        marked = sorted(int(key) for key in table.marks) if table is not None else []
        if self.model is not None:
            self.compare(self.model, marked, self.version)


def _columns(model: ModelDetail) -> list[Column]:
    return [
        Column("version", "version", 8, lambda version: plain(f"v{version.version}")),
        Column("alias", "alias", 12, lambda version: Text(", ".join(version.aliases), style="bold cyan")),
        Column(
            "metric",
            model.metric or "metric",
            26,
            lambda version: plain(value(version, model.metric)),
            flex=True,
        ),
        Column("gate", "gate", 14, lambda version: state(version.verdict)),
        Column("run", "run", 10, lambda version: plain(version.run_id[:8]), priority=1),
        Column(
            "count", "metrics", 7, lambda version: number(len(version.metrics)), align="right", priority=2
        ),
        Column("created", "registered", 11, lambda version: clock(version.created)),
    ]
