"""Questions about proposals, firings and policies."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.runs import Rows

ACTIVE = ("OPEN", "SNOOZED", "APPROVED", "RUNNING")
_JSON = ("reasons", "evidence", "pins", "data")


def listed(
    read: Rows,
    project: str | None = None,
    state: str | None = None,
    limit: int = 100,
    after: str | None = None,
) -> list[dict[str, Any]]:
    """Proposals in the shape of the contract, newest first; `after` is the id of the last one of the page before."""
    found = read.rows(
        "SELECT * FROM proposals WHERE (? IS NULL OR project = ?) AND (? IS NULL OR state = ?) AND (? IS NULL OR "
        "(created, id) < (SELECT (p.created, p.id) FROM proposals p WHERE p.id = ?)) ORDER BY created DESC, id DESC LIMIT ?",
        [project, project, state, state, after, after, limit],
    )
    return [_shape(row) for row in found]


def shown(read: Rows, proposal_id: str) -> dict[str, Any] | None:
    """One proposal with its firings; None where there is none."""
    found = read.rows("SELECT * FROM proposals WHERE id = ?", [proposal_id])
    return {**_shape(found[0]), "firings": firings(read, proposal_id)} if found else None


def active(read: Rows, project: str, model: str) -> dict[str, Any] | None:
    """The one open, snoozed, approved or running proposal of a model."""
    found = read.rows(
        "SELECT * FROM proposals WHERE project = ? AND model = ? AND state IN (SELECT unnest(?::VARCHAR[])) ORDER BY seq DESC LIMIT 1",
        [project, model, list(ACTIVE)],
    )
    return _shape(found[0]) if found else None


def firings(read: Rows, proposal_id: str) -> list[dict[str, Any]]:
    """The firings of a proposal, oldest first."""
    found = read.rows(
        "SELECT firing_id, rule, kind, inputs, time, seq FROM firings WHERE proposal_id = ? ORDER BY seq",
        [proposal_id],
    )
    return [{**row, "inputs": msgspec.json.decode(row["inputs"])} for row in found]


def policy(read: Rows, project: str, model: str) -> dict[str, Any] | None:
    """The policy set for a model; None where none was ever set."""
    found = read.rows(
        "SELECT auto_approve, auto_promote, changed, changed_by FROM policies WHERE project = ? AND model = ?",
        [project, model],
    )
    return found[0] if found else None


def _shape(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.json.decode(value) if name in _JSON and value is not None else value
        for name, value in row.items()
    }
