"""A line on standard error for each step of a run that someone waits for."""

from __future__ import annotations

from mlops_tui.cli.diagnostics import say
from mlops_tui.text import lasted
from mlops_tui.verbs._shapes import RunDetail


class Progress:
    """Remembers what it has said."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._state = ""
        self._stages: dict[tuple[int, str], str] = {}

    def seen(self, run: RunDetail) -> None:
        """Says what is new."""
        if not self._wanted:
            return
        if run.state != self._state:
            reason = f": {run.reason}" if run.reason else ""
            say(f"run {run.run_id}  {run.state}{reason}")
            self._state = run.state
        for stage in run.stages:
            key = (run.attempts, stage.name)
            if self._stages.get(key) != stage.state:
                self._stages[key] = stage.state
                took = f"  {lasted(stage.duration_ms)}" if stage.duration_ms is not None else ""
                say(f"  {stage.name:<12} {stage.state}{took}")
