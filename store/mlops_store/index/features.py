"""Questions about feature views."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.runs import Rows


def views(read: Rows, project: str | None = None, *, all_versions: bool = False) -> list[dict[str, Any]]:
    """Feature views with their records as data: the newest version of each, or all."""
    newest = (
        ""
        if all_versions
        else "QUALIFY row_number() OVER (PARTITION BY project, view ORDER BY version DESC) = 1 "
    )
    found = read.rows(
        f"SELECT project, view, version, definition, source, record, created FROM views WHERE (? IS NULL OR project = ?) {newest}"
        "ORDER BY project, view, version DESC",
        [project, project],
    )
    return [{**row, "record": msgspec.json.decode(row["record"] or "null")} for row in found]


def used_by(read: Rows, project: str, view: str) -> list[dict[str, Any]]:
    """The model versions whose feature service names a feature of this view."""
    return read.rows(
        "SELECT model, version, feature FROM (SELECT model, version, unnest(from_json(feature_service, '[\"VARCHAR\"]')) AS feature "
        "FROM model_versions WHERE project = ?) WHERE starts_with(feature, ? || '@') ORDER BY model, version, feature",
        [project, view],
    )
