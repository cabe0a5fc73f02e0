"""Queue: what runs now and how far it is, what waits for what, and when it will be over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from mlops_store.records import ENDED
from mlops_tui.tui.formats import age, clean, duration, glyphs, plain, run_state, size
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.screens.runs import RunsRoom
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.writers.run import summary, took
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs._status import LiveRun

LIVE = "state in (QUEUED, STARTING, RUNNING, STOPPING)"
CPU, MEMORY = "system/cpu_percent", "system/rss_bytes"


class QueueRoom(RunsRoom):
    """Runs of every kind that have not ended, oldest first."""

    TITLE = "Queue"
    SORT = "created"
    EMPTY = "nothing runs and nothing waits\n\n{go.runs} shows what has run; {run.new} there trains a model"
    BESIDES = (f'metrics."{CPU}"', f'metrics."{MEMORY}"')
    CLOSER = True

    def columns(self) -> Sequence[Column]:
        return (
            Column("state", "status", 11, lambda run: run_state(run.state, run.reason, news=self.mlops.news.connected), sort="state"),
            Column("kind", "kind", 8, lambda run: plain(run.kind), sort="kind", priority=3),
            Column("name", "run", 14, lambda run: plain(run.name or run.run_id[:12]), sort="name", flex=True),
            Column("model", "model", 14, lambda run: plain(run.model or ""), sort="model", priority=4),
            Column("where", "at, or waits for", 18, self._where, flex=True),
            Column("cpu", "cpu", 5, lambda run: self._machine(run)[0], align="right", priority=1),
            Column("memory", "memory", 8, lambda run: self._machine(run)[1], align="right", priority=2),
            Column("took", "for", 4, lambda run: duration(took(run)), align="right"),
            Column("ends", "ends in", 7, self._ends, align="right"),
        )  # fmt: skip

    def question(self) -> dict[str, Any]:
        asked = super().question()
        given = asked.get("filter")
        return {**asked, "filter": f"{LIVE} and ({given})" if given else LIVE, "all_kinds": True}

    def _where(self, run: Run) -> Text:
        return where(self._now(run), run)

    def _now(self, run: Run) -> LiveRun | None:
        """What the queue knows of a run; nothing while the daemon does not answer: where runs are now, nobody knows."""
        return self.live.get(run.run_id) if self.mlops.news.connected else None

    def _machine(self, run: Run) -> tuple[str, str]:
        return machine(run) if self.mlops.news.connected else ("", "")

    def _ends(self, run: Run) -> str:
        live, report = self._now(run), self.report
        return until(live.expected_end, report.time) if live is not None and report is not None else ""

    def preview(self, row: Run, width: int) -> Text:
        live = self._now(row)
        sheet = Sheet(width)
        if live is not None and self.report is not None:
            sheet.pairs(facts(live, row, self.report.time))
        shown = Text.assemble(
            sheet.text,
            "\n\n" if sheet.text else "",
            summary(self.whole(row), width, news=self.mlops.news.connected),
        )
        return Text.assemble(shown, "\n\n", self._daemon(width))

    def _daemon(self, width: int) -> Text:
        if self.report is None or not self.mlops.news.connected:
            return Text()
        return Text.assemble(("daemon\n", "bold underline"), page("daemon status", self.report.daemon, width))

    def draw_preview(self) -> None:
        super().draw_preview()
        if self.table.row_at_cursor is None and self.report is not None:
            self.query_one("#preview", Doc).write(self._daemon)


def where(live: LiveRun | None, run: Run) -> Text:
    """The stage of a run that runs; of one that waits, what it waits for."""
    if live is None or run.state in ENDED:
        return plain(run.reason)
    if run.state == "QUEUED":
        return plain(live.waits.removeprefix("waits for ") or "its turn", "bright_black")
    share = f" {live.progress:.0%}" if live.progress is not None else ""
    return Text(f"{clean(live.stage)}{share}", style="cyan", no_wrap=True)


def machine(run: Run) -> tuple[str, str]:
    """Processor and memory of a run that runs, as it last said; nothing of others."""
    if run.state not in ("RUNNING", "STOPPING"):
        return "", ""
    cpu, memory = run.metrics.get(CPU), run.metrics.get(MEMORY)
    return (
        f"{cpu.last:.0f}%" if cpu is not None and cpu.last is not None else "",
        size(int(memory.last)) if memory is not None and memory.last is not None else "",
    )


def until(moment: int | None, now: int) -> str:
    """`~3m`; a dash where nothing is known, `soon` where it should have been."""
    if moment is None:
        return glyphs().dash
    return f"~{duration(moment - now)}" if moment > now else "soon"


def facts(live: LiveRun, run: Run, now: int) -> list[tuple[str, Any]]:
    """What the queue knows of a run."""
    if run.state != "QUEUED":
        ends = until(live.expected_end, now)
        cpu, memory = machine(run)
        return [("ends in", f"{ends}, by earlier runs like it" if live.expected_end else "nothing is known of its time yet"), ("machine", " ".join((cpu, memory)).strip())]  # fmt: skip
    starts = f"{until(live.expected_start, now)}, ends in {until(live.expected_end, now)}, by earlier runs" if live.expected_start else "nobody knows yet"  # fmt: skip
    return [
        ("waits for", live.waits.removeprefix("waits for ") or "its turn"), ("position", live.position), ("asked", f"{age(run.created, now)} ago"),
        ("starts in", starts),
    ]  # fmt: skip


SCREEN = QueueRoom
