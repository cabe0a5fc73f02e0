"""Actions where things stand side by side."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import VIEW, Action

ACTIONS = [
    Action(
        "compare.baseline",
        "Baseline",
        "Differences are to the run of this column.",
        "B",
        "compare",
        reason=VIEW,
        hint=True,
    ),
]
