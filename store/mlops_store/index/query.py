"""Queries that people type: one statement, read-only, for a limited time, over the index and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from mlops_store.errors import Problem
from mlops_store.index.database import Connection

if TYPE_CHECKING:  # the process that answers one query does not pay for all of the index
    from mlops_store.index.tx import Read

_READING = frozenset({"SELECT", "EXPLAIN"})
_ZONED = "WITH TIME ZONE"
ANSWER_BYTES = 32 << 20
"""Bytes of JSON that the rows of an answer take at most."""


@dataclass(frozen=True)
class Answer:
    """`columns` as (name, type); `rows` as JSON arrays; `truncated` where there were more than asked for."""

    columns: list[tuple[str, str]]
    rows: list[msgspec.Raw]
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


def user_query(con: Connection, sql: str, *, limit: int, timeout_ms: int) -> Answer:
    """Runs one SELECT on a connection that can only read. Raises Problem: `sql_refused`, `sql_failed`, `sql_too_large`
    (status 2), `sql_too_slow` (status 3)."""
    _check(con, sql)
    try:
        con.execute(f"SET max_execution_time = {int(timeout_ms)}")
        con.execute("SET lock_configuration = true")
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
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise too_large("the query needs more memory than it may have") from error
    except duckdb.Error as error:
        raise Problem(
            "sql_failed", str(error).strip(), "tables: `SELECT * FROM duckdb_columns()`", status=2
        ) from error
    return Answer(columns, rows, truncated)


def too_large(message: str) -> Problem:
    """A query that was stopped so that others have memory."""
    return Problem(
        "sql_too_large", message, "ask for less: fewer rows, shorter texts, an aggregate", status=2
    )


def _fetch(result: Connection, limit: int) -> tuple[list[msgspec.Raw], bool]:
    """At most `limit` rows and ANSWER_BYTES, row by row: neither end holds more than that of somebody's question."""
    rows: list[msgspec.Raw] = []
    size = 0
    while (row := result.fetchone()) is not None:
        if len(rows) >= limit:
            return rows, True
        text = msgspec.json.encode([plain(value) for value in row])
        size += len(text)
        if size > ANSWER_BYTES:
            if not rows:
                raise too_large(f"one row of the answer takes more than {ANSWER_BYTES >> 20} MB")
            return rows, True
        rows.append(msgspec.Raw(text))
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
