"""Actions where metrics are chosen."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import VIEW, Action

ACTIONS = [
    Action("curves.next", "Next metric", "The metric to the right.", ">", "curves", reason=VIEW, hint=True),
    Action("curves.previous", "Previous metric", "The metric to the left.", "<", "curves", reason=VIEW, hint=True),
]  # fmt: skip
