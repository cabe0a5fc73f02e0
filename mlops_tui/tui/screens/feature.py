"""A feature view: its definition, its versions, and who uses it."""

from __future__ import annotations

from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom


class FeatureRoom(PageRoom):
    """One view."""

    CONTEXTS = ("features",)
    BINDINGS: ClassVar[list[Any]] = bindings("features")
    TABS = (Tab("view", "view"),)

    def __init__(self, project: str, name: str, version: int) -> None:
        super().__init__()
        self.project, self.view_name, self.version = project, name, version

    def names(self) -> list[str]:
        return ["Features", f"{self.view_name}@{self.version}"]

    def entity(self) -> str:
        return f"feature:{self.view_name}@{self.version}"

    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        return "feature show", {"view": f"{self.view_name}@{self.version}", "project": self.project}
