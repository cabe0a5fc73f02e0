"""Actions on data versions and on what was refused."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("data.open", "Open", "Files, schema, profile, changes.", "", "data", verb="data show"),
]
