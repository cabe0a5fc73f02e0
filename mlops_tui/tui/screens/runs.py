"""Runs: training and every other job."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, duration, glyphs, number, plain, run_state, short
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import key_of
from mlops_tui.tui.plot.bars import sparkbar
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.screens.run_deeds import Targets
from mlops_tui.tui.screens.run_starts import RunStarts
from mlops_tui.tui.widgets.query_table import Selection
from mlops_tui.tui.writers.run import (
    SCORES,
    best_of,
    column_of,
    due,
    filter_of,
    gate_word,
    moment,
    stamp,
    summary,
    took,
)
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs._status import LiveRun, StatusReport

METRIC = "metric"
"""What the column of the headline calls its order: that of the metric which it shows."""
MOST = 1000
"""Runs that one deed is about: as many as the daemon takes at once."""
COMPARED = 100
"""Runs side by side."""
_AT_ONCE = 0.15
"""Seconds for which the preview waits for all of a run, before it shows what the row knows."""


class RunsRoom(RunStarts):
    """The list of runs."""

    TITLE = "Runs"
    VERB = "run list"
    SORT = "-created"
    EMPTY = "no runs yet\n\n{run.new} starts one, or:  mlops-tui run start MODEL"
    CONTEXTS = ("runs",)
    BINDINGS: ClassVar[list[Any]] = bindings("runs")
    BESIDES: ClassVar[tuple[str, ...]] = ()
    """What columns show of rows besides what they are named after."""
    CLOSER: ClassVar[bool] = False
    """Whether the state of the whole is asked for also while nothing in sight runs."""

    def __init__(self, filter: str = "", sort: str = "") -> None:
        super().__init__(filter, sort)
        self.report: StatusReport | None = None
        self.live: dict[str, LiveRun] = {}
        self.detail: RunDetail | None = None
        """All of the run at the cursor, once it has come: rows have only what is on the screen."""
        self._trends: dict[str, tuple[object, list[float]]] = {}

    def columns(self) -> Sequence[Column]:
        return (
            Column("name", "run", 20, lambda run: plain(run.name or run.run_id[:12]), sort="name", flex=True),
            Column(
                "state",
                "status",
                11,
                lambda run: run_state(run.state, run.reason, news=self.mlops.news.connected),
                sort="state",
            ),
            Column("metric", "metric", 15, self._metric, sort=METRIC),
            Column("verdict", "gate", 10, self._gate),
            Column("trend", "trend", 8, self._trend, priority=4),
            Column("kind", "kind", 8, lambda run: plain(run.kind), priority=3),
            Column("model", "model", 14, lambda run: plain(run.model or ""), sort="model", priority=5),
            Column(
                "duration",
                "took",
                6,
                lambda run: duration(took(run)),
                align="right",
                sort="duration",
                priority=2,
            ),
            Column("created", "created", 9, lambda run: moment(run.created), sort="created", priority=1),
        )

    async def all_columns(self) -> Sequence[Column]:
        found = await self.link.ask("run fields")
        return [
            *self.columns(),
            *(column for each in found.fields if (column := column_of(each.name)) is not None),
        ]

    def sort_by(self, column: str, descending: bool, row: Run | None) -> str:
        """By the metric that the row at the cursor shows, or where it has none, that most rows show; the best first."""
        if column != METRIC:
            return super().sort_by(column, descending, row)
        rows = [row] if row is not None and row.headline is not None else self.table.in_sight
        names = Counter(run.headline.metric for run in rows if run.headline is not None)
        if not names:
            return self.sort
        name = names.most_common(1)[0][0]
        if self.sorted_column() != METRIC:
            descending = not any(
                run.headline.direction == "min"
                for run in self.table.in_sight
                if run.headline is not None and run.headline.metric == name
            )
        return super().sort_by(best_of(name), descending, row)

    def sorted_column(self) -> str:
        return METRIC if self.sort.removeprefix("-").startswith("best(") else super().sorted_column()

    def _metric(self, run: Run) -> str:
        found = run.headline
        return f"{short(found.metric, 9)} {number(found.value)}" if found is not None else glyphs().dash

    def _trend(self, run: Run) -> Text:
        _, values = self._trends.get(run.run_id, (None, []))
        drawn = sparkbar(values, 8, "ascii" if glyphs().mode == "ascii" else "braille")
        return Text(drawn, style="cyan", no_wrap=True)

    def _gate(self, run: Run) -> Text:
        """The verdict; while it runs, where it is."""
        live = self.live.get(run.run_id) if run.state not in ENDED and self.mlops.news.connected else None
        if live is None or not live.stage:
            return gate_word(run.verdict)
        share = f" {live.progress:.0%}" if live.progress is not None else ""
        return Text(clean(live.stage) + share, style="cyan", no_wrap=True)

    def question(self) -> dict[str, Any]:
        hidden: dict[str, Any] = {"archived": {"archived": True}, "deleted": {"deleted": True}}.get(
            self.view, {}
        )
        return {**super().question(), **hidden}

    def shown_fields(self) -> dict[str, Any]:
        chosen = [column.key for column in self.table.columns if column_of(column.key) is not None]
        return {"fields": [",".join(["headline", SCORES, *self.BESIDES, *chosen])]}

    def status(self) -> Text:
        shown = super().status()
        words = {"archived": "archived ones too", "deleted": "the trash: only deleted ones"}.get(self.view)
        return shown.append(f" · {words}", style="yellow") if words else shown

    def action_run_hidden(self) -> None:
        views = ("listed", "archived", "deleted")
        self.view = views[(views.index(self.view) + 1) % len(views)]
        self.table.reset(keep_cursor=True)
        self.show_frame()

    # --- which runs a deed is about ---

    def at_hand(self) -> Run | None:
        marked = self.table.selection != Selection()
        return None if marked else self.table.row_at_cursor

    async def targets(self, views: Collection[str] = ()) -> Targets | None:
        chosen, row = self.table.selection, self.table.row_at_cursor
        if chosen.everything and self.total is not None and not chosen.count(self.total):
            self._none_left(chosen, "no run is marked any more")
            return None
        if chosen.everything and self.view in views:
            return Targets(
                filter=filter_of(self.question(), chosen.excluded), count=chosen.count(self.total or 0)
            )
        if chosen.everything:
            page = await self.link.ask(self.VERB, {**self.question(), "offset": 0, "limit": MOST})
            if (page.total or 0) > MOST:
                raise Problem(
                    "too_many_runs", f"{page.total} runs are too many at once", f"filter them: at most {MOST}"
                )
            runs = [run for run in page.items if run.run_id in chosen]
            if not runs:
                self._none_left(chosen, "no run is marked any more")
            return Targets(runs) if runs else None
        if len(chosen.keys) > MOST:
            raise Problem(
                "too_many_runs", f"{len(chosen.keys)} runs are too many at once", f"mark at most {MOST}"
            )
        if chosen.keys:
            named = ", ".join(f'"{key}"' for key in sorted(chosen.keys))
            asked = {
                "filter": f"id in ({named})",
                "all_kinds": True,
                "archived": True,
                "deleted": self.view == "deleted",
                "limit": MOST,
            }
            page = await self.link.ask(self.VERB, asked)
            if not page.items:
                self._none_left(chosen, "the marked runs are gone")
                return None
            if not self.gone and self.table.selection == chosen:
                self.table.mark(run.run_id for run in page.items)
            return Targets(page.items)
        return Targets([row]) if row is not None else None

    def _none_left(self, chosen: Selection, why: str) -> None:
        """Says that the marks are of nothing, and takes them away."""
        self.mlops.tell(why, "warning")
        if not self.gone and self.table.selection == chosen:
            self.table.mark(())

    # --- trends and stages ---

    def rested(self) -> None:
        """The preview is drawn once, with all of the run: its row alone would be painted for a few milliseconds only."""
        if not self.gone:
            self.follow_keys()
            self._look_at_cursor()
            self._look_closer()

    @work(exclusive=True, group="detail")
    async def _look_at_cursor(self) -> None:
        """All of the run at the cursor, for the preview."""
        row: Run | None = self.table.row_at_cursor
        if row is None:
            return
        asking = asyncio.ensure_future(self.link.ask("run show", {"run_id": row.run_id}))
        try:
            if not (await asyncio.wait({asking}, timeout=_AT_ONCE))[0] and not self.gone:
                self.draw_preview()
            self.detail = await asking
        except Problem:  # it is in the trash or gone: the preview is of what the row knows
            self.detail = None
        if not self.gone:
            self.draw_preview()

    @work(exclusive=True, group="closer")
    async def _look_closer(self) -> None:
        """What the rows in sight need besides: their trends, where they have changed, and the stages of those that run."""
        rows: list[Run] = self.table.in_sight
        wanted = due(rows, self._trends)
        living = self.CLOSER or any(run.state not in ENDED for run in rows)
        if not wanted and not living:
            return
        try:
            for key, runs in wanted.items():
                found = await self.link.ask("run trends", {"runs": [run.run_id for run in runs], "key": key})
                stamps = {run.run_id: stamp(run) for run in runs}
                self._trends |= {each.run_id: (stamps[each.run_id], each.values) for each in found.runs}
            if living:
                self.report = await self.link.ask("status")
                self.live = {run.run_id: run for run in self.report.runs}
        except Problem as problem:
            self.problem = problem
            self.show_frame()
            return
        if not self.gone:
            self.table.repaint()
            self.draw_preview()

    def live_in_sight(self) -> bool:
        return any(run.state not in ENDED for run in self.table.in_sight)

    def row_key(self, row: Run) -> str:
        return row.run_id

    def concerns(self, news: News) -> bool:
        return bool(news.runs) or any(
            verb.startswith(("run.", "model.", "gate.")) for verb, _ in news.entries
        )

    def entity(self) -> str:
        run = self.table.row_at_cursor
        return f"run:{run.run_id}" if run is not None else ""

    def preview(self, row: Run, width: int) -> Text:
        return summary(self.whole(row), width, news=self.mlops.news.connected)

    def whole(self, row: Run) -> Run:
        """The run of a row with all that is known of it, where that has come and is not older."""
        found = self.detail
        same = found is not None and (found.run_id, found.state, found.attempts) == (
            row.run_id,
            row.state,
            row.attempts,
        )
        return found if found is not None and same else row

    def copied(self, row: Run) -> Run:
        return self.whole(row)

    def open(self, row: Run) -> None:
        from mlops_tui.tui.screens.run import RunRoom

        self.mlops.open(RunRoom, row.run_id)

    @work(exclusive=True, group="deed")
    async def action_run_compare(self) -> None:
        from mlops_tui.tui.screens.run_compare import CompareRoom

        try:
            found = await self.targets()
        except Problem as problem:
            self.mlops.complain(problem)
            return
        chosen = [run.run_id for run in found.runs] if found is not None else []
        at = self.table.cursor_key
        if len(chosen) == 1 and at is not None and at not in chosen:
            chosen.append(at)
        if not 2 <= len(chosen) <= COMPARED:
            self.mlops.tell(f"mark 2 to {COMPARED} runs with {key_of('table.mark')} first", "warning")
        else:
            self.mlops.open(CompareRoom, sorted(chosen))


SCREEN = RunsRoom
