"""Runs: training and every other job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import age, clock, duration, glyphs, number, plain, run_state, short, state
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.list_room import Column, ListRoom
from mlops_tui.tui.sheet import Sheet
from mlops_tui.verbs._shapes import MetricSummary, Run


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
            lambda run: number(run.metrics[key].last) if key in run.metrics else "",
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


def headline(run: Run) -> tuple[str, MetricSummary | None]:
    """The metric that a run is judged by: its own, or the first that it has logged."""
    own = (name for name in run.metrics if "/" not in name)
    name = run.metric if run.metric in run.metrics else next(own, "")
    return name, run.metrics.get(name)


class RunsRoom(ListRoom):
    """The list of runs."""

    TITLE = "Runs"
    VERB = "run list"
    SORT = "-created"
    EMPTY = "no runs yet\n\na starts one, or:  mlops-tui run start MODEL"
    CONTEXTS = ("runs",)
    BINDINGS: ClassVar[list[Any]] = bindings("runs")

    def columns(self) -> Sequence[Column]:
        return (
            Column("name", "run", 18, lambda run: plain(run.name or run.run_id[:12]), sort="name", flex=True),
            Column(
                "state",
                "status",
                12,
                lambda run: run_state(run.state, run.reason, news=self.mlops.news.connected),
                sort="state",
            ),
            Column("kind", "kind", 8, lambda run: plain(run.kind), priority=4),
            Column("model", "model", 14, lambda run: plain(run.model or ""), sort="model", priority=3),
            Column("metric", "metric", 16, self._metric, priority=1),
            Column("verdict", "gate", 14, lambda run: state(run.verdict), priority=2),
            Column(
                "duration",
                "took",
                6,
                lambda run: duration(took(run)),
                align="right",
                sort="duration",
                priority=5,
            ),
            Column("created", "created", 11, lambda run: clock(run.created), sort="created"),
        )

    async def all_columns(self) -> Sequence[Column]:
        found = await self.link.ask("run fields")
        return [
            *self.columns(),
            *(column for each in found.fields if (column := _column(each.name)) is not None),
        ]

    def _metric(self, run: Run) -> str:
        name, found = headline(run)
        return f"{short(name, 9)} {number(found.last)}" if found is not None else glyphs().dash

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

    def action_run_stop(self) -> None:
        self._stop()

    @work(exclusive=True, group="deed")
    async def _stop(self) -> None:
        run = self.table.row_at_cursor
        if run is None:
            return
        if run.state in ENDED:
            self.mlops.tell(f"the run has ended: {run.state.lower()}", "warning")
            return
        await self.perform("run stop", {"run_id": run.run_id}, yes="Stop it")

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

    def action_run_compare(self) -> None:
        from mlops_tui.tui.screens.run_compare import CompareRoom

        marked = sorted(self.table.marks)
        at = self.table.cursor_key
        chosen = marked if len(marked) > 1 else sorted({*marked, *([at] if at else [])})
        if len(chosen) < 2:
            self.mlops.tell("mark two or more runs with space first", "warning")
        else:
            self.mlops.open(CompareRoom, chosen)

    def action_run_resume(self) -> None:
        self._resume()

    @work(exclusive=True, group="deed")
    async def _resume(self) -> None:
        run = self.table.row_at_cursor
        if run is not None:
            await self.perform(
                "run resume",
                {"run_id": run.run_id},
                yes="Resume",
                title=f"Resume {run.name or run.run_id[:12]}",
            )


def summary(run: Run, width: int, *, news: bool = True) -> Text:
    """A run in a few lines: the first four say the most."""
    sheet = Sheet(width)
    head = Text.assemble(
        plain(run.name or run.run_id[:12], "bold"), "  ", run_state(run.state, run.reason, news=news)
    )
    if run.verdict:
        head.append_text(Text.assemble("  gate ", state(run.verdict)))
    sheet.line(head.append(f"  {age(run.created)} ago", style="bright_black"))
    name, best = headline(run)
    if best is not None:
        sheet.line(
            Text.assemble(
                (f"{short(name, 30)} ", "bright_black"),
                number(best.last),
                (f"  best {number(best.best)}  {best.count} points", "bright_black"),
            )
        )
    if run.reason:
        sheet.line(run.reason, "yellow")
    if run.params:
        sheet.line("  ".join(f"{key} {short(value, 24)}" for key, value in run.params.items()))
    sheet.line(Text("cli: " + command("run show", {"run_id": run.run_id[:12]}), style="bright_black"))
    sheet.pairs([
        ("id", run.run_id), ("kind", run.kind), ("model", run.model), ("version", run.model_version), ("experiment", run.experiment),
        ("proposal", run.proposal_id), ("attempts", run.attempts), ("exit code", run.exit_code), ("signal", run.signal),
        ("tags", ", ".join(f"{key}={value}" for key, value in run.tags.items())),
    ])  # fmt: skip
    if run.metrics:
        sheet.heading("metrics").table(
            ("metric", "last", "best", "points"),
            [
                (key, number(found.last), number(found.best), number(found.count))
                for key, found in run.metrics.items()
            ],
            right=(1, 2, 3),
        )
    return sheet.text


SCREEN = RunsRoom
