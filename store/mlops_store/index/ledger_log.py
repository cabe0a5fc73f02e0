"""Questions about the ledger itself."""

from __future__ import annotations

from mlops_store.index.filter_sql import Sql
from mlops_store.index.tx import Read, Tx


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
