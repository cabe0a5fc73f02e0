"""Two versions side by side: metrics with the interval of their difference; data, features, code, parameters, environment; evidence overlaid."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import Tab
from mlops_tui.tui.screens.page_room import PageRoom
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.writers.report import PARTS, Part, merged, without
from mlops_tui.verbs._report import Report


class ModelCompareRoom(PageRoom):
    """Versions `a` and `b` of one model."""

    CONTEXTS = ("model-compare",)
    BINDINGS: ClassVar[list[Any]] = bindings("model-compare")
    TABS = (
        Tab("comparison", "comparison"), *(Tab(part, part) for part in PARTS), Tab("a", "all of a"), Tab("b", "all of b"),
    )  # fmt: skip

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
        key = "model report" if tab in PARTS else "model show"
        return key, {"model": f"{self.model}@{self.a if tab == 'a' else self.b}", "project": self.project}

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        tab, pane = self.tab, self.pane()
        if not isinstance(pane, Doc):
            return
        key, fields = self.question(tab)
        part = PARTS.get(tab)
        try:
            if part is None:
                answer = await self.link.ask(key, fields)
                if tab == "comparison":
                    self.leave_out(without(answer.task))
                pane.write(lambda width: page(key, answer, width))
            else:
                await self._draw_part(pane, part, fields)
        except Problem as problem:
            pane.write(clean(f"{problem.message}\n\n{problem.hint}", keep="\n"))
            return
        self.loaded()

    async def _draw_part(self, pane: Doc, part: Part, fields: dict[str, Any]) -> None:
        """From the run that has judged both; where there is none, from the two evaluations. Raises Problem."""
        comparison = await self.link.ask(*self.question("comparison"))
        if comparison.run_id is not None:
            both: Report = await self.link.ask("model report", {**fields, "run_id": comparison.run_id})
            pane.write(lambda width: part(both, width))
            return
        older: Report = await self.link.ask("model report", {**fields, "model": f"{self.model}@{self.a}"})
        newer: Report = await self.link.ask("model report", fields)
        both = merged(older, newer)
        pane.write(lambda width: apart(part(both, width), width))


def apart(drawn: Text, width: int) -> Text:
    """With the warning that the two were not judged on the same rows."""
    sheet = Sheet(width)
    sheet.line("no run has judged both: each version is on the rows of its own evaluation", "yellow")
    sheet.line(drawn)
    return sheet.text
