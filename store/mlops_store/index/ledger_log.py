"""Questions about the ledger itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.index.filter_sql import Sql
from mlops_store.index.tx import Read, Tx

Row = dict[str, Any]

_ENTRY = "seq, time, actor, verb, subject, data, why, more"


def of_project(project: str) -> Sql:
    """The entries of a project: some name a run or a card, which belong to it, instead of the project itself."""
    return (
        "(data ->> '$.project' = ? OR (starts_with(verb, 'project.') AND subject = ?) "
        "OR data ->> '$.run_id' IN (SELECT run_id FROM runs WHERE project = ?) "
        "OR data ->> '$.id' IN (SELECT id FROM proposals WHERE project = ?))"
    ), [project] * 4


def of_verb(verb: str) -> Sql:
    """The entries of a verb, or of all verbs of a noun."""
    return "(verb = ? OR starts_with(verb, ? || '.'))", [verb] * 2


def head(db: Read | Tx) -> int:
    """The sequence number of the newest entry; 0 where there is none."""
    return int(db.rows("SELECT coalesce(max(seq), 0) AS seq FROM ledger")[0]["seq"])


def entry(db: Read | Tx, seq: int) -> Row | None:
    """One entry, `data` as data; `more` says that the next one is of the same command."""
    row = db.one(f"SELECT {_ENTRY} FROM ledger WHERE seq = ?", [seq])
    return _decoded(row) if row else None


def command_of(db: Read | Tx, seq: int, verb: str) -> list[Row]:
    """The entries of a verb among those that were made by the same command as entry `seq`, in order."""
    found = db.rows(
        f"SELECT {_ENTRY} FROM ledger WHERE verb = ? AND seq BETWEEN "
        "(SELECT coalesce(max(seq), 0) + 1 FROM ledger WHERE seq < ? AND NOT more) AND "
        "(SELECT min(seq) FROM ledger WHERE seq >= ? AND NOT more) ORDER BY seq",
        [verb, seq, seq],
    )
    return [_decoded(row) for row in found]


def decisions(
    db: Read | Tx, actor: str, verbs: Sequence[str], project: str | None, before: int, limit: int
) -> list[Row]:
    """At most `limit` entries of an actor and some verbs from below sequence `before`, newest first."""
    where, params = ("true", []) if project is None else of_project(project)
    found = db.rows(
        f"SELECT {_ENTRY} FROM ledger WHERE actor = ? AND verb IN (SELECT unnest(?::VARCHAR[])) AND seq < ? AND {where} "
        "ORDER BY seq DESC LIMIT ?",
        [actor, list(verbs), before, *params, limit],
    )
    return [_decoded(row) for row in found]


def undoings(db: Read | Tx) -> dict[int, int]:
    """Sequence number of an entry that undoes → of the one that it undoes."""
    found = db.rows(
        "SELECT seq, TRY_CAST(data ->> '$.undoes' AS BIGINT) AS undoes FROM ledger WHERE contains(data::VARCHAR, '\"undoes\"')"
    )
    return {row["seq"]: row["undoes"] for row in found if row["undoes"] is not None}


def undone(db: Read | Tx) -> tuple[set[int], dict[int, int]]:
    """The entries that were taken back, and whose taking back was not taken back itself; and `undoings`."""
    by = undoings(db)
    gone: set[int] = set()
    for seq, undoes in sorted(by.items(), reverse=True):  # who undoes comes later than what is undone
        if seq not in gone:
            gone.add(undoes)
    return gone, by


def _decoded(row: Row) -> Row:
    return {**row, "data": msgspec.json.decode(row["data"])}
