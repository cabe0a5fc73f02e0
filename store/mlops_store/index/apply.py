"""A ledger entry becomes rows. Total: what was accepted into the ledger can always be applied, in the same way every time.

Nothing here looks at the clock, the disk or the order of ingestion: the index is a function of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mlops_store.index import (
    apply_care,
    apply_data,
    apply_marks,
    apply_models,
    apply_proposals,
    apply_runs,
)
from mlops_store.index.database import Connection, insert_columns
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

TOGETHER = {**apply_data.TOGETHER, **apply_marks.TOGETHER}
"""Verbs of which many entries are applied at once. What one of the handlers changes, no other one reads or changes: their order does not matter."""


def apply(con: Connection, entry: LedgerEntry) -> None:
    """The effect of one entry on the tables of its noun. An unknown verb has none: it is only recorded."""
    handler = HANDLERS.get(entry.verb)
    if "origin" in entry.data:
        apply_care.imported(con, entry, handler)
    elif handler is not None:
        handler(con, entry)


def apply_all(con: Connection, entries: Iterable[LedgerEntry]) -> None:
    """The effects of entries in order: the same rows as one by one. Neighbours that may be taken together are."""
    together: list[LedgerEntry] = []
    for entry in entries:
        if entry.verb in TOGETHER and "origin" not in entry.data:
            together.append(entry)
            continue
        _apply_together(con, together)
        together = []
        apply(con, entry)
    _apply_together(con, together)


def _apply_together(con: Connection, entries: Iterable[LedgerEntry]) -> None:
    by_handler: dict[Callable[[Connection, Sequence[LedgerEntry]], None], list[LedgerEntry]] = {}
    for entry in entries:
        by_handler.setdefault(TOGETHER[entry.verb], []).append(entry)
    for handler, own in by_handler.items():
        handler(con, own)


def newest(con: Connection) -> tuple[int, str]:
    """Sequence number and hash of the newest entry that the index has; 0 and nothing where it has none."""
    found = con.execute("SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1").fetchall()
    return found[0] if found else (0, "")


def record(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """The entries themselves, as they are on disk."""
    insert_columns(
        con,
        "ledger",
        [
            (
                e.seq,
                e.time,
                e.actor,
                e.verb,
                e.subject,
                json_text(e.data),
                e.why,
                e.key,
                e.more,
                e.hash,
                json_text(e.reply) if e.key else None,
            )
            for e in entries
        ],
    )
