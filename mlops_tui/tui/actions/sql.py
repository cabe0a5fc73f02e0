"""Actions of the SQL screen."""

from __future__ import annotations

from mlops_tui.tui.actions._declare import MOVE, VIEW, Action

ACTIONS = [
    Action(
        "query.complete", "Complete", "The name at the cursor.", "tab", "query", reason=VIEW, priority=True
    ),
    Action("query.earlier", "Earlier", "The query before.", "ctrl+up", "query", reason=VIEW, priority=True),
    Action("query.later", "Later", "Forward again.", "ctrl+down", "query", reason=VIEW, priority=True),
    Action("sql.run", "Run", "Ask the query.", "f5 ctrl+e", "sql", verb="sql", hint=True),
    Action(
        "sql.pane",
        "Query or rows",
        "From the query to its rows, and back.",
        "f8",
        "sql",
        reason=MOVE,
        hint=True,
    ),
    Action(
        "sql.export",
        "Export",
        "Write the rows to a file.",
        "f9",
        "sql",
        reason="`mlops-tui sql --json`",
        hint=True,
    ),
]
