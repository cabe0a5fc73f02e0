"""Actions on proposal cards."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("proposal.approve", "Approve", "Train on the snapshots that the card names.", "a", "proposals proposal", verb="proposal approve", hint=True, danger=1),
    Action("proposal.reject", "Reject", "With a reason; new rows count from here.", "x", "proposals proposal", verb="proposal reject", hint=True, danger=1),
    Action("proposal.snooze", "Snooze", "The card asks again after the time that is chosen.", "w", "proposals proposal", verb="proposal snooze", hint=True, danger=1),
    Action("proposal.request", "Propose", "Ask for a retraining with today's evidence.", "ctrl+n", "proposals", verb="proposal open", danger=1),
]  # fmt: skip
