"""How a model's data and its champion have done, batch by batch."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.pages.monitor import newest_look, timeline
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.formats import number
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.widgets.split import Split
from mlops_tui.tui.writers import monitor as write
from mlops_tui.verbs.monitor import FeatureSeries, Look, Monitoring

_NO_LOOK = "nobody has looked yet\n\na drift run follows when new data arrive"


def _features() -> Split:
    return Split(row_key=lambda row: f"{row.role}/{row.name}", empty=_NO_LOOK)


def _looks() -> Split:
    return Split(
        row_key=lambda row: row.run_id if isinstance(row, Look) else f"move {row.seq}", empty=_NO_LOOK
    )


class MonitorRoom(DetailRoom):
    """One model. All panes are of one answer."""

    CONTEXTS = ("monitor",)
    BINDINGS: ClassVar[list[Any]] = bindings("monitor")
    TABS = (
        Tab("performance", "performance"), Tab("drift", "drift", _features), Tab("quality", "quality"), Tab("looks", "looks", _looks),
        Tab("overview", "overview"),
    )  # fmt: skip

    def __init__(self, project: str, model: str) -> None:
        super().__init__()
        self.project, self.model = project, model
        self.found: Monitoring | None = None

    def names(self) -> list[str]:
        return ["Monitoring", self.model]

    def entity(self) -> str:
        return f"alias:{self.model}@champion"

    def concerns(self, news: News) -> bool:
        return bool(news.entries)

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "monitor show", {"model": self.model, "project": self.project}

    def status(self) -> Text:
        if self.found is None:
            return Text()
        newest = newest_look(self.found)
        drift = write.look_drift(newest) if newest is not None else Text("no look yet")
        return Text.assemble(
            drift, f" · {number(len(self.found.batches))} batches, {number(len(self.found.looks))} looks"
        )

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.found = await self.link.ask(*self.twin())
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.draw()
        self.loaded()

    def draw(self) -> None:
        found, pane = self.found, self.pane()
        if found is None:
            return
        if isinstance(pane, Split):
            if self.tab == "drift":
                pane.show(
                    write.drift_columns(),
                    write.worst_first(found),
                    lambda row, width: write.feature(found, row, width),
                )
            else:
                pane.show(write.look_columns(found), timeline(found)[::-1], write.look_or_move(found))
        elif isinstance(pane, Doc):
            writer = {"performance": write.performance, "quality": write.quality}.get(self.tab)
            pane.write(lambda width: writer(found, width) if writer else page("monitor show", found, width))

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        found, row = self.found, event.row
        if isinstance(row, Look):
            from mlops_tui.tui.screens.run import RunRoom

            self.mlops.open(RunRoom, row.run_id)
        elif isinstance(row, FeatureSeries) and found is not None:
            self.app.push_screen(Reader(row.name, lambda width: write.feature(found, row, width)))
