"""Two versions side by side: metrics with the interval of their difference; data, features, code, parameters, environment."""

from __future__ import annotations

from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom


class ModelCompareRoom(PageRoom):
    """Versions `a` and `b` of one model."""

    CONTEXTS = ("model-compare",)
    BINDINGS: ClassVar[list[Any]] = bindings("model-compare")
    TABS = (Tab("comparison", "comparison"), Tab("a", "evidence of a"), Tab("b", "evidence of b"))

    def __init__(self, project: str, model: str, a: int, b: int) -> None:
        super().__init__()
        self.project, self.model, self.a, self.b = project, model, a, b

    def names(self) -> list[str]:
        return ["Models", self.model, f"v{self.a} and v{self.b}"]

    def entity(self) -> str:
        return f"model:{self.model}@{self.b}"

    def question(self, tab: str) -> tuple[str, dict[str, Any]]:
        if tab == "comparison":
            return "model compare", {"a": f"{self.model}@{self.a}", "b": str(self.b), "project": self.project}
        return "model show", {
            "model": f"{self.model}@{self.a if tab == 'a' else self.b}",
            "project": self.project,
        }
