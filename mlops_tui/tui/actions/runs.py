"""Actions on runs."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("run.new", "New run", "Train a model.", "a ctrl+n", "runs", verb="run start", hint=True, danger=1),
    Action("run.clone", "Clone", "The same run with edits; shows the difference first.", "C", "runs", verb="run start", danger=1),
    Action("run.sweep", "Search", "Train a model many times, over a space of parameters.", "M", "runs", verb="run sweep", danger=1),
    Action("run.score", "Score", "Score a file with a registered model.", "S", "runs", verb="predict", danger=1),
    Action("run.compare", "Compare", "The marked runs side by side.", "c", "runs", verb="run compare", hint=True),
    Action("run.stop", "Stop", "Stop the run and all that it started.", "x", "runs run", verb="run stop", danger=1, hint=True),
    Action("run.resume", "Resume", "Again from the failed stage.", "R", "runs run", verb="run resume", danger=1),
    Action("run.tag", "Tag", "Set tags of the run, or of the marked ones; take them away.", "t", "runs run", verb="run tag", danger=1),
    Action("run.note", "Note", "Write a note on the run, or on the marked ones.", "T", "runs run", verb="run note", danger=1),
    Action("run.again", "Run again", "The same training once more, with the code of now.", "gR", "runs run", verb="run start", danger=1),
    Action("run.archive", "Archive", "Leave the run, or the marked ones, out of lists.", "Z", "runs run", verb="run archive", danger=1),
    Action("run.unarchive", "List again", "Archived runs come back into lists.", "Y", "runs run", verb="run unarchive", danger=1),
    Action("run.delete", "Delete", "The run, or the marked ones, into the trash.", "D", "runs run", verb="run delete", danger=2),
    Action("run.restore", "Restore", "Deleted runs come back out of the trash.", "", "runs run", verb="run restore", danger=1),
    Action("run.hidden", "Hidden runs", "Archived runs too; again: the trash; again: neither.", ".", "runs", reason="--archived and --deleted of run list"),
    Action("run.adopt", "Take up", "A run's folder from another box.", "", "runs", verb="run adopt", danger=1),
    Action("run.why", "Why", "Why each stage ran or came from the cache.", "gw", "run", verb="run why"),
    Action("run.log", "Log", "What it has printed.", "gL", "run", verb="run logs"),
    Action("run.curves", "Curves", "Its metrics over steps.", "gc", "run", verb="run metrics"),
]  # fmt: skip
