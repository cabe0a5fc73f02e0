"""A detail screen whose panes are pages: each tab asks one verb and shows its answer as the command does."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.formats import clean
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom
from mlops_tui.tui.widgets.doc import Doc


class PageRoom(DetailRoom):
    """A subclass says which verb and fields a tab asks."""

    @abstractmethod
    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        """The verb and its fields for a tab."""

    def twin(self) -> tuple[str, dict[str, Any]]:
        return self.question(self.tab)

    def draw(self) -> None:
        self.load()

    def answered(self, tab: str, answer: Any) -> None:
        """Called with each answer, before it is drawn."""

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        tab, pane = self.tab, self.pane()
        if not isinstance(pane, Doc):
            return
        key, fields = self.question(tab)
        try:
            answer = await self.link.ask(key, fields)
        except Problem as problem:
            text = f"{problem.message}\n{problem.hint}"
            pane.write(clean(text, keep="\n"))
            return
        self.answered(tab, answer)
        pane.write(lambda width: page(key, answer, width))
        self.loaded()
