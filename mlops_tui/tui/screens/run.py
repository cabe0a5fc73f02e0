"""A run: what it did, its curves, parameters, artifacts and log."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.verbs._shapes import RunDetail


class RunRoom(DetailRoom):
    """One run."""

    CONTEXTS = ("runs",)
    BINDINGS: ClassVar[list[Any]] = cast("list[Any]", bindings("runs"))
    TABS = (Tab("overview", "overview"), Tab("log", "log"))

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.run: RunDetail | None = None

    def names(self) -> list[str]:
        return ["Runs", (self.run.name if self.run is not None else "") or self.run_id[:12]]

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "run show", {"run_id": self.run_id}

    def entity(self) -> str:
        return f"run:{self.run_id}"

    def concerns(self, news: News) -> bool:
        return self.run_id in news.runs or any(self.run_id in subject for _, subject in news.entries)

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.run = await self.link.ask("run show", {"run_id": self.run_id})
            log = (
                await self.link.ask("run logs", {"run_id": self.run_id, "tail": 500})
                if self.tab == "log"
                else None
            )
        except Problem as problem:
            self.mlops.complain(problem)
            return
        run = self.run
        if self.pane() is not None:
            if log is not None:
                self.doc.write(lambda width: page("run logs", log, width))
            else:
                self.doc.write(lambda width: page("run show", run, width))
        self.loaded()

    def draw(self) -> None:
        self.load()
