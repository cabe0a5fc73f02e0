"""Queries that people type: one statement, read-only, for a limited time, over the index and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb

from mlops_store.errors import Problem
from mlops_store.index.database import Connection
from mlops_store.index.tx import Read

_READING = frozenset({"SELECT", "EXPLAIN"})
_ZONED = "WITH TIME ZONE"
ANSWER_BYTES = 32 << 20
"""Characters of text that an answer holds at most; one row is always given."""


@dataclass(frozen=True)
class Answer:
    """`columns` as (name, type); `rows` with values that JSON knows; `truncated` where there were more than asked for."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    truncated: bool


def lock_down(con: Connection) -> None:
    """Takes files, network and extensions away from every connection of this database, for good. Its own file and its
    temporary folder stay."""
    con.execute("SET GLOBAL enable_external_access = false")


def interrupt(read: Read) -> None:
    """Stops what the reader's connection is doing; from another thread."""
    read._con.interrupt()


def limit_time(read: Read, seconds: float) -> None:
    """No statement of this reader runs for longer."""
    read._con.execute(f"SET max_execution_time = {int(seconds * 1000)}")


def was_interrupted(error: BaseException) -> bool:
    """Whether a statement ended because of `interrupt` or `limit_time`."""
    return isinstance(error, duckdb.InterruptException)


def user_query(read: Read, sql: str, *, limit: int, timeout_ms: int) -> Answer:
    """Runs one SELECT. Raises Problem: `sql_refused` (status 2), `sql_failed` (status 2), `sql_too_slow` (status 3)."""
    con = read._con
    _check(con, sql)
    # the kind of the statement does not tell all (a WITH may hold a DELETE): the transaction itself allows no write
    limit_before = con.execute("SELECT current_setting('max_execution_time')").fetchall()[0][0]
    con.execute("BEGIN TRANSACTION READ ONLY")
    try:
        con.execute(f"SET max_execution_time = {int(timeout_ms)}")
        result = con.execute(sql)
        columns = [(str(name), str(kind)) for name, kind, *_ in result.description or []]
        if any(_ZONED in kind for _, kind in columns):
            result = con.execute(_as_text(sql, columns))
        rows, truncated = _fetch(result, limit)
    except duckdb.InterruptException as error:
        raise Problem(
            "sql_too_slow",
            f"the query did not end within {timeout_ms / 1000:g} s",
            "ask for less, or give it more time with --timeout",
            status=3,
        ) from error
    except duckdb.Error as error:
        raise Problem(
            "sql_failed", str(error).strip(), "tables: `SELECT * FROM duckdb_columns()`", status=2
        ) from error
    finally:
        con.execute("ROLLBACK")
        con.execute(f"SET max_execution_time = {int(limit_before)}")
    return Answer(columns, rows, truncated)


def _fetch(result: Connection, limit: int) -> tuple[list[list[Any]], bool]:
    """At most `limit` rows and ANSWER_BYTES of text, row by row: the daemon must not die of somebody's question."""
    rows: list[list[Any]] = []
    size = 0
    while (row := result.fetchone()) is not None:
        size += sum(len(value) if isinstance(value, str | bytes) else 16 for value in row)
        if len(rows) >= limit or (rows and size > ANSWER_BYTES):
            return rows, True
        rows.append([plain(value) for value in row])
    return rows, False


def _as_text(sql: str, columns: list[tuple[str, str]]) -> str:
    """The query with times that have a zone as text: as objects they would need a package that we do not have."""
    names = [f"c{number}" for number in range(len(columns))]
    chosen = (
        f"CAST({name} AS VARCHAR)" if _ZONED in kind else name
        for name, (_, kind) in zip(names, columns, strict=True)
    )
    query = sql.strip().rstrip(";")
    return f"SELECT {', '.join(chosen)} FROM ({query}\n) AS answer({', '.join(names)})"


def _check(con: Connection, sql: str) -> None:
    try:
        statements = con.extract_statements(sql)
    except duckdb.Error as error:
        raise Problem("sql_failed", str(error).strip(), "", status=2) from error
    if len(statements) != 1 or statements[0].type.name not in _READING:
        raise Problem(
            "sql_refused",
            "only one SELECT is allowed here, nothing that writes or configures",
            "the index is derived: change things with the commands, `mlops-tui --help`",
            status=2,
        )


def plain(value: Any) -> Any:
    """A value as JSON can carry it: NaN and infinities become text, so that nothing is lost in silence."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value)
