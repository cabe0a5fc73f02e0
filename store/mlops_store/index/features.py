"""Questions about feature views: pages, versions, and who uses them."""

from __future__ import annotations

from mlops_store.index.models import Row, decoded
from mlops_store.index.tx import Read, Tx


def versions(db: Read | Tx, view: str, project: str | None) -> list[Row]:
    """All versions of the views of this name, by project and version; `record` is decoded."""
    found = db.rows(
        "SELECT * FROM views WHERE view = ? AND (? IS NULL OR project = ?) ORDER BY project, version",
        [view, project, project],
    )
    return [decoded(row, "record") for row in found]


def newest(db: Read | Tx, project: str | None) -> list[Row]:
    """The newest version of every view; `record` is decoded."""
    found = db.rows(
        "SELECT * FROM views WHERE ? IS NULL OR project = ? "
        "QUALIFY row_number() OVER (PARTITION BY project, view ORDER BY version DESC) = 1 ORDER BY project, view",
        [project, project],
    )
    return [decoded(row, "record") for row in found]


def users(read: Read, project: str, view: str, version: int) -> list[Row]:
    """The model versions whose feature service names this version of a view: {model, version, created}."""
    found = read.rows(
        "SELECT model, version, created, feature_service FROM model_versions WHERE project = ? ORDER BY model, version",
        [project],
    )
    start = f"{view}@{version}:"
    return [
        {"model": row["model"], "version": row["version"], "created": row["created"]}
        for row in found
        if any(
            str(entry).startswith(start) for entry in decoded(row, "feature_service")["feature_service"] or []
        )
    ]
