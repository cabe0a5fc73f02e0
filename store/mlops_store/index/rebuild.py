"""The index made anew from the truth, and two indexes compared: what was built step by step and what is built at once are the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from mlops_store.atomic import fsync_dir
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import RUN_ID
from mlops_store.index.database import Connection, Database
from mlops_store.index.ingest import Ingest
from mlops_store.index.writer import replay
from mlops_store.ledger import read_entries
from mlops_store.records import LedgerEntry
from mlops_store.run_folder import RunFolder, run_folders

_ENTRIES = 2000
_FOLDERS = 500


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild read."""

    entries: int
    runs: int


def begun_only(home: Home, submitted: Collection[str]) -> set[str]:
    """Runs whose maker died, or still is at it: there is word of them in the inbox, but their folder is not whole, or the ledger
    (`submitted`: all that it has) does not know them. They are no runs yet, and a daemon takes them up or removes them."""
    if not home.inbox.is_dir():
        return set()
    # empty word is that of somebody who brought a folder here: whole, whoever made it
    told = {path.name for path in home.inbox.iterdir() if RUN_ID.match(path.name) and path.stat().st_size}
    return {run_id for run_id in told - set(submitted) if not _is_script(RunFolder(home.run_dir(run_id)))}


def _is_script(folder: RunFolder) -> bool:
    try:
        return folder.spec().kind == "sdk"
    except FileNotFoundError:
        return False
    except msgspec.DecodeError:
        return True  # a damaged record is told of as such


def build(home: Home, target: Path, progress: Callable[[str, int], None] | None = None) -> Rebuilt:
    """Writes a fresh index to `target` (which must not exist) from ledger and run folders. `progress` gets a word and a count."""
    say = progress or (lambda _what, _count: None)
    database = Database.open(target)
    try:
        con = database.cursor()
        try:
            entries = _build_ledger(con, home, say)
            runs = _build_runs(con, home, say)
        finally:
            con.close()
        database.checkpoint()
    finally:
        database.close()
    return Rebuilt(entries, runs)


def rebuild(home: Home, progress: Callable[[str, int], None] | None = None) -> Rebuilt:
    """Replaces the index by a fresh one, atomically: until the rename the old one stands. No daemon may run.

    Raises Problem `index_locked` where a process has the index open.
    """
    _require_unlocked(home.index)
    fresh = home.index.with_name("rebuild.duckdb")
    _remove(fresh)
    home.index.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        result = build(home, fresh, progress)
        # the old log goes first: left beside the new file it would be replayed into it
        home.index.with_name(home.index.name + ".wal").unlink(missing_ok=True)
        os.replace(fresh, home.index)
        fsync_dir(home.index.parent)
    finally:
        _remove(fresh)
    return result


def compare(a: Database, b: Database) -> list[str]:
    """The differences between two indexes, one line each, table by table; empty where they are the same."""
    left, right = a.cursor(), b.cursor()
    try:
        names = _tables(left)
        if names != _tables(right):
            return [f"tables differ: {sorted(set(names) ^ set(_tables(right)))}"]
        return [line for name in names for line in _compare_table(name, left, right)]
    finally:
        left.close()
        right.close()


# --- inside ---


def _build_ledger(con: Connection, home: Home, say: Callable[[str, int], None]) -> int:
    pending: list[LedgerEntry] = []
    count = 0

    def flush() -> None:
        if not pending:
            return
        con.execute("BEGIN")
        replay(con, pending)
        con.execute("COMMIT")
        pending.clear()
        say("ledger entries", count)

    for entry in read_entries(home.ledger):
        pending.append(entry)
        count += 1
        if len(pending) >= _ENTRIES and not entry.more:
            flush()
    flush()
    return count


def _build_runs(con: Connection, home: Home, say: Callable[[str, int], None]) -> int:
    ingest = Ingest(home)
    folders = whole_folders(home, con)
    for start in range(0, len(folders), _FOLDERS):
        part = folders[start : start + _FOLDERS]
        while True:
            ingest.take(con, part)
            if not ingest.more:
                break
        for folder in part:
            ingest.release(folder.name)
        say("runs", start + len(part))
    return len(folders)


def whole_folders(home: Home, con: Connection) -> list[Path]:
    """The folders of all runs, without those that are only begun; the index has the ledger."""
    known = con.execute("SELECT run_id FROM runs WHERE submitted IS NOT NULL").fetchall()
    begun = begun_only(home, {row[0] for row in known})
    return [folder for folder in run_folders(home) if folder.name not in begun]


def _require_unlocked(path: Path) -> None:
    """Opens and closes the old index, as only that tells whether a process has it; a damaged one is no obstacle."""
    if not path.exists():
        return
    try:
        Database.open(path, readonly=True).close()
    except Problem as problem:
        if problem.code == "index_locked":
            raise


def _remove(path: Path) -> None:
    for name in (path, path.with_name(path.name + ".wal")):
        name.unlink(missing_ok=True)


def _tables(con: Connection) -> list[str]:
    found = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_name"
    ).fetchall()
    return [row[0] for row in found]


def _compare_table(name: str, left: Connection, right: Connection) -> list[str]:
    """Compares the rows as sets with counts, in a fixed order: row order in a file means nothing."""
    columns = [
        row[0]
        for row in left.execute(
            "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND NOT internal ORDER BY column_index",
            [name],
        ).fetchall()
    ]
    listed = ", ".join(f'"{column}"' for column in columns)
    query = f'SELECT {listed} FROM "{name}" ORDER BY ALL'
    try:
        a, b = left.execute(query), right.execute(query)
    except duckdb.Error as error:
        return [f"{name}: cannot be compared: {str(error).splitlines()[0]}"]
    number = 0
    while True:
        one, two = a.fetchmany(10_000), b.fetchmany(10_000)
        for x, y in zip(one, two, strict=False):
            number += 1
            if repr(x) != repr(y):  # repr: NaN equals itself
                return _drain(
                    a,
                    b,
                    f"{name}: row {number} is {_short(columns, x)} in one and {_short(columns, y)} in the other",
                )
        if len(one) != len(two):
            return _drain(a, b, f"{name}: the number of rows differs")
        if not one:
            return []


def _drain(a: Connection, b: Connection, line: str) -> list[str]:
    """Reads open results to their end: an open one owns its connection."""
    a.fetchall()
    b.fetchall()
    return [line]


def _short(columns: list[str], row: tuple[object, ...]) -> str:
    text = ", ".join(f"{name}={value!r}" for name, value in zip(columns, row, strict=True))
    return text if len(text) <= 300 else text[:297] + "..."
