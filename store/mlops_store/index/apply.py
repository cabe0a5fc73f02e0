"""A ledger entry becomes rows. Total: what was accepted into the ledger can always be applied, in the same way every time.

Nothing here looks at the clock, the disk or the order of ingestion: the index is a function of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mlops_store.index import apply_care, apply_data, apply_marks, apply_models, apply_proposals, apply_runs
from mlops_store.index.database import Connection, insert
from mlops_store.index.payload import json_text
from mlops_store.records import LedgerEntry

Handler = Callable[[Connection, LedgerEntry], None]

HANDLERS: dict[str, Handler] = {
    **apply_data.HANDLERS,
    **apply_runs.HANDLERS,
    **apply_care.HANDLERS,
    **apply_marks.HANDLERS,
    **apply_models.HANDLERS,
    **apply_proposals.HANDLERS,
}


def apply(con: Connection, entry: LedgerEntry) -> None:
    """The effect of one entry on the tables of its noun. An unknown verb has none: it is only recorded."""
    handler = HANDLERS.get(entry.verb)
    if "origin" in entry.data:
        apply_care.imported(con, entry, handler)
    elif handler is not None:
        handler(con, entry)


def record(con: Connection, entries: Iterable[LedgerEntry]) -> None:
    """The entries themselves, as they are on disk."""
    insert(
        con,
        "ledger",
        [
            (e.seq, e.time, e.actor, e.verb, e.subject, json_text(e.data), e.why, e.key, e.more, e.hash)
            for e in entries
        ],
    )


def remember(con: Connection, entries: Iterable[LedgerEntry]) -> None:
    """Stores the replies of commands under their idempotency keys; the first one holds."""
    first: dict[str, LedgerEntry] = {}
    for entry in entries:
        if entry.key:
            first.setdefault(entry.key, entry)
    if first:
        con.execute(
            "INSERT INTO keys SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]) ON CONFLICT DO NOTHING",
            [list(first), [e.seq for e in first.values()], [json_text(e.reply) for e in first.values()]],
        )
