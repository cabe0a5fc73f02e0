"""A data version: files, schema and profile; what changed since the one before; what was refused."""

from __future__ import annotations

from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom


class DataVersionRoom(PageRoom):
    """One data version."""

    CONTEXTS = ("data",)
    BINDINGS: ClassVar[list[Any]] = bindings("data")
    TABS = (Tab("version", "version"), Tab("changes", "changes"), Tab("quarantine", "quarantine"))

    def __init__(self, project: str, source: str, version: int) -> None:
        super().__init__()
        self.project, self.source, self.version = project, source, version

    def names(self) -> list[str]:
        return ["Data", f"{self.source}@{self.version}"]

    def entity(self) -> str:
        return f"data:{self.source}@{self.version}"

    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        if tab == "changes":
            return "data diff", {
                "source": self.source,
                "a": max(1, self.version - 1),
                "b": self.version,
                "project": self.project,
            }
        if tab == "quarantine":
            return "data quarantine", {"source": self.source, "project": self.project}
        return "data show", {"source": f"{self.source}@{self.version}", "project": self.project}
