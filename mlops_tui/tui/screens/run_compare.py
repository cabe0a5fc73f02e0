"""Runs side by side: what differs, against a pinned baseline; and their curves, one over the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.pages.compare import OTHER_ROWS, UNLIKE, apart, named
from mlops_tui.text import size
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clock, glyphs, lasted, number, plain, short, sign
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.curves import Curves, series_of
from mlops_tui.tui.widgets.query_table import Column, QueryTable, Window
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.run import CompareRow, Comparison

DELTA = " delta"
"""What the key of a column of differences ends in, after the run."""
TIMES = ("created", "started", "ended", "time")
MOST = 8
"""Curves in one chart."""


def _table() -> QueryTable:
    return QueryTable(
        [], row_key=lambda row: f"{row.section}.{row.key}", empty="no differences: the runs are alike"
    )


class CompareRoom(DetailRoom):
    """Any number of runs; the champion's is the baseline, or the oldest, until another is pinned."""

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
        self.baseline = min(self.run_ids)  # ids are in the order of time
        self.found: Comparison | None = None
        self.labels: dict[str, str] = {}
        self.runs: dict[str, Run] = {}
        self._pinned = False
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
        parts = [f"baseline {self.labels.get(self.baseline, self.baseline[:12])}"]
        rows = self.found.rows if self.found is not None else []
        if any(self._other_rows(run, row) for row in rows for run in self.run_ids):
            parts.append(f"{_unlike()} {OTHER_ROWS}")
        parts.append(f"{_delta_sign()} is the difference to it")
        return Text(f" {glyphs().bullet} ".join(parts), style="bright_black")

    def _other_rows(self, run: str, row: CompareRow) -> bool:
        """Whether the difference of a metric to the baseline is of other rows too."""
        if self.found is None:
            return False
        return apart(self.found, row, self.run_ids.index(self.baseline), self.run_ids.index(run))

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            found = await self.link.ask("run compare", {"runs": self.run_ids})
            self.run_ids = list(found.runs)
            page = await self.link.ask("run list", self._listed())
            self.runs = {run.run_id: run for run in page.items}
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if not self._pinned:
            self.baseline = await self._champion() or min(self.run_ids)
        # only now: what is drawn meanwhile, for a tab or a resize, must not see the half of it
        self.found, self.labels = found, dict(zip(self.run_ids, named(found), strict=True))
        self.draw()
        self.loaded()

    def _listed(self) -> dict[str, Any]:
        """The fields of `run list` that find the runs, whatever they are."""
        named = ", ".join(f'"{run}"' for run in self.run_ids)
        return {"filter": f"id in ({named})", "all_kinds": True, "archived": True, "limit": len(self.run_ids)}

    async def _champion(self) -> str:
        """The run of the champion, where all are of one model; empty where that is none of them."""
        models = {(run.project, run.model) for run in self.runs.values() if run.model_version is not None}
        if len(models) != 1:
            return ""
        ((project, name),) = models
        try:
            model = await self.link.ask("model show", {"model": name, "project": project})
        except Problem as problem:
            self.mlops.complain(problem)
            return ""
        version = model.aliases.get("champion")
        return next((id for id, run in self.runs.items() if run.model_version == version is not None), "")

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
            metrics = {row.key for row in self.found.rows if row.section == "metrics"}
            pane.offer(sorted(metrics, key=self._place))

    def _place(self, metric: str) -> tuple[bool, bool, bool, str]:
        """Where a metric's curve stands: one of several points first, and there what the runs are judged by; the machine's last."""
        points = max(
            (run.metrics[metric].count for run in self.runs.values() if metric in run.metrics), default=0
        )
        judged = any(run.metric == metric for run in self.runs.values())
        return points < 2, metric.startswith("system/"), not judged, metric

    def columns(self) -> list[Column]:
        """One for the name, then the baseline, then the others, each with its difference."""
        order = [self.baseline, *(run for run in self.run_ids if run != self.baseline)]
        wide = 18 if len(order) <= 2 else 14
        found = [Column("key", "", 24, _name, flex=True)]
        for run in order:
            label = f"{glyphs().mark if run == self.baseline else ''}{self.labels.get(run, run[:12])}"
            found.append(Column(run, label, wide, partial(self._cell, run), align="right", flex=True))
            if run != self.baseline:
                delta = partial(self._difference, run)
                found.append(Column(run + DELTA, _delta_sign(), 12, delta, align="right"))
        return found

    def _cell(self, run: str, row: CompareRow) -> Text:
        value, base = (row.values[self.run_ids.index(which)] for which in (run, self.baseline))
        return plain(shown(row.key, value), "" if value == base or run == self.baseline else "yellow")

    def _difference(self, run: str, row: CompareRow) -> Text:
        value, base = (row.values[self.run_ids.index(which)] for which in (run, self.baseline))
        shown = Text(f"{_unlike()} " if self._other_rows(run, row) else "", style="yellow")
        return shown.append(difference(row, value, base), style="cyan")

    def listed(self) -> list[dict[str, Any]]:
        return [
            {"section": row.section, "key": row.key, **dict(zip(self.run_ids, row.values, strict=True))}
            for row in self.rows()
        ]

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

    def refusal(self, action: str) -> str:
        if action == "compare.baseline" and self.tab == "curves":
            return keyed("the baseline is chosen in the tables: {tab.next} goes there")
        return super().refusal(action)

    def action_compare_baseline(self) -> None:
        if self.refused("compare.baseline"):
            return
        table = self.table_in_front()
        column = table.cursor_column if table is not None else None
        run = column.key.removesuffix(DELTA) if column is not None else ""
        if run in self.run_ids:
            self.baseline, self._pinned = run, True
            self.draw()
            self.show_frame()
        else:
            self.mlops.tell(
                keyed("move to the column of a run first: {table.column-left} and {table.column-right}"),
                "warning",
            )


def _curves_in(answer: Any) -> list[Any]:
    """The curves of an answer; none of one that says that there is no such metric. Raises what else went wrong."""
    if isinstance(answer, Problem) and answer.code == "no_such_metric":
        return []
    if isinstance(answer, BaseException):
        raise answer
    return list(answer.metrics)


def _delta_sign() -> str:
    return "diff" if glyphs().mode == "ascii" else "Δ"


def _unlike() -> str:
    """The sign of what is not on the same rows."""
    return "!=" if glyphs().mode == "ascii" else UNLIKE


def _name(row: CompareRow) -> Text:
    return Text.assemble((f"{row.section} ", "bright_black"), plain(row.key.removesuffix("_ms")))


def shown(key: str, value: Any) -> str:
    """A compared value: times as times, durations as durations, numbers to four digits."""
    if _real(value) and key in TIMES:
        return clock(value)
    if _real(value) and key.endswith("_ms"):
        return lasted(value)
    if _real(value) and key.endswith("_bytes"):
        return size(round(value))
    return number(value) if _real(value) or value is None else short(value, 80)


def difference(row: CompareRow, value: Any, base: Any) -> str:
    """A number's difference to the baseline; nothing of times and labels, nor where both are the same."""
    if not (_real(value) and _real(base)) or value == base:
        return ""
    if row.key.endswith("_ms"):
        return ("+" if value > base else "-") + lasted(abs(value - base))
    if row.key.endswith("_bytes"):
        return ("+" if value > base else "-") + size(round(abs(value - base)))
    return sign(value - base) if row.section in ("metrics", "params") and row.key not in TIMES else ""


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
