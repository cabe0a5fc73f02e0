"""Questions about data versions, batches, schemas and quarantine."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.runs import Rows

_SHAPE = 'project, source, version, snapshot, "rows", files, min_event_time, max_event_time, created, schema_version, manifest, run_id'


def versions(
    read: Rows,
    project: str | None = None,
    source: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """Data versions in the shape of the contract, newest first. `before` is the ledger sequence (`seq`) of the last row of the page before."""
    return read.rows(
        f"SELECT {_SHAPE}, seq FROM data_versions WHERE (? IS NULL OR project = ?) AND (? IS NULL OR source = ?) AND (? IS NULL OR seq < ?) "
        "ORDER BY seq DESC LIMIT ?",
        [project, project, source, source, before, before, limit],
    )


def latest(read: Rows, project: str, source: str, as_of: int | None = None) -> dict[str, Any] | None:
    """The newest version of a source, or the newest admitted not later than `as_of` (UTC ms)."""
    found = read.rows(
        f"SELECT {_SHAPE} FROM data_versions WHERE project = ? AND source = ? AND (? IS NULL OR created <= ?) ORDER BY version DESC LIMIT 1",
        [project, source, as_of, as_of],
    )
    return found[0] if found else None


def files(read: Rows, project: str, source: str, version: int) -> list[dict[str, Any]]:
    """The files of a version, by path."""
    return read.rows(
        'SELECT path, sha256, "rows", bytes, stored, admitted, min_event_time, max_event_time FROM version_files '
        "WHERE project = ? AND source = ? AND version = ? ORDER BY path, sha256",
        [project, source, version],
    )


def file_changes(
    read: Rows, project: str, source: str, before: int, after: int
) -> dict[str, list[dict[str, Any]]]:
    """Files that version `after` has and `before` has not (`added`), and the other way round (`removed`)."""

    def only(mine: int, other: int) -> list[dict[str, Any]]:
        return read.rows(
            'SELECT a.path, a.sha256, a."rows" FROM version_files a WHERE a.project = ? AND a.source = ? AND a.version = ? AND NOT EXISTS ('
            "SELECT 1 FROM version_files b WHERE b.project = a.project AND b.source = a.source AND b.version = ? AND b.path = a.path "
            "AND b.sha256 = a.sha256) ORDER BY a.path",
            [project, source, mine, other],
        )

    return {"added": only(after, before), "removed": only(before, after)}


def schemas(read: Rows, project: str, source: str) -> list[dict[str, Any]]:
    """Schema versions with their columns and the diff to the one before."""
    found = read.rows(
        "SELECT version, columns, diff, created FROM schemas WHERE project = ? AND source = ? ORDER BY version",
        [project, source],
    )
    return [{**row, "columns": _data(row["columns"]), "diff": _data(row["diff"])} for row in found]


def quarantine(
    read: Rows, project: str | None = None, source: str | None = None, *, all_states: bool = False
) -> list[dict[str, Any]]:
    """What was delivered but not admitted, newest first; only what still waits for a decision, unless `all_states`."""
    found = read.rows(
        "SELECT * FROM quarantine WHERE (? IS NULL OR project = ?) AND (? IS NULL OR source = ?) AND (? OR state = 'HELD') ORDER BY seq DESC",
        [project, project, source, source, all_states],
    )
    return [{**row, "details": _data(row["details"]) or []} for row in found]


def _data(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
