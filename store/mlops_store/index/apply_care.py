"""Ledger entries that care for the home: runs archived, deleted and brought back, settings, what came from another home."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from mlops_store.ids import RUN_ID, run_time
from mlops_store.index.database import Connection, rows, write_columns
from mlops_store.index.payload import integer, json_field, json_text, mapping, maybe_text, text
from mlops_store.records import LedgerEntry

Handler = Callable[[Connection, LedgerEntry], None]

FOLDER_TABLES = (
    "param_log", "params", "journal_tags", "metric_points", "last_values", "curve_chunks", "artifacts", "stage_events", "offsets", "errors",
    "outcomes", "evaluations", "drift",
)  # fmt: skip
"""Tables of what run folders say: a deleted run has no rows in them."""

_TEXTS = ("kind", "name", "project", "experiment", "actor", "state", "recipe_hash", "project_dir", "path")
_MAYBE = ("model", "reason", "proposal_id", "metric", "direction")
_NUMBERS = ("created", "started", "ended", "exit_code", "signal", "duration_ms", "attempts")
_UNREAD = {"pins": None, "request": None, "after": None}
STUB = (*_TEXTS, *_MAYBE, *_NUMBERS)
"""What the entry of a deletion carries of the run's row."""


def _mark(column: str, on: bool) -> Handler:
    """A handler that sets or clears a mark. The row of a run whose folder was not read yet is made first."""

    def handler(con: Connection, entry: LedgerEntry) -> None:
        run_id = text(entry.data, "run_id")
        ensure_rows(con, [run_id])
        con.execute(f"UPDATE runs SET {column} = ? WHERE run_id = ?", [entry.seq if on else None, run_id])

    return handler


def ensure_rows(con: Connection, run_ids: Iterable[str]) -> None:
    """Runs that the ledger speaks of before their folders were read; the folder's word replaces these rows'."""
    wanted = list(dict.fromkeys(run_ids))
    known = {
        row["run_id"]
        for row in rows(
            con, "SELECT run_id FROM runs WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", [wanted]
        )
    }
    write_columns(
        con,
        "INSERT INTO runs (run_id, kind, name, project, experiment, actor, state, created, attempts) "
        "SELECT unnest(?::VARCHAR[]), 'sdk', '', '', '', '', 'QUEUED', unnest(?::BIGINT[]), 0",
        [
            (run_id, run_time(run_id) if RUN_ID.match(run_id) else 0)
            for run_id in wanted
            if run_id not in known
        ],
    )


def _delete(con: Connection, entry: LedgerEntry) -> None:
    """All that came from the folder goes; the row keeps what the entry says, whatever the folder said before."""
    data = entry.data
    run_id = text(data, "run_id")
    for table in FOLDER_TABLES:
        con.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])
    values: dict[str, Any] = {name: text(data, name) for name in _TEXTS}
    values |= {name: maybe_text(data, name) for name in _MAYBE}
    values |= {name: integer(data, name) for name in _NUMBERS}
    values |= {**_UNREAD, "deleted": entry.seq}
    updates = ", ".join(f"{name} = excluded.{name}" for name in values)
    con.execute(
        f"INSERT INTO runs (run_id, {', '.join(values)}) VALUES (?{', ?' * len(values)}) ON CONFLICT DO UPDATE SET {updates}",
        [run_id, *values.values()],
    )


def _setting(con: Connection, entry: LedgerEntry) -> None:
    con.execute(
        "INSERT INTO settings VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, changed = excluded.changed, "
        "changed_by = excluded.changed_by, seq = excluded.seq",
        [text(entry.data, "name"), json_field(entry.data, "value") or json_text(None), entry.time, entry.actor, entry.seq],
    )  # fmt: skip


def imported(con: Connection, entry: LedgerEntry, handler: Handler | None) -> None:
    """An entry from another home tells of what was done there, then and by whom; its place in the order is its own.

    Where it came from is kept: importing it again is then nothing. A run of another home is not ours to launch or to settle.
    """
    origin = mapping(entry.data, "origin")
    con.execute(
        "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?)",
        [text(origin, "home"), integer(origin, "seq"), text(origin, "hash"), text(origin, "verb"), handler is not None, entry.seq],
    )  # fmt: skip
    if handler is None:
        return
    there = {"time": integer(origin, "time") or entry.time, "actor": text(origin, "actor") or entry.actor}
    handler(con, msgspec.structs.replace(entry, **there))
    if entry.verb.startswith("run."):
        con.execute(
            "UPDATE runs SET settled = ? WHERE run_id = ? AND submitted IS NOT NULL AND settled IS NULL",
            [entry.seq, text(entry.data, "run_id")],
        )


HANDLERS = {
    "run.archive": _mark("archived", True),
    "run.unarchive": _mark("archived", False),
    "run.delete": _delete,
    "run.restore": _mark("deleted", False),
    "run.purge": _mark("purged", True),
    "setting.set": _setting,
}
