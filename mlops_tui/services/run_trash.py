"""Runs archived, deleted and brought back: decisions in the ledger. Folders follow them (`mlops_store.trash`)."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.filter_tree import And, Compare, Field, Node
from mlops_store.filters import parse
from mlops_store.index import runs as queries
from mlops_store.index.apply_care import STUB
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import run_guard, run_rows
from mlops_tui.services.run_guard import Bond
from mlops_tui.services.run_several import MOST, command, lines, mark, refuse
from mlops_tui.verbs._declare import NOTHING, Plan
from mlops_tui.verbs.run import RunMarks, RunSet

Row = dict[str, Any]


def archive(tx: Tx, request: RunSet) -> RunMarks:
    """Raises Problem `runs_refused` for runs that are not over."""
    change, same = _split(_chosen(tx, request), lambda row: row["archived"] is None)
    refuse("archived", {row["run_id"]: bond for row in change if (bond := run_guard.not_over(row))})
    return _mark(tx, "run.archive", change, same, request.reason)


def unarchive(tx: Tx, request: RunSet) -> RunMarks:
    change, same = _split(_chosen(tx, request, archived=True), lambda row: row["archived"] is not None)
    return _mark(tx, "run.unarchive", change, same, request.reason)


def delete(tx: Tx, request: RunSet) -> RunMarks:
    """Raises Problem `runs_refused` where one of the runs is needed: then none is deleted."""
    change, same = _split(
        _chosen(tx, request, archived=True, anywhere=True), lambda row: row["deleted"] is None
    )
    refuse("deleted", _needed(tx, change))
    for row in change:
        data = {"run_id": row["run_id"], **{name: row[name] for name in STUB}}
        tx.append("run.delete", row["run_id"], data, request.reason)
    return _marks(change, same)


def restore(tx: Tx, request: RunSet) -> RunMarks:
    """Raises Problem `runs_refused` where the trash was emptied since."""
    change, same = _split(
        _chosen(tx, request, deleted=True, anywhere=True), lambda row: row["deleted"] is not None
    )
    refuse("restored", _gone(tx, change))
    return _mark(tx, "run.restore", change, same, request.reason)


def plan_archive(read: Read, request: RunSet) -> Plan:
    """What `archive` would do; raises what it would raise. So do the others."""
    change, _ = _split(_chosen(read, request), lambda row: row["archived"] is None)
    refuse("archived", {row["run_id"]: bond for row in change if (bond := run_guard.not_over(row))})
    return _plan("Archive", change, ["leave them out of lists; nothing is moved"], "unarchive")


def plan_unarchive(read: Read, request: RunSet) -> Plan:
    change, _ = _split(_chosen(read, request, archived=True), lambda row: row["archived"] is not None)
    return _plan("Show again", change, ["list them again"], "archive")


def plan_delete(read: Read, request: RunSet) -> Plan:
    change, _ = _split(
        _chosen(read, request, archived=True, anywhere=True), lambda row: row["deleted"] is None
    )
    refuse("deleted", _needed(read, change))
    steps = ["move their folders to the trash, where `home gc` collects them after 30 days"]
    return _plan("Delete", change, steps, "restore")


def plan_restore(read: Read, request: RunSet) -> Plan:
    change, _ = _split(
        _chosen(read, request, deleted=True, anywhere=True), lambda row: row["deleted"] is not None
    )
    refuse("restored", _gone(read, change))
    return _plan("Restore", change, ["move their folders back, and read them again"], "delete")


# --- which runs ---------------------------------------------------------------------------------------------


def _chosen(
    db: Read | Tx, request: RunSet, *, archived: bool = False, deleted: bool = False, anywhere: bool = False
) -> list[Row]:
    """The rows of the runs that were named, or that the filter finds; each once. Raises Problem."""
    ids = [run_rows.find_run(db, text, request.project) for text in request.runs]
    if request.filter is not None:
        ids += _found(db, request, archived=archived, deleted=deleted)
    elif not ids:
        raise Problem("no_runs", "no run is named", "name runs, or choose them with --filter", status=2)
    wanted = list(dict.fromkeys(ids))
    rows = {
        row["run_id"]: row
        for row in db.rows("SELECT * FROM runs WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", [wanted])
    }
    if not anywhere:
        for run_id in wanted:
            run_rows.row_of(db, run_id)  # a deleted run is neither hidden nor shown
    return [rows[run_id] for run_id in wanted]


def _found(db: Read | Tx, request: RunSet, *, archived: bool, deleted: bool) -> list[str]:
    given = parse(request.filter or "")
    if given is None:  # what was to choose has chosen nothing: never is that all runs
        raise Problem("no_runs", "the filter is blank, and chooses no runs", 'say which ones, such as --filter "state = FAILED"', status=2)  # fmt: skip
    terms: list[Node] = [given]
    if request.project is not None:
        terms.append(Compare(Field("column", "project"), "=", request.project))
    found = queries.page(
        db,
        And(tuple(terms)),
        limit=MOST + 1,
        now=db.now,
        archived=archived,
        deleted=deleted,
    )
    if len(found) > MOST:
        raise Problem("too_many_runs", f"the filter finds more than {MOST} runs", "narrow it, or do it in parts", status=2)  # fmt: skip
    return [run_id for run_id, _ in found]


def _split(rows: list[Row], due: Any) -> tuple[list[Row], list[Row]]:
    return [row for row in rows if due(row)], [row for row in rows if not due(row)]


# --- what stands against it -----------------------------------------------------------------------------------


def _needed(db: Read | Tx, rows: list[Row]) -> dict[str, Bond]:
    needed = run_guard.bonds(db) if rows else {}
    bonds = {row["run_id"]: run_guard.not_over(row) or needed.get(row["run_id"]) for row in rows}
    return {run_id: bond for run_id, bond in bonds.items() if bond is not None}


def _gone(db: Read | Tx, rows: list[Row]) -> dict[str, Bond]:
    """The runs whose folder is no longer there to be brought back."""
    return {
        row["run_id"]: Bond(
            "the trash was emptied since", "restore it from a backup: `mlops-tui home import`"
        )
        for row in rows
        if row["purged"] is not None
        or not (db.home.trashed_run(row["run_id"]).is_dir() or db.home.run_dir(row["run_id"]).is_dir())
    }


# --- answers ----------------------------------------------------------------------------------------------------


def _mark(tx: Tx, verb: str, change: list[Row], same: list[Row], reason: str) -> RunMarks:
    for row in change:
        tx.append(verb, row["run_id"], {"run_id": row["run_id"]}, reason)
    return _marks(change, same)


def _marks(change: list[Row], same: list[Row]) -> RunMarks:
    return RunMarks(changed=[mark(row) for row in change], unchanged=[mark(row) for row in same])


def _plan(what: str, rows: list[Row], steps: list[str], undo: str) -> Plan:
    count = f"{len(rows)} run{'s' * (len(rows) != 1)}"
    return Plan(
        title=f"{what} {count}",
        steps=[*lines(rows), *(steps if rows else [NOTHING])],
        undo=command(undo, rows) if rows else "",
    )
