"""How a model's data and its champion have done, batch by batch."""

from __future__ import annotations

from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom


class MonitorRoom(PageRoom):
    """One model."""

    CONTEXTS = ("monitor",)
    BINDINGS: ClassVar[list[Any]] = bindings("monitor")
    TABS = (Tab("overview", "overview"),)

    def __init__(self, project: str, model: str) -> None:
        super().__init__()
        self.project, self.model = project, model

    def names(self) -> list[str]:
        return ["Monitoring", self.model]

    def entity(self) -> str:
        return f"alias:{self.model}@champion"

    def concerns(self, news: News) -> bool:
        return bool(news.entries)

    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        return "monitor show", {"model": self.model, "project": self.project}
