"""What is running, on standard error, while a command is waited for: one live line on a terminal, elsewhere a line for each stage."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.text import clean, lasted

if TYPE_CHECKING:
    from mlops_tui.verbs._shapes import RunDetail

TRIALS = "search/score"
"""The metric of which a search logs a point for each trial."""
_WIPE = "\r\x1b[2K"


class Narration:
    """Tells what `look` finds, when `tick` is called and it is time."""

    def __init__(
        self, look: Callable[[], RunDetail | None], out: TextIO, *, live: bool, every: float = 1.0
    ) -> None:
        self._look, self._out, self._live, self._every = look, out, live, every
        self._asked = time.monotonic()
        self._told: tuple[str, str, str] | None = None
        self._shown = False

    def tick(self) -> None:
        """Says what is new, at most every so often."""
        if time.monotonic() - self._asked < self._every:
            return
        self._asked = time.monotonic()
        run = self._look()
        if run is None:
            self.wipe()
            return
        stage = next((each for each in reversed(run.stages) if each.state == "started"), None)
        what = (run.run_id, run.state, stage.name if stage is not None else "")
        line = _line(run, what[2])
        if self._live:
            width = max(20, shutil.get_terminal_size().columns) - 1
            self._out.write(_WIPE + line[:width])
            self._out.flush()
            self._shown = True
        elif what != self._told:
            self._out.write(line + "\n")
            self._out.flush()
        self._told = what

    def wipe(self) -> None:
        """Takes the live line away: something else is printed now."""
        if self._shown:
            self._out.write(_WIPE)
            self._out.flush()
            self._shown = False


def _line(run: RunDetail, stage: str) -> str:
    since = lasted(time.time_ns() // 1_000_000 - run.started) if run.started is not None else ""
    trials = run.metrics[TRIALS].count if TRIALS in run.metrics else 0
    words = [
        run.kind,
        run.state.lower(),
        stage,
        since,
        f"{trials} trials" if trials and stage == "search" else "",
    ]
    return clean("    " + "  ".join(word for word in words if word))


def newest_running(home: Home) -> Callable[[], RunDetail | None]:
    """Finds the run of a home that is at work; None while there is none, or nobody to ask. Starts no daemon."""
    from mlops_tui.client import connect

    def look() -> RunDetail | None:
        try:
            with connect(home, autostart=False) as client:
                asked = {
                    "all_kinds": True,
                    "filter": "state in (STARTING, RUNNING)",
                    "limit": 1,
                    "fields": [f"count('{TRIALS}')"],
                }
                running = client.call("run list", asked).items
                found: RunDetail | None = (
                    client.call("run show", {"run_id": running[0].run_id}) if running else None
                )
                return found
        except (Problem, OSError):  # it is starting, or ends just now: there is nothing to tell
            return None

    return look
