"""Runs side by side: what differs, against a pinned baseline; and their curves, one over the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import glyphs, number, plain, short, sign
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.curves import Curves, series_of
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs.run import CompareRow, Comparison

MOST = 8
"""Curves in one chart."""


def _table() -> QueryTable:
    return QueryTable(
        [], row_key=lambda row: f"{row.section}.{row.key}", empty="no differences: the runs are alike"
    )


class CompareRoom(DetailRoom):
    """Any number of runs; the first is the baseline until another is pinned."""

    CONTEXTS = ("compare",)
    BINDINGS: ClassVar[list[Any]] = bindings("compare")
    TABS = (
        Tab("differences", "differences", _table),
        Tab("everything", "everything", _table),
        Tab("curves", "curves", Curves),
    )

    def __init__(self, run_ids: Sequence[str]) -> None:
        super().__init__()
        self.run_ids = list(run_ids)
        self.baseline = self.run_ids[0]
        self.found: Comparison | None = None
        self.labels: dict[str, str] = {}
        self._told = False

    def names(self) -> list[str]:
        return ["Runs", f"Compare {len(self.run_ids)}"]

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "run compare", {
            "runs": [self.baseline, *(run for run in self.run_ids if run != self.baseline)]
        }

    def entity(self) -> str:
        return f"run:{self.baseline}"

    def concerns(self, news: News) -> bool:
        return bool(news.runs & set(self.run_ids))

    def status(self) -> Text:
        return Text(
            f"baseline {self.labels.get(self.baseline, self.baseline[:12])}; numbers beside others are differences to it",
            style="bright_black",
        )

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.found = await self.link.ask("run compare", {"runs": self.run_ids})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.run_ids = list(self.found.runs)
        if self.baseline not in self.run_ids:  # it was named by the start of its id
            self.baseline = self.run_ids[0]
        names = next(
            (row.values for row in self.found.rows if row.section == "run" and row.key == "name"), []
        )
        self.labels = {
            run: str(name) if name else run[:12] for run, name in zip(self.run_ids, names, strict=False)
        }
        if len(set(self.labels.values())) < len(self.run_ids):
            self.labels = {run: f"{self.labels.get(run, '')[:12]} {run[-4:]}" for run in self.run_ids}
        self.draw()
        self.loaded()

    # --- differences ---

    def rows(self) -> list[CompareRow]:
        """What the tab in front shows."""
        rows = self.found.rows if self.found is not None else []
        return [row for row in rows if row.differs] if self.tab == "differences" else list(rows)

    def draw(self) -> None:
        pane = self.pane()
        if self.found is None or pane is None:
            return
        if isinstance(pane, QueryTable):
            pane.set_columns(self.columns())
            pane.reset(keep_cursor=True)
        elif isinstance(pane, Curves):
            pane.offer([row.key for row in self.found.rows if row.section == "metrics"])

    def columns(self) -> list[Column]:
        """One for the name, then the baseline, then the others."""
        order = [self.baseline, *(run for run in self.run_ids if run != self.baseline)]
        wide = 18 if len(order) <= 3 else 14
        return [
            Column("key", "", 26, lambda row: Text.assemble((f"{row.section} ", "bright_black"), plain(row.key))),
            *(
                Column(run, f"{glyphs().mark if run == self.baseline else ''}{self.labels.get(run, run[:12])}", wide,
                       partial(self._cell, run), align="right", flex=True)
                for run in order
            ),
        ]  # fmt: skip

    def _cell(self, run: str, row: CompareRow) -> Text:
        value, base = (row.values[self.run_ids.index(which)] for which in (run, self.baseline))
        value, base = _number_of(value), _number_of(base)
        if run != self.baseline and _real(value) and _real(base) and value != base:
            return Text.assemble(number(value), (f" {sign(value - base)}", "cyan"))
        shown = number(value) if _real(value) or value is None else short(value, 80)
        return plain(shown, "" if value == base or run == self.baseline else "yellow")

    @on(QueryTable.Wanted)
    def _wanted(self, event: QueryTable.Wanted) -> None:
        rows = self.rows()
        window = Window(
            total=len(rows), offset=event.offset, rows=rows[event.offset : event.offset + event.count]
        )
        event.table.deliver(window, event.generation)

    # --- curves ---

    @on(Curves.Asked)
    @work(exclusive=True, group="curve")
    async def _curves(self, event: Curves.Asked) -> None:
        order = [self.baseline, *(run for run in self.run_ids if run != self.baseline)][:MOST]
        try:
            answers = await asyncio.gather(
                *(self.link.ask("run metrics", {**event.fields, "run_id": run}) for run in order),
                return_exceptions=True,
            )
            # a run that has not logged this metric has no curve, and that is no failure
            found = {
                self.labels.get(run, run[:12]): curve
                for run, answer in zip(order, answers, strict=True)
                for curve in _curves_in(answer)
            }
        except Problem as problem:
            self.mlops.complain(problem)
            return
        exact = all(curve.points <= event.fields["buckets"] for curve in found.values())
        event.curves.show(event, series_of(found, pinned=self.labels.get(self.baseline, "")), exact=exact)
        if len(self.run_ids) > MOST and not self._told:
            self._told = True
            self.mlops.tell(
                f"the chart shows the baseline and {MOST - 1} of the {len(self.run_ids) - 1} others"
            )

    def action_compare_baseline(self) -> None:
        pane = self.pane()
        column = pane.cursor_column if isinstance(pane, QueryTable) else None
        if column is not None and column.key in self.run_ids:
            self.baseline = column.key
            self.draw()
            self.show_frame()
        else:
            self.mlops.tell("move to the column of a run first: h and l", "warning")


def _curves_in(answer: Any) -> list[Any]:
    """The curves of an answer; none of one that says that there is no such metric. Raises what else went wrong."""
    if isinstance(answer, Problem) and answer.code == "no_such_metric":
        return []
    if isinstance(answer, BaseException):
        raise answer
    return list(answer.metrics)


def _number_of(value: Any) -> Any:
    """A metric's summary counts with its best value."""
    return value.get("best") if isinstance(value, dict) and "best" in value else value


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
