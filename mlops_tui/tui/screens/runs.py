"""Runs: training and every other job."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_store.filters import Field, fields_of, parse
from mlops_store.records import ENDED
from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import age, clean, clock, duration, glyphs, number, plain, run_state, short, state
from mlops_tui.tui.news import News
from mlops_tui.tui.plot.bars import sparkbar
from mlops_tui.tui.screens.list_room import Column, ListRoom
from mlops_tui.tui.screens.run_deeds import RunDeeds, Targets
from mlops_tui.tui.sheet import Sheet
from mlops_tui.verbs._shapes import MetricSummary, Run
from mlops_tui.verbs._status import LiveRun, StatusReport

SEARCH = "search/score"
METRIC = "metric"
"""What the column of the headline calls its order: that of the metric which it shows."""
MOST = 1000
"""Runs that one deed is about: as many as the daemon takes at once."""
PARAMS = 6
"""Parameters in a preview."""
COMPARED = 100
"""Runs side by side."""


def _column(name: str) -> Column | None:
    """A column for `params.lr`, `metrics.auc`, `tags.owner`; None for what the screen has itself."""
    group, _, key = name.partition(".")
    if group == "params" and key:
        return Column(
            name, key, 12, lambda run: short(run.params[key], 40) if key in run.params else "", align="right"
        )
    if group == "tags" and key:
        return Column(name, key, 12, lambda run: plain(run.tags.get(key, "")))
    if group == "metrics" and key:
        return Column(
            name,
            key,
            12,
            lambda run: number(run.metrics[key].best) if key in run.metrics else "",
            align="right",
            sort=name,
        )
    return None


def took(run: Run, now: int | None = None) -> int | None:
    """Milliseconds from start to end, or until now while it runs."""
    if run.started is None:
        return None
    end = run.ended if run.ended is not None else (now or time.time_ns() // 1_000_000)
    return max(0, end - run.started)


def moment(ms: int) -> str:
    """When, in five cells: the time of today, the day of others."""
    return clock(ms)[:5]


def trend_key(run: Run) -> str:
    """The metric whose trend says most: the headline, or while that has one value, the scores of its search."""
    name, found = headline(run)
    scores = run.metrics.get(SEARCH)
    return SEARCH if scores is not None and scores.count > 1 and (found is None or found.count < 2) else name


def stamp(run: Run) -> object:
    """Other than before where the run has logged more of its trend's metric."""
    key = trend_key(run)
    return key, run.metrics[key].count if key in run.metrics else 0


def due(rows: Iterable[Run], known: Mapping[str, tuple[object, list[float]]]) -> dict[str, list[Run]]:
    """The runs whose trend has to be asked for (anew), by metric."""
    found: dict[str, list[Run]] = {}
    for run in rows:
        key = trend_key(run)
        if key in run.metrics and known.get(run.run_id, (None, []))[0] != stamp(run):
            found.setdefault(key, []).append(run)
    return found


def filter_of(question: Mapping[str, Any], excluded: Iterable[str] = ()) -> str:
    """What finds the runs of a list that shows `question`, but for these: of the kinds that a list without a word of kinds shows."""
    given = str(question.get("filter") or "").strip()
    terms = [f"({given})"] if given else []
    tree = parse(given)
    if not question.get("all_kinds") and (tree is None or Field("column", "kind") not in fields_of(tree)):
        terms.append("kind in (train, sdk)")
    terms += (
        [f"not id in ({', '.join(f'{chr(34)}{key}{chr(34)}' for key in sorted(excluded))})"]
        if excluded
        else []
    )
    return " and ".join(terms)


def gate_word(verdict: str | None) -> Text:
    """A verdict in ten cells."""
    found = state(verdict)
    return Text(found.plain[:9] + ".", style=found.style, no_wrap=True) if found.cell_len > 10 else found


def best_of(metric: str) -> str:
    """A metric's best value as a field of the filter language."""
    return (
        f"best({metric})"
        if re.fullmatch(r"[A-Za-z_]\w*", metric)
        else 'best("{}")'.format(metric.replace('"', '""'))
    )


def goal_of(found: MetricSummary | None) -> Literal["max", "min", ""]:
    """Which value is best, by the one that the daemon calls so; empty where all are the same."""
    if found is None or found.best is None or found.min == found.max:
        return ""
    return "max" if found.best == found.max else "min"


def headline(run: Run) -> tuple[str, MetricSummary | None]:
    """The metric that a run is judged by: its own, or the first that it has logged."""
    own = (name for name in run.metrics if "/" not in name)
    name = run.metric if run.metric in run.metrics else next(own, "")
    return name, run.metrics.get(name)


class RunsRoom(RunDeeds, ListRoom):
    """The list of runs."""

    TITLE = "Runs"
    VERB = "run list"
    SORT = "-created"
    EMPTY = "no runs yet\n\na starts one, or:  mlops-tui run start MODEL"
    CONTEXTS = ("runs",)
    BINDINGS: ClassVar[list[Any]] = bindings("runs")
    CLOSER: ClassVar[bool] = False
    """Whether the state of the whole is asked for also while nothing in sight runs."""

    def __init__(self, filter: str = "", sort: str = "") -> None:
        super().__init__(filter, sort)
        self.view = "listed"
        self.report: StatusReport | None = None
        self.live: dict[str, LiveRun] = {}
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
            *(column for each in found.fields if (column := _column(each.name)) is not None),
        ]

    def sort_by(self, column: str, descending: bool) -> str:
        """By the metric that the row at the cursor shows, or where it has none, that most rows show; the best first."""
        if column != METRIC:
            return super().sort_by(column, descending)
        row: Run | None = self.table.row_at_cursor
        rows = [run for run in ([row] if row is not None else []) if headline(run)[0]] or self.table.in_sight
        names = Counter(name for run in rows if (name := headline(run)[0]))
        if not names:
            return self.sort
        name = names.most_common(1)[0][0]
        if self.sorted_column() != METRIC:
            lowest = any(goal_of(run.metrics.get(name)) == "min" for run in self.table.in_sight)
            descending = not lowest
        return super().sort_by(best_of(name), descending)

    def sorted_column(self) -> str:
        return METRIC if self.sort.removeprefix("-").startswith("best(") else super().sorted_column()

    def _metric(self, run: Run) -> str:
        name, found = headline(run)
        return f"{short(name, 9)} {number(found.best)}" if found is not None else glyphs().dash

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

    async def targets(self, views: Collection[str] = ()) -> Targets | None:
        chosen, row = self.table.selection, self.table.row_at_cursor
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
            return Targets(
                [run for run in page.items if run.run_id in chosen], count=chosen.count(page.total or 0)
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
            return Targets(page.items)
        return Targets([row]) if row is not None else None

    # --- trends and stages ---

    def rested(self) -> None:
        super().rested()
        if not self.gone:
            self._look_closer()

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
        return summary(row, width, news=self.mlops.news.connected)

    def open(self, row: Run) -> None:
        from mlops_tui.tui.screens.run import RunRoom

        self.mlops.open(RunRoom, row.run_id)

    @work(exclusive=True, group="deed")
    async def action_run_new(self) -> None:
        from mlops_tui.tui.starting import new_run

        started = await new_run(self)
        if started is not None:
            self.table.reset(keep_cursor=False)

    @work(exclusive=True, group="deed")
    async def action_run_sweep(self) -> None:
        from mlops_tui.tui.starting import sweep

        if await sweep(self) is not None:
            self.table.reset(keep_cursor=False)

    @work(exclusive=True, group="deed")
    async def action_run_score(self) -> None:
        from mlops_tui.tui.starting import score

        run = self.table.row_at_cursor
        started = await score(self, run.model or "" if run is not None else "")
        if started is not None:
            self.mlops.tell("scoring; 8 shows it while it runs")

    @work(exclusive=True, group="deed")
    async def action_run_clone(self) -> None:
        from mlops_tui.tui.starting import clone_run

        run = self.table.row_at_cursor
        if run is None:
            return
        try:
            detail = await self.link.ask("run show", {"run_id": run.run_id})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if await clone_run(self, detail) is not None:
            self.table.reset(keep_cursor=False)

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
            self.mlops.tell(f"mark 2 to {COMPARED} runs with space first", "warning")
        else:
            self.mlops.open(CompareRoom, sorted(chosen))


def _headline_of(run: Run, width: int, news: bool) -> Text:
    """State, name, verdict and age; a long name gives way."""
    head = Text.assemble(run_state(run.state, run.reason, news=news), "  ")
    tail = Text()
    if run.verdict:
        tail.append_text(Text.assemble("  gate ", state(run.verdict)))
    tail.append(f"  {age(run.created)} ago", style="bright_black")
    name = plain(run.name or run.run_id[:12], "bold")
    name.truncate(max(8, width - head.cell_len - tail.cell_len), overflow="ellipsis")
    return Text.assemble(head, name, tail)


def _param(value: Any) -> str:
    return number(value) if isinstance(value, float) else short(value, 60)


def summary(run: Run, width: int, *, news: bool = True) -> Text:
    """A run in a few lines: the first four say the most."""
    sheet = Sheet(width)
    sheet.line(_headline_of(run, sheet.width, news))
    name, found = headline(run)
    if found is not None:
        points = f"  {found.count:,} point{'' if found.count == 1 else 's'}"
        last = f"  last {number(found.last)}" if found.count > 1 else ""
        sheet.line(
            Text.assemble(
                (f"{short(name, 30)} ", "bright_black"), number(found.best), (last + points, "bright_black")
            )
        )
    if run.reason:
        sheet.line(short(run.reason, 400), "yellow")
    sheet.pairs((short(key, 30), _param(value)) for key, value in list(run.params.items())[:PARAMS])
    if len(run.params) > PARAMS:
        sheet.line(f"and {len(run.params) - PARAMS} more", "bright_black")
    sheet.line(Text("cli: " + command("run show", {"run_id": run.run_id[:12]}), style="bright_black"))
    sheet.pairs([
        ("id", run.run_id), ("kind", run.kind), ("model", run.model), ("version", run.model_version), ("experiment", short(run.experiment, 80)),
        ("proposal", run.proposal_id), ("attempts", run.attempts), ("exit code", run.exit_code), ("signal", run.signal),
        ("tags", short(", ".join(f"{key}={value}" for key, value in run.tags.items()), 400)),
    ])  # fmt: skip
    if run.metrics:
        sheet.heading("metrics").table(
            ("metric", "best", "last", "points"),
            [
                (key, number(found.best), number(found.last), number(found.count))
                for key, found in run.metrics.items()
            ],
            right=(1, 2, 3),
        )
    return sheet.text


SCREEN = RunsRoom
