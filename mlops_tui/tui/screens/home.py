"""Home: how everything is, and what waits for a decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import work
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.doc import Doc


class HomeRoom(Room):
    """Health of the project, or of all."""

    TITLE = "Home"
    CONTEXTS = ("home",)

    def body(self) -> Iterable[Widget]:
        yield Doc(id="health")

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "status", {}

    def on_mount(self) -> None:
        self.query_one("#health").focus()

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            found = await self.link.ask("status")
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.query_one("#health", Doc).write(lambda width: page("status", found, width))
        self.loaded()


SCREEN = HomeRoom
