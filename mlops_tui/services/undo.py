"""Undoing a decision: never by erasing it, always by another entry that makes good for it (`reversals`)."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_store.errors import Problem
from mlops_store.index import ledger_log
from mlops_store.index.ledger_log import Row
from mlops_store.index.tx import Read, Tx
from mlops_tui.services.reversals import FOR_GOOD, UNDO, Db, Reversal, over
from mlops_tui.text import when
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.ledger import LedgerUndo, Undone

_SHOWN = 5


def undo(tx: Tx, request: LedgerUndo) -> Undone:
    """Takes a command's entries back, the last one first. Raises Problem."""
    entries, reversals = _reversals(tx, request)
    chosen = entries[0]
    why = request.reason or f"undo of entry {chosen['seq']}"
    seq = 0
    for entry, reversal in zip(entries, reversals, strict=True):
        seq = tx.append(reversal.verb, reversal.subject, {**reversal.data, "undoes": entry["seq"]}, why)
    steps = [reversal.step for reversal in reversals]
    return Undone(
        seq=seq,
        undoes=chosen["seq"],
        verb=chosen["verb"],
        subject=chosen["subject"],
        title=_title(entries),
        steps=steps,
    )


def plan_undo(read: Read, request: LedgerUndo) -> Plan:
    """What `undo` would do; raises what it would raise."""
    entries, reversals = _reversals(read, request)
    steps = [reversal.step for reversal in reversals[:_SHOWN]]
    if len(reversals) > _SHOWN:
        steps.append(f"and so on, for {len(reversals)} entries")
    return Plan(
        title=_title(entries),
        steps=steps,
        undo="by undoing the entry that this makes: the answer names it",
        settled={"seq": entries[0]["seq"]},
    )


def _title(entries: list[Row]) -> str:
    first = entries[0]
    more = f" and {len(entries) - 1} more of the same command" if len(entries) > 1 else ""
    return f"Undo entry {first['seq']}{more}: {first['verb']} {first['subject']}, by {first['actor']}, {when(first['time'])}"


# --- which entries ------------------------------------------------------------------------------------------------


def _reversals(db: Db, request: LedgerUndo) -> tuple[list[Row], list[Reversal]]:
    chosen = _given(db, request.seq) if request.seq is not None else _last(db, request.project)
    function = UNDO.get(chosen["verb"])
    if function is None:
        raise Problem(
            "not_reversible",
            f"entry {chosen['seq']} ({chosen['verb']} {chosen['subject']}) cannot be undone",
            FOR_GOOD.get(chosen["verb"], "it records what happened, not a decision that could be taken back"),
        )
    command = ledger_log.command_of(db, chosen["seq"], chosen["verb"])[::-1]
    entries = [entry for entry in command if entry["seq"] == chosen["seq"] or not over(db, entry)]
    return entries, [function(db, entry) for entry in entries]


def _given(db: Db, seq: int) -> Row:
    entry = ledger_log.entry(db, seq)
    if entry is None:
        raise Problem(
            "no_such_entry",
            f"the ledger has no entry {seq}",
            "`mlops-tui ledger list` shows them",
        )
    if seq in ledger_log.undone(db)[0]:
        raise Problem(
            "already_undone",
            f"entry {seq} was undone already",
            f"`mlops-tui ledger list --subject {entry['subject']!r}` shows what followed",
        )
    return entry


def _last(db: Db, project: str | None) -> Row:
    """The newest reversible decision of whoever asks that still holds; undoing is not one of them, so that undoing twice goes back twice."""
    undone, _ = ledger_log.undone(db)
    for entry in _decisions(db, project):
        if "undoes" not in entry["data"] and entry["seq"] not in undone and not over(db, entry):
            return entry
    where = f" in project {project!r}" if project else ""
    raise Problem(
        "nothing_to_undo",
        f"{db.actor} has decided nothing{where} that could be undone",
        "`mlops-tui ledger list` shows all entries; `ledger undo SEQ` undoes one of somebody else",
    )


def _decisions(db: Db, project: str | None) -> Iterator[Row]:
    before = 1 << 62
    while page := ledger_log.decisions(db, db.actor, tuple(UNDO), project, before, 100):
        yield from page
        before = page[-1]["seq"]
