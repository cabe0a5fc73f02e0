"""Ledger entries by which people mark runs: tags and notes."""

from __future__ import annotations

from mlops_store.index.apply_care import ensure_row
from mlops_store.index.database import Connection
from mlops_store.index.payload import listed, mapping, text
from mlops_store.records import LedgerEntry


def _tag(con: Connection, entry: LedgerEntry) -> None:
    """A tag that was taken away stays as NULL: it stands over what the run's journals say, now and later. What is
    cleared is the journals' own again."""
    run_id = text(entry.data, "run_id")
    values = {key: value for key, value in mapping(entry.data, "set").items() if isinstance(value, str)}
    removed = [key for key in listed(entry.data, "remove") if isinstance(key, str) and key not in values]
    cleared = [key for key in listed(entry.data, "clear") if isinstance(key, str)]
    ensure_row(con, run_id)
    con.execute(
        "DELETE FROM run_tags WHERE run_id = ? AND key IN (SELECT unnest(?::VARCHAR[]))", [run_id, cleared]
    )
    for key, value in [*values.items(), *((key, None) for key in removed)]:
        con.execute(
            "INSERT INTO run_tags VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, seq = excluded.seq",
            [run_id, key, value, entry.seq],
        )


def _note(con: Connection, entry: LedgerEntry) -> None:
    run_id = text(entry.data, "run_id")
    ensure_row(con, run_id)
    con.execute("UPDATE runs SET note = ? WHERE run_id = ?", [text(entry.data, "text") or None, run_id])


HANDLERS = {"run.tag": _tag, "run.note": _note}
