"""What the ledger knows of runs: that they were asked for, stopped, resumed, settled. The rest comes from their folders."""

from __future__ import annotations

from mlops_store.ids import RUN_ID, run_time
from mlops_store.index.apply_care import ensure_rows
from mlops_store.index.database import Connection
from mlops_store.index.payload import integer, json_field, json_text, maybe_text, text
from mlops_store.records import LedgerEntry


def _submit(con: Connection, entry: LedgerEntry) -> None:
    """A row that says QUEUED until the folder has been read; the folder's word replaces all but `submitted`."""
    data = entry.data
    run_id = text(data, "run_id")
    created = run_time(run_id) if RUN_ID.match(run_id) else entry.time
    con.execute(
        "INSERT INTO runs (run_id, kind, name, project, experiment, model, actor, state, created, attempts, path, submitted) "
        "VALUES (?, ?, '', ?, '', ?, ?, 'QUEUED', ?, 0, ?, ?) ON CONFLICT DO UPDATE SET submitted = excluded.submitted",
        [run_id, text(data, "kind"), text(data, "project"), maybe_text(data, "model"), entry.actor, created,
         text(data, "path"), entry.seq],
    )  # fmt: skip


def _stop(con: Connection, entry: LedgerEntry) -> None:
    """Of a script, too, of which the ledger has nothing before: its folder may not have been read yet."""
    run_id = text(entry.data, "run_id")
    ensure_rows(con, [run_id])
    con.execute("UPDATE runs SET stop_seq = ? WHERE run_id = ?", [entry.seq, run_id])


def _resume(con: Connection, entry: LedgerEntry) -> None:
    """A resumed run is unsettled again, and an earlier stop no longer holds."""
    con.execute(
        "UPDATE runs SET resumed = ?, stop_seq = NULL, settled = NULL, settled_state = NULL WHERE run_id = ?",
        [integer(entry.data, "attempt"), text(entry.data, "run_id")],
    )


def _settle(con: Connection, entry: LedgerEntry) -> None:
    con.execute(
        "UPDATE runs SET settled = ?, settled_state = ? WHERE run_id = ?",
        [entry.seq, maybe_text(entry.data, "state"), text(entry.data, "run_id")],
    )


def _prediction(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [text(data, "run_id"), text(data, "project"), text(data, "model"), integer(data, "version"), text(data, "input"),
         text(data, "input_sha256"), text(data, "output"), text(data, "output_sha256"), integer(data, "rows"),
         json_field(data, "feature_service") or "[]", json_field(data, "snapshots") or json_text({}),
         json_field(data, "statuses") or json_text({}), entry.time, entry.seq],
    )  # fmt: skip


HANDLERS = {
    "run.submit": _submit,
    "run.stop": _stop,
    "run.resume": _resume,
    "run.settle": _settle,
    "prediction.record": _prediction,
}
