"""Actions on runs."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("run.open", "Open", "The run with curves, log and lineage.", "", "runs", verb="run show"),
    Action("run.new", "New run", "Train a model.", "a ctrl+n", "runs", verb="run start", hint=True, danger=1),
    Action("run.clone", "Clone", "The same run with edits; shows the difference first.", "C", "runs", verb="run start", danger=1),
    Action("run.sweep", "Search", "Train a model many times, over a space of parameters.", "W", "runs", verb="run sweep", danger=1),
    Action("run.score", "Score", "Score a file with a registered model.", "S", "runs", verb="predict", danger=1),
    Action("run.compare", "Compare", "The marked runs side by side.", "c", "runs", verb="run compare", hint=True),
    Action("run.stop", "Stop", "Stop the run and all that it started.", "x", "runs run", verb="run stop", danger=1, hint=True),
    Action("run.resume", "Resume", "Again from the failed stage.", "R", "runs run", verb="run resume", danger=1),
    Action("run.log", "Log", "What it has printed.", "gL", "run", verb="run logs"),
    Action("run.curves", "Curves", "Its metrics over steps.", "gc", "run", verb="run metrics"),
]  # fmt: skip
