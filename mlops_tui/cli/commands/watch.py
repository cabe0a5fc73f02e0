"""`mlops-tui watch RUN`: a small live view of one run, in the lines where the command was typed."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mlops_store.records import ENDED
from mlops_tui.cli import diagnostics
from mlops_tui.cli.invoke import Shown, exit_code
from mlops_tui.cli.session import Session
from mlops_tui.client import Client
from mlops_tui.client.waiting import wait_for_run
from mlops_tui.pages.layout import cut
from mlops_tui.text import clean, lasted, number
from mlops_tui.tui.plot.chart import chart_text
from mlops_tui.tui.plot.curve import Series
from mlops_tui.tui.plot.glyphs import Mode
from mlops_tui.verbs._screens import Watch
from mlops_tui.verbs._shapes import Run, RunDetail

LOG_LINES = 3
INTERVAL = 0.5
"""Seconds between two frames at least."""
_SIGNS = {
    "FINISHED": ("✓", "green"),
    "FAILED": ("✗", "red"),
    "LOST": ("?", "magenta"),
    "KILLED": ("■", "yellow"),
}
_ASCII = {"✓": "+", "✗": "x", "■": "#", "●": "*", "·": "."}


class Viewer:
    """Draws frames of one run; asks for its curve and the end of its log each time."""

    def __init__(self, client: Client, request: Watch) -> None:
        self._client = client
        self._request = request
        self._mode: Mode = "ascii" if request.ascii else "braille"

    def frame(self, run: RunDetail) -> Text:
        """The run as it is now, for the terminal's width."""
        width = max(40, shutil.get_terminal_size((80, 24)).columns - 1)
        shown = Text(no_wrap=True, end="")
        lines: list[Text | str] = [
            self._head(run, width),
            *self._stages(run, width),
            *self._curve(run, width),
            *self._log(run, width),
        ]
        for line in lines:
            if line:
                shown.append_text(Text(line) if isinstance(line, str) else line).append("\n")
        shown.rstrip()
        return shown

    def _head(self, run: RunDetail, width: int) -> Text:
        sign, colour = _SIGNS.get(run.state, ("●", "cyan"))
        sign = _ASCII.get(sign, sign) if self._request.ascii else sign
        end = run.ended or time.time_ns() // 1_000_000
        took = lasted(end - run.started) if run.started else "waiting"
        found = Text.assemble(
            (f"{sign} {run.state.lower()}", colour), f"  {clean(run.name or run.run_id[:12])}  {took}"
        )
        if run.verdict:
            found.append(f"  gate {run.verdict}")
        if run.reason:
            found.append(f"  {clean(run.reason)}")
        found.truncate(width, overflow="ellipsis")
        return found

    def _stages(self, run: RunDetail, width: int) -> list[str]:
        """In two lines at most."""
        dot = "." if self._request.ascii else "·"
        words = [
            f"{stage.name}{'…' if stage.state == 'started' and not self._request.ascii else ''}"
            for stage in run.stages
        ]
        return wrapped([clean(word) for word in words], f" {dot} ", width, 2)

    def _curve(self, run: RunDetail, width: int) -> Sequence[str]:
        key = self._request.metric or drawn_metric(run)
        if key not in run.metrics:
            return [f"no metric {clean(key)} yet"] if self._request.metric else []
        answer = self._client.call("run metrics", {"run_id": run.run_id, "keys": [key], "buckets": 2 * width})
        series = [Series(key, curve.buckets, nonfinite=curve.nonfinite) for curve in answer.metrics]
        best = run.metrics[key]
        return [
            f"{clean(key)} {number(best.last)}, best {number(best.best)}, {best.count:,} point{'' if best.count == 1 else 's'}",
            *chart_text(series, width, self._request.height, self._mode).splitlines(),
        ]

    def _log(self, run: RunDetail, width: int) -> Sequence[str]:
        answer = self._client.call("run logs", {"run_id": run.run_id, "tail": LOG_LINES})
        return [cut(clean(line), width) for line in answer.text.splitlines()[-LOG_LINES:]]


def drawn_metric(run: Run) -> str:
    """The metric with a curve that says most: the run's own, else the one with the most points, of the machine only where there is no other."""
    curves = {key: found.count for key, found in run.metrics.items() if found.count > 1}
    if run.metric in curves:
        return run.metric
    return max(curves, key=lambda key: (not key.startswith("system/"), curves[key]), default="")


def wrapped(words: Sequence[str], between: str, width: int, most: int) -> list[str]:
    """Words in at most `most` lines of `width` cells; the last one is cut."""
    lines: list[str] = []
    for word in words:
        longer = lines[-1] + between + word if lines else ""
        if lines and (len(lines) == most or cell_len(longer) <= width):
            lines[-1] = longer
        else:
            lines.append(word)
    return [cut(line, width) for line in lines]


def run(session: Session, request: Watch) -> RunDetail:
    """Until the run has ended; its last frame stays on the terminal. ^C leaves it running."""
    client = session.client()
    viewer = Viewer(client, request)
    console = Console(file=sys.stdout, highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
    if request.once:
        found: RunDetail = client.call("run show", {"run_id": request.run_id})
        if session.json:
            sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        else:
            console.print(viewer.frame(found))
        raise Shown
    if session.json:
        from mlops_tui.cli.invoke import wait

        return wait(session, request.run_id)
    if not sys.stdout.isatty():
        raise Shown(exit_code(_frames(client, request, viewer, console)))
    shown_at = 0.0
    with Live(console=console, auto_refresh=False, transient=False) as live:

        def seen(run: RunDetail) -> None:
            nonlocal shown_at
            now = time.monotonic()
            if now - shown_at >= INTERVAL or run.state in ENDED:
                shown_at = now
                live.update(viewer.frame(run), refresh=True)

        try:
            ended = wait_for_run(client, request.run_id, seen=seen)
        except KeyboardInterrupt:
            live.stop()
            diagnostics.say(f"no longer watching; run {request.run_id} goes on")
            raise
    raise Shown(exit_code(ended))


def _frames(client: Client, request: Watch, viewer: Viewer, console: Console) -> RunDetail:
    """Without a terminal: a frame whenever the run's state has changed, with an empty line between two."""
    shown = ""

    def seen(run: RunDetail) -> None:
        nonlocal shown
        if run.state != shown and (run.state not in ENDED or run.settled):
            console.print(viewer.frame(run), end="\n\n" if run.state not in ENDED else "\n")
            console.file.flush()
            shown = run.state

    return wait_for_run(client, request.run_id, seen=seen)
