"""SQL over the index."""

from __future__ import annotations

from mlops_store.index.query import user_query
from mlops_store.index.tx import Read
from mlops_tui.verbs.top import Sql, SqlColumn, SqlResult


def sql(read: Read, request: Sql) -> SqlResult:
    """One SELECT, read-only, capped in time and rows. Raises Problem."""
    answer = user_query(read, request.query, limit=request.limit, timeout_ms=request.timeout)
    columns = [SqlColumn(name=name, type=kind) for name, kind in answer.columns]
    return SqlResult(columns=columns, rows=answer.rows, truncated=answer.truncated)
