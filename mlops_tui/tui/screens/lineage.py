"""Lineage: what something came from, and what came of it; enter goes on from there."""

from __future__ import annotations

from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom


class LineageRoom(PageRoom):
    """The graph around one entity."""

    CONTEXTS = ("lineage",)
    BINDINGS: ClassVar[list[Any]] = bindings("lineage")
    TABS = (Tab("both", "both ways"), Tab("up", "from"), Tab("down", "into"))

    def __init__(self, entity: str) -> None:
        super().__init__()
        self._entity = entity

    def names(self) -> list[str]:
        return ["Lineage", self._entity[:40]]

    def entity(self) -> str:
        return self._entity

    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        return "lineage", {"entity": self._entity, "up": tab == "up", "down": tab == "down"}
