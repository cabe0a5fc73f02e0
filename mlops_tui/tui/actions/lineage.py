"""Actions on a lineage."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import VIEW, Action

ACTIONS = [
    Action("lineage.kind", "Next kind", "To the nearest thing of another kind: runs, models, aliases, cards, predictions, data, features.", ">", "lineage", reason=VIEW, hint=True),
    Action("lineage.kind-back", "Previous kind", "The same, the other way around.", "<", "lineage", reason=VIEW),
    Action("lineage.alike", "Next of its kind", "To the next thing of the same kind.", "n", "lineage", reason=VIEW, hint=True),
    Action("lineage.alike-back", "Previous of its kind", "The same, backwards.", "N", "lineage", reason=VIEW),
]  # fmt: skip
