"""The index file: opened, capped, migrated. One process owns it; each thread reads through a cursor of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import duckdb

from mlops_store.errors import Problem
from mlops_store.machine import memory

Connection: TypeAlias = Any  # duckdb ships no type information that mypy may follow
Fill: TypeAlias = Mapping[str, Callable[[Connection], None]]
"""By the name of a migration's file: what a program does after it, in its transaction."""

SCHEMA_DIR = Path(__file__).parent / "schema"
STORAGE_VERSION = "v1.5.0"
THREADS = 2
_GIB = 1 << 30
_MIB = 1 << 20
_TEMP_LIMIT = 4 * _GIB
_RESIDENT = 160 * _MIB
"""What the index of a home may keep in memory: the rest of a daemon takes 130 MB, and more than this made no question of a home with 100M points faster."""


def memory_cap() -> int:
    """Bytes that the index may use: a tenth of the memory, between 128 MiB and 1 GiB. Training comes first."""
    return max(128 * _MIB, min(_GIB, (memory() or 4 * _GIB) // 10))


def migrations(folder: Path = SCHEMA_DIR) -> list[tuple[int, Path]]:
    """The numbered schema files, in order."""
    return sorted((int(path.name.split("_", 1)[0]), path) for path in folder.glob("[0-9]*_*.sql"))


class Database:
    """An open index. `root` never runs a query of a caller: it only gives cursors."""

    def __init__(
        self, root: Connection, path: Path, *, readonly: bool, fill: Fill = MappingProxyType({})
    ) -> None:
        self._root = root
        self.path = path
        self.readonly = readonly
        self._fill = fill

    @staticmethod
    def open(
        path: Path,
        *,
        readonly: bool = False,
        schema: Path = SCHEMA_DIR,
        fill: Fill = MappingProxyType({}),
    ) -> Database:
        """Opens the file (a writer makes and migrates it).

        Raises Problem: `index_locked` (another process has it), `index_newer` (a newer program made it; readers may
        still open it with `readonly`), `index_damaged`, `index_missing`, `index_old` (readers only).
        """
        if readonly and not path.exists():
            raise Problem(
                "index_missing", f"there is no index at {path}", "start the daemon: `mlops-tui daemon start`"
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(_connect(path, readonly), path, readonly=readonly, fill=fill)
        try:
            database._check_version(schema)
        except BaseException:
            database.close()
            raise
        return database

    def cursor(self) -> Connection:
        """A connection for one thread: it sees what is committed, in a transaction of its own."""
        return self._root.cursor()

    def version(self) -> int:
        """The number of the last migration applied; 0 for an empty file."""
        con = self.cursor()
        try:
            row = con.execute("SELECT value FROM meta WHERE name = 'schema_version'").fetchone()
            return int(row[0]) if row else 0
        except duckdb.CatalogException:  # asking which tables there are would read the statistics of each
            return 0
        finally:
            con.close()

    def checkpoint(self) -> None:
        """Folds the write-ahead log into the file."""
        con = self.cursor()
        try:
            con.execute("CHECKPOINT")
        finally:
            con.close()

    def close(self) -> None:
        self._root.close()

    def _check_version(self, schema: Path) -> None:
        known = migrations(schema)
        newest = known[-1][0]
        current = self.version()
        if current > newest and not self.readonly:
            raise Problem(
                "index_newer",
                f"the index {self.path} has schema {current}, this program knows {newest}",
                "upgrade mlops-tui, or start the newer daemon",
                status=3,
            )
        if self.readonly:
            if current < newest:
                raise Problem(
                    "index_old",
                    f"the index {self.path} has schema {current}, this program needs {newest}",
                    "start the daemon, which migrates it",
                    status=3,
                )
            return
        for number, path in known:
            if number > current:
                self._migrate(number, path)

    def _migrate(self, number: int, path: Path) -> None:
        con = self.cursor()
        try:
            con.execute("BEGIN")
            try:
                con.execute(path.read_text(encoding="utf-8"))
                if path.name in self._fill:
                    self._fill[path.name](con)
                con.execute(
                    "INSERT INTO meta VALUES ('schema_version', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                    [str(number)],
                )
                con.execute("COMMIT")
            except BaseException:
                con.execute("ROLLBACK")
                raise
            con.execute("CHECKPOINT")  # the write-ahead log never holds DDL: replaying it has known bugs
        finally:
            con.close()


def _connect(path: Path, readonly: bool) -> Connection:
    temp = path.parent / "tmp"
    config = {
        "threads": THREADS,
        "memory_limit": f"{min(memory_cap(), _RESIDENT) // _MIB}MiB",
        "temp_directory": str(temp),
        "max_temp_directory_size": f"{_TEMP_LIMIT // _GIB}GiB",
        "storage_compatibility_version": STORAGE_VERSION,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        return duckdb.connect(str(path), read_only=readonly, config=config)
    except duckdb.Error as error:
        text = str(error)
        if "lock" in text.lower() and "conflicting" in text.lower():
            raise Problem(
                "index_locked",
                f"another process has the index {path} open",
                "stop it (`mlops-tui daemon stop`), then try again",
                status=3,
            ) from error
        if "newer version" in text.lower() or "storage version" in text.lower():
            raise Problem(
                "index_newer",
                f"the index {path} was written by a newer program",
                "upgrade mlops-tui",
                status=3,
            ) from error
        raise Problem(
            "index_damaged",
            f"the index {path} cannot be opened: {text.splitlines()[0]}",
            "`mlops-tui rebuild` makes a new one from the ledger and the run folders; nothing is lost",
        ) from error


_FEW = 16
"""Rows up to which a statement that names each of them costs less than one that reads them."""
_PARSED: dict[str, Any] = {}
_MOST_PARSED = 500


def parsed(con: Connection, sql: str) -> Any:
    """One statement, parsed once for all connections: that is a third of what a short one costs."""
    known = _PARSED.get(sql)
    if known is None:
        statements = con.extract_statements(sql)
        if len(statements) != 1:
            raise ValueError(f"one statement is wanted, not {len(statements)}: {sql[:80]!r}")
        if len(_PARSED) >= _MOST_PARSED:  # texts of filters are without end
            _PARSED.clear()
        known = _PARSED[sql] = statements[0]
    return known


def rows(con: Connection, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """All rows of a query as dicts. The result is read to its end: an open one would own the connection."""
    result = con.execute(parsed(con, sql), list(params))
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def one(con: Connection, sql: str, params: Sequence[Any] = ()) -> dict[str, Any] | None:
    """The first row, or None."""
    found = rows(con, sql, params)
    return found[0] if found else None


def insert(con: Connection, table: str, values: Sequence[Sequence[Any]]) -> None:
    """Many rows in one statement, inside the transaction that is open. `table` is a name of ours, never of data."""
    if values:
        appender = con.appender(table)
        appender.append_rows(values)
        appender.flush()


def delete(con: Connection, table: str, columns: Sequence[str], keys: Sequence[Sequence[Any]]) -> None:
    """Deletes the rows with these values in these columns, in one statement. `table` and `columns` are names of ours."""
    if not keys:
        return
    if len(keys) <= _FEW:  # half the price of a join
        same = f"({' AND '.join(f'{column} = ?' for column in columns)})"
        sql, params = f"DELETE FROM {table} WHERE {' OR '.join([same] * len(keys))}", [value for key in keys for value in key]  # fmt: skip
    else:
        lists = ", ".join(f"unnest(?) AS k{number}" for number in range(len(columns)))
        same = " AND ".join(f"{table}.{column} = t.k{number}" for number, column in enumerate(columns))
        sql, params = f"DELETE FROM {table} USING (SELECT {lists}) t WHERE {same}", [list(column) for column in zip(*keys, strict=True)]  # fmt: skip
    con.execute(parsed(con, sql), params)


def replace(
    con: Connection, table: str, columns: Sequence[str], keys: Sequence[Sequence[Any]], values: Sequence[Sequence[Any]]
) -> None:  # fmt: skip
    """Deletes the rows with these values in these columns, and inserts others: few, mostly, as many."""
    delete(con, table, columns, keys)
    (insert_columns if len(values) <= _FEW else insert)(con, table, values)


def write_columns(con: Connection, sql: str, values: Sequence[Sequence[Any]]) -> int:
    """Executes a statement with the columns of some rows as lists, one text of it however many they are; nothing where there are none. Returns the number of rows changed."""
    if not values:
        return 0
    found = con.execute(parsed(con, sql), [list(column) for column in zip(*values, strict=True)]).fetchall()
    return int(found[0][0])


def insert_columns(con: Connection, table: str, values: Sequence[Sequence[Any]], conflict: str = "") -> None:
    """A few rows in one statement: half the price of an appender. `table` is a name of ours, never of data."""
    if values:
        lists = ", ".join(["unnest(?)"] * len(values[0]))
        write_columns(con, f"INSERT INTO {table} SELECT {lists} {conflict}", values)
