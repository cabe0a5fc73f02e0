"""Questions about the ledger itself."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.index.tx import Read, Tx

# some entries name a run or a card, which belong to a project, instead of the project itself
_OF_PROJECT = (
    "(data ->> '$.project' = ? OR (starts_with(verb, 'project.') AND subject = ?) "
    "OR data ->> '$.run_id' IN (SELECT run_id FROM runs WHERE project = ?) "
    "OR data ->> '$.id' IN (SELECT id FROM proposals WHERE project = ?))"
)


def page(
    read: Read,
    *,
    verb: str | None = None,
    subject: str | None = None,
    actor: str | None = None,
    project: str | None = None,
    before: int,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` entries from below sequence `before`, newest first, `data` as data. `verb` may be a noun, for all its verbs."""
    where, params = ["seq < ?"], [before]
    conditions: list[tuple[str, Any]] = [
        ("subject = ?", subject),
        ("actor = ?", actor),
        (_OF_PROJECT, project),
        ("(verb = ? OR starts_with(verb, ? || '.'))", verb),
    ]
    for text, value in conditions:
        if value is not None:
            where.append(text)
            params += [value] * text.count("?")
    found = read.rows(
        "SELECT seq, time, actor, verb, subject, data, why, hash FROM ledger "
        f"WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?",
        [*params, limit],
    )
    return [{**row, "data": msgspec.json.decode(row["data"])} for row in found]


def head(db: Read | Tx) -> int:
    """The sequence number of the newest entry; 0 where there is none."""
    return int(db.rows("SELECT coalesce(max(seq), 0) AS seq FROM ledger")[0]["seq"])
