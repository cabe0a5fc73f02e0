"""Actions on feature views."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("feature.open", "Open", "Definition, versions, users.", "", "features", verb="feature show"),
]
