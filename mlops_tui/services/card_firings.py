"""What firings do with a model's card: they are stored, attach to the one that is open, open one, or wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_store.ids import new_id
from mlops_store.index import proposals
from mlops_store.index.tx import Read, Tx
from mlops_store.records import DriftOutcome
from mlops_tui.services import rules
from mlops_tui.services.costs import cost
from mlops_tui.services.evidence import build
from mlops_tui.services.loop_facts import cool_until, loads, snapshots
from mlops_tui.services.policies import approve_by_policy, record_policy
from mlops_tui.services.rules import Firing

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig

LASTING = ("schedule", "on_demand")
"""Firings that stay true however long they wait; those about data have to be true when the card opens."""


def raise_firings(
    tx: Tx,
    project: str,
    model: ModelConfig,
    firings: Sequence[Firing],
    found: DriftOutcome | None,
    *,
    asked: bool = False,
) -> str | None:
    """Stores firings and does with them what `rules.move` says. Returns the id of the card they are on, if any.

    Without firings an open card still gets newer evidence: a person decides on what is known now.
    """
    record_policy(tx, project, model.name, model.retrain)
    card = proposals.active(tx, project, model.name)
    if not firings:
        if card is not None and card["state"] in ("OPEN", "SNOOZED"):
            _refresh(tx, card, model, project, [], found)
        return card["id"] if card else None
    what = move_of(tx, project, model, card["state"] if card else None, asked=asked)
    if what == "wait":
        _store(tx, project, model.name, firings, None)
        return None
    if what == "attach":
        assert card is not None
        _store(tx, project, model.name, firings, card["id"])
        _refresh(tx, card, model, project, [firing.reason for firing in firings], found)
        return str(card["id"])
    return open_card(tx, project, model, firings, found)


def move_of(tx: Tx, project: str, model: ModelConfig, state: str | None, *, asked: bool) -> rules.Move:
    """What a firing does now, given the state of the model's active card: `rules.move` with this moment's clock and cool-down."""
    return rules.move(
        state,
        now=tx.now,
        cool_until=cool_until(tx, project, model.name, model.retrain.cool_down),
        quiet=rules.is_quiet(model.retrain.quiet_hours, datetime.fromtimestamp(tx.now / 1000).time()),
        asked=asked,
    )


def _store(tx: Tx, project: str, model: str, firings: Sequence[Firing], card: str | None) -> None:
    for firing in firings:
        tx.append(
            "firing.add",
            f"{project}/{model}",
            {
                "firing_id": new_id("fire"), "project": project, "model": model, "rule": firing.rule, "kind": firing.kind,
                "inputs": {**firing.inputs, "reason": firing.reason}, "proposal_id": card,
            },
        )  # fmt: skip


def open_card(
    tx: Tx,
    project: str,
    model: ModelConfig,
    firings: Sequence[Firing],
    found: DriftOutcome | None,
) -> str:
    """Opens a card for firings and for those that waited; a policy may approve it at once. Returns its id."""
    card = new_id("prop")
    evidence = build(tx, project, model, found)
    waiting = waiting_firings(tx, project, model.name)
    # what the data said while it waited may be dealt with by now: what they say today is among the firings
    asked = [str(row["inputs"].get("reason", "")) for row in waiting if row["kind"] in LASTING]
    reasons = _merged(asked, [firing.reason for firing in firings])
    tx.append(
        "proposal.open",
        card,
        {
            "id": card, "project": project, "model": model.name, "revision": 1, "reasons": reasons, "evidence": evidence,
            "pins": {source: entry["version"] for source, entry in snapshots(tx, project).items()},
            "expires": tx.now + model.retrain.expires, "waited": [row["firing_id"] for row in waiting],
        },
        why="; ".join(reasons),
    )  # fmt: skip
    _store(tx, project, model.name, [firing for firing in firings if firing.kind != "waited"], card)
    if model.retrain.auto_approve:
        approve_by_policy(tx, card)
    return card


def _refresh(
    tx: Tx,
    card: dict[str, Any],
    model: ModelConfig,
    project: str,
    reasons: list[str],
    found: DriftOutcome | None,
) -> None:
    """Newer evidence makes a new revision; the same evidence and reasons make none."""
    before, old_reasons, old_pins = (
        loads(card["evidence"], {}),
        loads(card["reasons"], []),
        loads(card["pins"], {}),
    )
    evidence = (
        build(tx, project, model, found)
        if found is not None
        else {**before, "snapshots": snapshots(tx, project), "cost": cost(tx, project, model.name)}
    )
    merged = _merged(old_reasons, reasons)
    pins = {source: entry["version"] for source, entry in snapshots(tx, project).items()}
    if (merged, pins) == (old_reasons, old_pins) and _same_evidence(before, evidence):
        return
    tx.append(
        "proposal.update",
        card["id"],
        {
            "id": card["id"],
            "revision": card["revision"] + 1,
            "evidence": evidence,
            "reasons": merged,
            "pins": pins,
        },
    )


def _same_evidence(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Equal but for what a training would cost, which moves with every run. Compared as JSON, since one of them was."""
    plain = [
        msgspec.json.encode({k: v for k, v in part.items() if k != "cost"}, order="deterministic")
        for part in (a, b)
    ]
    return plain[0] == plain[1]


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """One reason for each kind (the word before the colon), the newest; in order of first appearance."""
    found: dict[str, str] = {}
    for reason in (*old, *new):
        found[reason.partition(":")[0]] = reason
    return [reason for reason in found.values() if reason]


def waiting_reasons(db: Tx | Read, project: str, model: str) -> list[str]:
    """What waits for a card, for people: one reason for each kind."""
    return _merged([], [str(row["inputs"].get("reason", "")) for row in waiting_firings(db, project, model)])


def waiting_firings(tx: Tx | Read, project: str, model: str) -> list[dict[str, Any]]:
    """Firings that belong to no card, since the last card was opened or decided against."""
    found = tx.rows(
        "SELECT firing_id, rule, kind, inputs, time FROM firings WHERE project = ? AND model = ? AND proposal_id IS NULL AND seq > "
        "(SELECT coalesce(max(l.seq), 0) FROM ledger l WHERE l.verb = 'proposal.open' AND l.data->>'project' = ? AND l.data->>'model' = ?) "
        "ORDER BY seq",
        [project, model, project, model],
    )
    return [{**row, "inputs": loads(row["inputs"], {})} for row in found]
