"""Actions of the first screen."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action(
        "home.sample", "Sample project", "A year of real flights, to play with.", "a", "home", verb="demo"
    ),
]
