"""Actions on feature views."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("feature.lookup", "Look up", "What it knew of an entity at a time.", "a", "feature", verb="feature get", hint=True),
]  # fmt: skip
