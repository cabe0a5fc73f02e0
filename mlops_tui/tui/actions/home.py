"""Actions of the first screen."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("home.sample", "Sample project", "A year of real flights, to play with.", "a", "home", reason="`mlops-tui project add` of a copy of the samples in the package", danger=1),
]  # fmt: skip
