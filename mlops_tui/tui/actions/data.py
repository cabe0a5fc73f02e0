"""Actions on data versions and on what was refused."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("data.add", "Add files", "Check files and admit them.", "A", "data", verb="data add", hint=True, danger=1),
    Action("data.compare", "Compare", "The two marked versions; in one that is open, with any other.", "c", "data data-version", verb="data diff", hint=True),
    Action("data.redrive", "Check again", "Check the refused file at the cursor again.", "a", "data-version", verb="data redrive", hint=True, danger=1),
    Action("data.drop", "Drop", "Give the refused file up for good.", "D", "data-version", verb="data drop", hint=True, danger=2),
]  # fmt: skip
