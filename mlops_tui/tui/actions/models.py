"""Actions on model versions."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("model.promote", "Promote", "Make this version the champion.", "a", "models model", verb="model promote", hint=True, danger=1),
    Action("model.rollback", "Roll back", "Move the champion back to where it was.", "b", "models model", verb="model rollback", hint=True, danger=1),
    Action("model.compare", "Compare", "This version with the champion, or the two marked.", "c", "models model", verb="model compare", hint=True),
]  # fmt: skip
