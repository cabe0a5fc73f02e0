"""The first minutes of someone who has nothing yet: by keys alone, against the real daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tmux_driver import Terminal

LONG = 60.0


def test_from_nothing_to_the_first_run(tmp_path: Path, open_terminal: Callable[..., Terminal]) -> None:
    """Each screen names the next key; the training itself is not waited for."""
    terminal = open_terminal(tmp_path)
    terminal.type("mlops-tui").keys("Enter")
    terminal.see("looks after no project yet", "a puts the sample project here", timeout=LONG)
    terminal.keys("a").see("Put the sample project into", "mlops-tui-sample")
    terminal.keys("F2").see("no models yet: 2, then a, trains one", timeout=LONG)
    terminal.keys("2").see("flight-delays ▸ Runs", "no runs yet", "a starts one")
    terminal.keys("a").see("New run", "late-departure")
    terminal.keys("F2").see("Train late-departure", "Start (y)", timeout=LONG)
    terminal.keys("y").see("late-departure-1", "cli: mlops-tui run show", timeout=LONG)
    terminal.keys("1").see("live runs 1", "late-departure-1", timeout=LONG)
    terminal.keys("2").see("▸  late-departure-1")
    terminal.keys("x").see("Stop late-departure-1")
    terminal.keys("y").see("■ killed", timeout=LONG)
    terminal.keys("q").gone("Runs")
