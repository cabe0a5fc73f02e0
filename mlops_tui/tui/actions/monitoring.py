"""Actions on what is watched."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action(
        "monitor.open",
        "Open",
        "Performance, drift and quality over batches.",
        "",
        "monitoring",
        verb="monitor show",
    ),
]
