"""A model: its versions, what was shown of them, and the alias that serves."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.screens.models import Registry, newest
from mlops_tui.verbs.model import ModelDetail


class ModelRoom(DetailRoom, Registry):
    """One model of the registry."""

    CONTEXTS = ("models",)
    BINDINGS: ClassVar[list[Any]] = cast("list[Any]", bindings("models"))
    TABS = (Tab("overview", "overview"), Tab("history", "history"), Tab("card", "card"))

    def __init__(self, project: str, name: str, version: int | None = None) -> None:
        super().__init__()
        self.project, self.model_name, self.version = project, name, version
        self.model: ModelDetail | None = None
        self.facts: dict[str, Any] = {}

    def names(self) -> list[str]:
        return ["Models", self._named()]

    def _named(self) -> str:
        return self.model_name if self.version is None else f"{self.model_name}@{self.version}"

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "model show", {"model": self._named()}

    def entity(self) -> str:
        selected = self.model.selected if self.model is not None else None
        return f"model:{self.model_name}@{selected.version}" if selected is not None else ""

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("model.", "alias.", "gate.")) for verb, _ in news.entries)

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        asked = {"model": self._named(), "project": self.project}
        try:
            self.model = await self.link.ask("model show", asked)
            self.facts["model history"] = await self.link.ask(
                "model history", {"model": self.model_name, "project": self.project}
            )
            if self.model is not None and self.model.selected is not None:
                self.facts["model card"] = await self.link.ask("model card", asked)
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.facts["model show"] = self.model
        self.draw()
        self.loaded()

    def draw(self) -> None:
        key = {"overview": "model show", "history": "model history", "card": "model card"}[self.tab]
        answer = self.facts.get(key)
        if answer is not None and self.pane() is not None:
            self.doc.write(lambda width: page(key, answer, width))

    @work(exclusive=True, group="deed")
    async def action_model_promote(self) -> None:
        version = newest(self.model) if self.model is not None else None
        if self.model is not None and version is not None and await self.promote(self.model, version):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_model_rollback(self) -> None:
        if self.model is not None and await self.roll_back(self.model):
            self.load()
