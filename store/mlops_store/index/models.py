"""Questions about models, versions, aliases and verdicts, also as of an earlier time."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.runs import Rows

_JSON = ("metrics", "gate", "feature_service", "manifest", "pins")


def listed(read: Rows, project: str | None = None, as_of: int | None = None) -> list[dict[str, Any]]:
    """Models in the shape of the contract, by project and name. `as_of` (UTC ms) shows what held then."""
    models = read.rows(
        "SELECT project, model, metric, direction FROM models WHERE (? IS NULL OR project = ?) AND (? IS NULL OR created <= ?) "
        "ORDER BY project, model",
        [project, project, as_of, as_of],
    )
    return [_shape(read, row, as_of) for row in models]


def shown(read: Rows, project: str, model: str, as_of: int | None = None) -> dict[str, Any] | None:
    """One model in the shape of the contract; None where there is none."""
    found = read.rows(
        "SELECT project, model, metric, direction FROM models WHERE project = ? AND model = ? AND (? IS NULL OR created <= ?)",
        [project, model, as_of, as_of],
    )
    return _shape(read, found[0], as_of) if found else None


def aliases(read: Rows, project: str, model: str, as_of: int | None = None) -> dict[str, int]:
    """Alias → version. By ledger sequence, whose times never fall: the last move not later than `as_of` holds."""
    found = read.rows(
        "SELECT alias, arg_max(coalesce(to_version, -1), seq) AS version FROM alias_moves "
        "WHERE project = ? AND model = ? AND (? IS NULL OR time <= ?) GROUP BY alias ORDER BY alias",
        [project, model, as_of, as_of],
    )
    return {row["alias"]: row["version"] for row in found if row["version"] >= 0}


def version(read: Rows, project: str, model: str, number: int) -> dict[str, Any] | None:
    """All that is recorded of one version, JSON as data; None where there is none."""
    found = read.rows(
        "SELECT * FROM model_versions WHERE project = ? AND model = ? AND version = ?",
        [project, model, number],
    )
    if not found:
        return None
    return {name: _data(value) if name in _JSON else value for name, value in found[0].items()}


def history(read: Rows, project: str, model: str) -> list[dict[str, Any]]:
    """Alias moves, newest first, with the verdict that each was made on."""
    return read.rows(
        'SELECT m.seq, m.time, m.actor, m.alias, m.from_version, m.to_version, m.verdict_id, m.why, m."rollback", '
        "(SELECT arg_max(v.verdict, v.seq) FROM verdicts v WHERE v.project = m.project AND v.model = m.model AND v.verdict_id = m.verdict_id) AS verdict "
        "FROM alias_moves m WHERE m.project = ? AND m.model = ? ORDER BY m.seq DESC",
        [project, model],
    )


def looks(read: Rows, project: str, model: str) -> dict[str, int]:
    """Evaluation key → number of looks taken."""
    found = read.rows(
        "SELECT evaluation_key, max(look) AS n FROM looks WHERE project = ? AND model = ? GROUP BY evaluation_key ORDER BY 1",
        [project, model],
    )
    return {row["evaluation_key"]: row["n"] for row in found}


def waivers(read: Rows, project: str, model: str, at: int) -> list[dict[str, Any]]:
    """The waivers that hold at a time (UTC ms)."""
    return read.rows(
        'SELECT version, verdict_id, "check", name, reason, expires, created FROM waivers '
        "WHERE project = ? AND model = ? AND created <= ? AND (expires IS NULL OR expires > ?) ORDER BY seq",
        [project, model, at, at],
    )


def _shape(read: Rows, row: dict[str, Any], as_of: int | None) -> dict[str, Any]:
    versions = read.rows(
        "SELECT version, run_id, metrics, verdict, created FROM model_versions WHERE project = ? AND model = ? AND (? IS NULL OR created <= ?) "
        "ORDER BY version",
        [row["project"], row["model"], as_of, as_of],
    )
    return {
        "name": row["model"],
        "project": row["project"],
        "metric": row["metric"],
        "direction": row["direction"],
        "aliases": aliases(read, row["project"], row["model"], as_of),
        "versions": [{**found, "metrics": _data(found["metrics"])} for found in versions],
    }


def _data(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
