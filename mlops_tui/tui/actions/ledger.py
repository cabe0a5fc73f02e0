"""Actions on the ledger."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import Action

ACTIONS = [
    Action("ledger.undo", "Undo this", "Undo the decision at the cursor by a new one.", "U", "ledger", verb="ledger undo", hint=True, danger=1),
    Action("ledger.verify", "Verify", "Check the chain of hashes.", "V", "ledger", verb="ledger verify", hint=True),
]  # fmt: skip
