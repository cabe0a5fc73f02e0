"""Projects, data versions, schemas and quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_store.index.database import Connection, insert, insert_columns, write_columns
from mlops_store.index.payload import Data, integer, json_field, listed, maybe_text, text
from mlops_store.records import LedgerEntry


def _projects(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Projects added and removed; the last word on each counts, and one that was never added cannot be removed."""
    added: dict[str, list[Any]] = {}
    removed: dict[str, tuple[int, int]] = {}
    for entry in entries:
        name = text(entry.data, "name")
        if entry.verb == "project.add":
            added[name] = [name, text(entry.data, "dir"), entry.time, None, entry.seq]
            removed.pop(name, None)
        elif name in added:
            added[name][3:] = [entry.time, entry.seq]
        else:
            removed[name] = (entry.time, entry.seq)
    write_columns(
        con,
        "UPDATE projects SET removed = gone.at, seq = gone.seq "
        "FROM (SELECT unnest(?::VARCHAR[]) AS n, unnest(?::BIGINT[]) AS at, unnest(?::BIGINT[]) AS seq) AS gone WHERE projects.name = gone.n",
        [(name, *when) for name, when in removed.items()],
    )
    insert_columns(
        con,
        "projects",
        list(added.values()),
        "ON CONFLICT DO UPDATE SET dir = excluded.dir, added = excluded.added, removed = excluded.removed, seq = excluded.seq",
    )


def _admit(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    project, source, version = text(data, "project"), text(data, "source"), integer(data, "version")
    given = [file for file in listed(data, "files") if isinstance(file, dict)]
    files = _files_of_version(con, project, source, version, integer(data, "rows"), given)
    con.execute(
        "INSERT INTO data_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [project, source, version, text(data, "snapshot"), text(data, "manifest"), integer(data, "rows"), len(files),
         integer(data, "schema_version"), integer(data, "min_event_time"), integer(data, "max_event_time"), entry.time,
         maybe_text(data, "run_id"), entry.seq],
    )  # fmt: skip
    known = set(
        con.execute(
            "SELECT path, sha256 FROM batches WHERE project = ? AND source = ?", [project, source]
        ).fetchall()
    )
    insert(con, "version_files", [(project, source, version, *file) for file in files])
    run_id = maybe_text(data, "run_id")
    insert(
        con,
        "batches",
        [
            (project, source, file[0], file[1], version, *file[2:], run_id, entry.seq)
            for file in files
            if (file[0], file[1]) not in known
        ],
    )


_FILE_COLUMNS = 'path, sha256, "rows", bytes, stored, admitted, min_event_time, max_event_time'


def _file_row(file: Data) -> tuple[Any, ...]:
    return (
        text(file, "path"),
        text(file, "sha256"),
        integer(file, "rows"),
        integer(file, "bytes"),
        text(file, "stored"),
        integer(file, "admitted"),
        integer(file, "min_event_time"),
        integer(file, "max_event_time"),
    )


def _files_of_version(
    con: Connection, project: str, source: str, version: int | None, total: int | None, given: list[Data]
) -> list[tuple[Any, ...]]:
    """All files of a version. The payload names all of them or, as the row count tells, only those that are new in it:
    then the others are those of the version before, less the paths that were replaced."""
    new = [_file_row(file) for file in given]
    if total is None or version is None or sum(file[2] or 0 for file in new) >= total:
        return new
    before = con.execute(
        f"SELECT {_FILE_COLUMNS} FROM version_files WHERE project = ? AND source = ? AND version = "
        "(SELECT max(version) FROM data_versions WHERE project = ? AND source = ? AND version < ?) ORDER BY path, sha256",
        [project, source, project, source, version],
    ).fetchall()
    replaced = {file[0] for file in new}
    return [file for file in before if file[0] not in replaced] + new


def _quarantine(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    key = [text(data, "project"), text(data, "source"), text(data, "path"), text(data, "sha256")]
    con.execute(
        "DELETE FROM quarantine WHERE project = ? AND source = ? AND path = ? AND sha256 = ? AND state = 'HELD'",
        key,
    )
    con.execute(
        "INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'HELD', ?, NULL, NULL, ?)",
        [*key, integer(data, "bytes"), text(data, "reason"), text(data, "kept"), text(data, "rows_path"),
         json_field(data, "details"), entry.time, entry.seq],
    )  # fmt: skip


def _release(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "UPDATE quarantine SET state = ?, decided = ?, decided_by = ? "
        "WHERE project = ? AND source = ? AND sha256 = ? AND state = 'HELD'",
        ["DROPPED" if entry.verb == "data.drop" else "REDRIVEN", entry.time, entry.actor,
         text(data, "project"), text(data, "source"), text(data, "sha256")],
    )  # fmt: skip


def _schema(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO schemas VALUES (?, ?, ?, ?, ?, ?, ?)",
        [text(data, "project"), text(data, "source"), integer(data, "version"), json_field(data, "columns"),
         json_field(data, "diff"), entry.time, entry.seq],
    )  # fmt: skip


TOGETHER = {"project.add": _projects, "project.remove": _projects}
HANDLERS = {
    "project.add": lambda con, entry: _projects(con, [entry]),
    "project.remove": lambda con, entry: _projects(con, [entry]),
    "data.admit": _admit,
    "data.quarantine": _quarantine,
    "data.redrive": _release,
    "data.drop": _release,
    "schema.version": _schema,
}
