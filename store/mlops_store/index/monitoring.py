"""Questions behind `monitor`: what drift runs, gates, evaluations and the checks of files have recorded. JSON columns come as text."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read

Row = dict[str, Any]

_OF = "(? IS NULL OR project = ?)"


def sources(read: Read, project: str | None) -> list[Row]:
    """The newest version of every source: the columns of data_versions, and `held`, files that wait in the quarantine."""
    return read.rows(
        "SELECT d.*, (SELECT count(*) FROM quarantine q WHERE q.project = d.project AND q.source = d.source AND q.state = 'HELD') AS held "
        "FROM (SELECT * FROM data_versions QUALIFY row_number() OVER (PARTITION BY project, source ORDER BY version DESC) = 1) d "
        "WHERE (? IS NULL OR d.project = ?) ORDER BY d.project, d.source",
        [project, project],
    )


def models(read: Read, project: str | None) -> list[Row]:
    """Every model with the version that new data are held against, the champion or else the newest: {project, model, metric, direction,
    version, serves, spine, pins}."""
    return read.rows(
        "SELECT m.project, m.model, m.metric, m.direction, v.version, a.version IS NOT NULL AS serves, v.pins, "
        "coalesce(v.manifest ->> '$.training.source', v.manifest ->> '$.source') AS spine, v.run_id, v.metrics, v.created, v.gate, v.verdict, "
        "v.manifest FROM models m LEFT JOIN aliases a ON a.project = m.project AND a.model = m.model AND a.alias = 'champion' "
        "JOIN model_versions v ON v.project = m.project AND v.model = m.model AND v.version = coalesce(a.version, "
        "(SELECT max(n.version) FROM model_versions n WHERE n.project = m.project AND n.model = m.model)) "
        "WHERE (? IS NULL OR m.project = ?) ORDER BY m.project, m.model",
        [project, project],
    )


def looked(read: Read, project: str | None) -> list[Row]:
    """For each (project, model): {looks, alarms, looked (ms), source} over all its drift runs."""
    return read.rows(
        "SELECT project, model, count(*) AS looks, count(*) FILTER (alarm) AS alarms, max(created) AS looked, "
        f"arg_max(source, row(created, run_id)) AS source FROM drift WHERE {_OF} GROUP BY project, model",
        [project, project],
    )


def looks(read: Read, project: str, model: str, limit: int) -> list[Row]:
    """The newest drift runs of a model, oldest first: {run_id, created, champion_version, json}."""
    return read.rows(
        "SELECT run_id, created, champion_version, json FROM (SELECT * FROM drift WHERE project = ? AND model = ? "
        "ORDER BY created DESC, run_id DESC LIMIT ?) ORDER BY created, run_id",
        [project, model, limit],
    )


def newest_looks(read: Read, project: str | None) -> list[Row]:
    """The newest drift run of each (project, model, version looked at): {project, model, champion_version, json}."""
    return read.rows(
        f"SELECT project, model, champion_version, json FROM drift WHERE {_OF} "
        "QUALIFY row_number() OVER (PARTITION BY project, model, champion_version ORDER BY created DESC, run_id DESC) = 1",
        [project, project],
    )


def first_versions(read: Read, project: str, source: str) -> dict[str, int]:
    """sha256 of a file → the first data version with it."""
    found = read.rows(
        "SELECT sha256, min(version) AS version FROM batches WHERE project = ? AND source = ? GROUP BY sha256",
        [project, source],
    )
    return {row["sha256"]: row["version"] for row in found}


def registered(read: Read, project: str, model: str) -> list[Row]:
    """All versions of a model, oldest first: {version, run_id, created, metric, metrics, gate, verdict}."""
    return read.rows(
        "SELECT version, run_id, created, metric, metrics, gate, verdict FROM model_versions WHERE project = ? AND model = ? ORDER BY version",
        [project, model],
    )


def evaluations(read: Read, project: str, model: str, limit: int) -> list[Row]:
    """The newest evaluation runs of a model, oldest first."""
    return read.rows(
        "SELECT * FROM (SELECT * FROM evaluations WHERE project = ? AND model = ? ORDER BY created DESC, run_id DESC LIMIT ?) "
        "ORDER BY created, run_id",
        [project, model, limit],
    )


def versions(read: Read, project: str, source: str, limit: int) -> list[Row]:
    """The newest versions of a source, newest first, with `total`, the number of all."""
    return read.rows(
        "SELECT *, count(*) OVER () AS total FROM data_versions WHERE project = ? AND source = ? ORDER BY version DESC LIMIT ?",
        [project, source, limit],
    )


def refused(read: Read, project: str, source: str, limit: int) -> list[Row]:
    """The newest files of a source that were not admitted, newest first: {path, reason, state, created, total, held}."""
    return read.rows(
        "SELECT path, reason, state, created, count(*) OVER () AS total, count(*) FILTER (state = 'HELD') OVER () AS held "
        "FROM quarantine WHERE project = ? AND source = ? ORDER BY seq DESC LIMIT ?",
        [project, source, limit],
    )


def moves(read: Read, project: str, model: str, limit: int) -> list[Row]:
    """The newest moves of the champion, in order: {seq, time, actor, from_version, to_version, rollback, why}."""
    return read.rows(
        'SELECT seq, time, actor, from_version, to_version, "rollback", why FROM (SELECT * FROM alias_moves WHERE project = ? AND model = ? '
        "AND alias = 'champion' ORDER BY seq DESC LIMIT ?) ORDER BY seq",
        [project, model, limit],
    )
