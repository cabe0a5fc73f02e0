"""Firings, proposals and policies."""

from __future__ import annotations

from mlops_store.index.database import Connection
from mlops_store.index.payload import flag, integer, json_field, json_text, maybe_text, text
from mlops_store.records import LedgerEntry

_STATE_OF_DECISION = {"APPROVED": "APPROVED", "REJECTED": "REJECTED", "SNOOZED": "SNOOZED"}


def _open(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, ?, ?, NULL, ?, ?) ON CONFLICT DO NOTHING",
        [text(data, "id"), text(data, "project"), text(data, "model"), text(data, "state", "OPEN"),
         integer(data, "revision") or 1, json_field(data, "reasons") or "[]", json_field(data, "evidence") or "{}", entry.time,
         entry.time, integer(data, "expires"), integer(data, "until"), json_field(data, "pins") or "{}",
         maybe_text(data, "run_id"), json_text(data), entry.seq],
    )  # fmt: skip


def _fire(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO firings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [text(data, "firing_id"), text(data, "project"), text(data, "model"), text(data, "rule"), text(data, "kind"),
         json_field(data, "inputs") or "{}", maybe_text(data, "proposal_id"), entry.time, entry.seq],
    )  # fmt: skip


def _update(con: Connection, entry: LedgerEntry) -> None:
    """What the payload names replaces what was there; what it leaves out stays."""
    data = entry.data
    con.execute(
        "UPDATE proposals SET revision = coalesce(?, revision), evidence = coalesce(?, evidence), reasons = coalesce(?, reasons), "
        "pins = coalesce(?, pins), expires = coalesce(?, expires), updated = ?, seq = ? WHERE id = ?",
        [integer(data, "revision"), json_field(data, "evidence"), json_field(data, "reasons"), json_field(data, "pins"),
         integer(data, "expires"), entry.time, entry.seq, text(data, "id")],
    )  # fmt: skip


def _decide(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    decision = text(data, "decision")
    con.execute(
        "UPDATE proposals SET state = coalesce(?, state), decision = ?, decided = ?, decided_by = ?, decision_reason = ?, until = ?, "
        "pins = coalesce(?, pins), run_id = coalesce(?, run_id), expires = coalesce(?, expires), updated = ?, seq = ? WHERE id = ?",
        [_STATE_OF_DECISION.get(decision), decision, entry.time, entry.actor, entry.why or text(data, "reason"),
         integer(data, "until"), json_field(data, "pins"), maybe_text(data, "run_id"), integer(data, "expires"),
         entry.time, entry.seq, text(data, "id")],
    )  # fmt: skip


def _state(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "UPDATE proposals SET state = ?, run_id = coalesce(?, run_id), verdict = coalesce(?, verdict), updated = ?, seq = ? WHERE id = ?",
        [text(data, "state"), maybe_text(data, "run_id"), maybe_text(data, "verdict"), entry.time, entry.seq, text(data, "id")],
    )  # fmt: skip


def _reopen(con: Connection, entry: LedgerEntry) -> None:
    """A decision on a card is taken back: nobody has decided."""
    con.execute(
        "UPDATE proposals SET state = 'OPEN', decision = NULL, decided = NULL, decided_by = NULL, decision_reason = NULL, until = NULL, "
        "expires = coalesce(?, expires), updated = ?, seq = ? WHERE id = ?",
        [integer(entry.data, "expires"), entry.time, entry.seq, text(entry.data, "id")],
    )


def _policy(con: Connection, entry: LedgerEntry) -> None:
    data = entry.data
    con.execute(
        "INSERT INTO policies VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "auto_approve = coalesce(excluded.auto_approve, auto_approve), auto_promote = coalesce(excluded.auto_promote, auto_promote), "
        "changed = excluded.changed, changed_by = excluded.changed_by, seq = excluded.seq",
        [text(data, "project"), text(data, "model"), flag(data, "auto_approve"), maybe_text(data, "auto_promote"), entry.time,
         entry.actor, entry.seq],
    )  # fmt: skip


HANDLERS = {
    "proposal.open": _open,
    "firing.add": _fire,
    "proposal.update": _update,
    "proposal.decide": _decide,
    "proposal.state": _state,
    "proposal.reopen": _reopen,
    "policy.set": _policy,
}
