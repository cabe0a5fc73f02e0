"""Questions about proposals and policies. Proposals come as rows of the table, JSON columns as text."""

from __future__ import annotations

from typing import Any

from mlops_store.index.tx import Read, Tx

Row = dict[str, Any]

_ACTIVE = "state IN ('OPEN', 'SNOOZED', 'APPROVED', 'RUNNING')"


def find(db: Read | Tx, proposal_id: str) -> Row | None:
    """One proposal."""
    return db.one("SELECT * FROM proposals WHERE id = ?", [proposal_id])


def starting(db: Read | Tx, start: str, project: str | None) -> list[Row]:
    """Two at most of the proposals whose ids start with a text."""
    return db.rows(
        "SELECT * FROM proposals WHERE starts_with(id, ?) AND (? IS NULL OR project = ?) LIMIT 2",
        [start, project, project],
    )


def active(db: Read | Tx, project: str, model: str) -> Row | None:
    """The model's one proposal that is not over."""
    return db.one(
        f"SELECT * FROM proposals WHERE project = ? AND model = ? AND {_ACTIVE} ORDER BY created DESC LIMIT 1",
        [project, model],
    )


def active_anywhere(db: Read | Tx, model: str) -> list[Row]:
    """The same for the models of this name in all projects."""
    return db.rows(f"SELECT * FROM proposals WHERE model = ? AND {_ACTIVE}", [model])


def newest(db: Read | Tx, project: str | None, model: str) -> Row | None:
    """The model's last proposal, also one that is over."""
    return db.one(
        "SELECT * FROM proposals WHERE model = ? AND (? IS NULL OR project = ?) ORDER BY created DESC LIMIT 1",
        [model, project, project],
    )


def policy(db: Read | Tx, project: str, model: str) -> Row | None:
    """{auto_approve, auto_promote} of a model; None where no policy was ever set."""
    return db.one(
        "SELECT auto_approve, auto_promote FROM policies WHERE project = ? AND model = ?", [project, model]
    )
