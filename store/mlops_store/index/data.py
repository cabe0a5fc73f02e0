"""Questions about data versions, their files and schemas, and the quarantine."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.tx import Read, Tx

Row = dict[str, Any]

_VERSIONS = (
    "SELECT d.*, (SELECT count(*) FROM quarantine q WHERE q.project = d.project AND q.source = d.source AND q.state = 'HELD') AS held "
    "FROM data_versions d WHERE (? IS NULL OR d.project = ?) AND (? IS NULL OR d.source = ?) "
)


def find(db: Read | Tx, project: str | None, source: str, version: int | None) -> list[Row]:
    """The versions of sources of this name, or the one of this number, newest first; as those of `page`."""
    return db.rows(
        f"{_VERSIONS} AND (? IS NULL OR d.version = ?) ORDER BY d.version DESC",
        [project, project, source, source, version, version],
    )


def exists(db: Read | Tx, project: str, source: str, version: int) -> bool:
    """Whether a source has this version."""
    return (
        db.one(
            "SELECT 1 AS found FROM data_versions WHERE project = ? AND source = ? AND version = ?",
            [project, source, version],
        )
        is not None
    )


def between(db: Read | Tx, project: str, source: str, after: int, until: int) -> list[Row]:
    """The versions that follow `after`, up to `until`."""
    return db.rows(
        "SELECT * FROM data_versions WHERE project = ? AND source = ? AND version > ? AND version <= ? ORDER BY version",
        [project, source, after, until],
    )


def sources(db: Read | Tx, project: str | None) -> list[str]:
    """The names of the sources that have data."""
    found = db.rows(
        "SELECT DISTINCT source FROM data_versions WHERE ? IS NULL OR project = ? ORDER BY source",
        [project, project],
    )
    return [row["source"] for row in found]


def files(db: Read | Tx, project: str, source: str, version: int) -> list[Row]:
    """The files of a version, in order of event time."""
    return db.rows(
        "SELECT * FROM version_files WHERE project = ? AND source = ? AND version = ? ORDER BY min_event_time NULLS LAST, path",
        [project, source, version],
    )


def columns(db: Read | Tx, project: str, source: str, schema_version: int) -> list[Row]:
    """The columns by a version of the schema; empty where there is none."""
    found = db.one(
        "SELECT columns FROM schemas WHERE project = ? AND source = ? AND version <= ? ORDER BY version DESC LIMIT 1",
        [project, source, schema_version],
    )
    decoded: list[Row] = msgspec.json.decode(found["columns"] or "[]") if found else []
    return decoded


def held(db: Read | Tx, project: str | None, wanted: str) -> list[Row]:
    """The waiting files whose sha256 starts with a text, or whose path it is, newest first."""
    return db.rows(
        "SELECT * FROM quarantine WHERE state = 'HELD' AND (? IS NULL OR project = ?) AND (starts_with(sha256, ?) OR path = ?) "
        "ORDER BY seq DESC",
        [project, project, wanted.lower(), wanted],
    )


def held_of(db: Read | Tx, project: str, source: str) -> list[Row]:
    """The waiting files of a source, newest first."""
    return db.rows(
        "SELECT * FROM quarantine WHERE state = 'HELD' AND project = ? AND source = ? ORDER BY seq DESC",
        [project, source],
    )
