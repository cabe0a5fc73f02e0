"""Cards: listed, shown, decided."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index import proposals as queries
from mlops_store.index.listings import PROPOSALS
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import card_firings, drift_runs, triggers
from mlops_tui.services.approval import approve_card
from mlops_tui.services.configs import look
from mlops_tui.services.costs import takes
from mlops_tui.services.listing import listed
from mlops_tui.services.loop_facts import loads
from mlops_tui.services.project import not_added
from mlops_tui.verbs._declare import Page, Plan
from mlops_tui.verbs._shapes import Proposal
from mlops_tui.verbs.proposal import (
    ProposalApprove,
    ProposalList,
    ProposalOpen,
    ProposalRef,
    ProposalReject,
    ProposalSnooze,
)

DECIDABLE = ("OPEN", "SNOOZED")
_DAY = 86_400_000


def list_(read: Read, request: ProposalList) -> Page[Proposal]:
    """Newest first unless sorted otherwise. Raises Problem."""
    options = {"project": request.project, "model": request.model, "state": request.state}
    return listed(read, PROPOSALS, request, lambda rows: [shown(row) for row in rows], options)


def show(read: Read, request: ProposalRef) -> Proposal:
    return _with_waiting(read, find(read, request.id, request.project))


def plan_approve(read: Read, request: ProposalApprove) -> Plan:
    card = find(read, request.id, request.project)
    _check(card, request.revision, "approve")
    pins = loads(card["pins"], {})
    named = ", ".join(f"{source}@{version}" for source, version in sorted(pins.items()))
    return Plan(
        title=f"Train {card['model']} (card {card['id']}, revision {card['revision']})",
        steps=[
            f"train {card['model']} on {named}",
            takes(read, card["project"], card["model"]),
            "judge it against the champion on rows that neither has seen",
        ],
        undo="`mlops-tui run stop` stops the training; nothing is promoted by it unless a policy says so",
    )


def approve(tx: Tx, request: ProposalApprove) -> Proposal:
    card = find(tx, request.id, request.project)
    _check(card, request.revision, "approve")
    approve_card(tx, card, request.client, request.reason)
    return _again(tx, card["id"])


def reject(tx: Tx, request: ProposalReject) -> Proposal:
    return _decide(
        tx, find(tx, request.id, request.project), "REJECTED", request.revision, request.reason, None
    )


def snooze(tx: Tx, request: ProposalSnooze) -> Proposal:
    if request.lasts < 1000:
        raise Problem("bad_request", "a snooze lasts at least a second", "such as --for 2d", status=2)
    card = find(tx, request.id, request.project)
    return _decide(tx, card, "SNOOZED", request.revision, request.reason, tx.now + request.lasts)


def open(tx: Tx, request: ProposalOpen) -> Proposal:
    """On demand: opens a card for the model, or adds the reason to its open one. While a training of a card is under way the
    request waits: the answer is that card, with what `waiting` it holds up. Raises Problem."""
    name = request.project
    if not name:
        raise Problem("no_project", "which project?", "go to its folder, or use --project", status=2)
    directory = project_dir(tx, name)
    seen = look(directory)
    if seen.problem is not None or seen.config is None:
        raise seen.problem or Problem("no_project", f"{directory} has no mlops.toml", "", status=2)
    model = seen.config.model_named(request.model)
    card = triggers.on_demand(tx, name, model, request.reason)
    drift_runs.ensure_drift(tx, seen.config, directory, model)
    return _again(tx, card)


# --- inside -----------------------------------------------------------------------------------------------------


def find(db: Tx | Read, ref: str, project: str | None) -> dict[str, Any]:
    """A card by its id, the start of one, or the name of a model with an active card. Raises Problem."""
    exact = queries.find(db, ref)
    if exact is not None:
        return exact
    if project is not None:
        card = queries.active(db, project, ref)
    else:
        several = queries.active_anywhere(db, ref)
        card = several[0] if len(several) == 1 else None
        if len(several) > 1:
            raise Problem(
                "ambiguous",
                f"models called {ref!r} have cards in several projects",
                "use --project",
                status=2,
            )
    if card is not None:
        return card
    begun = queries.starting(db, ref, project)
    if ref and len(begun) == 1:
        return begun[0]
    if len(begun) > 1:
        raise Problem("ambiguous", f"{ref!r} is the start of several cards", "write more of the id", status=2)
    newest = queries.newest(db, project, ref)
    hint = (
        f"its last card is {newest['id']} ({newest['state']})"
        if newest
        else "`mlops-tui proposal list` shows all cards"
    )
    raise Problem("no_proposal", f"there is no open card {ref!r}", hint)


def project_dir(db: Tx | Read, project: str) -> str:
    """Where a project lies. Raises Problem."""
    row = db.one("SELECT dir FROM projects WHERE name = ? AND removed IS NULL", [project])
    if row is None:
        raise not_added(db, project)
    return str(row["dir"])


def _check(card: dict[str, Any], revision: int | None, what: str) -> None:
    """Raises Problem where the card can no longer be decided, or is not the one that was looked at."""
    if card["state"] not in DECIDABLE:
        how = f"by {card['decided_by']}" if card["decided_by"] else ""
        raise Problem("proposal_closed", f"card {card['id']} is {card['state']} {how}".strip() + f": you cannot {what} it",
                      "`mlops-tui proposal list` shows the open ones", status=3)  # fmt: skip
    if revision is not None and revision != card["revision"]:
        reasons = "; ".join(loads(card["reasons"], []))
        pins = ", ".join(f"{source}@{version}" for source, version in sorted(loads(card["pins"], {}).items()))
        raise Problem(
            "conflict",
            f"card {card['id']} has changed since you looked: you saw revision {revision}, it is {card['revision']} now ({reasons}; data {pins})",
            f"look again: `mlops-tui proposal show {card['id']}`",
            status=3,
        )


def _decide(
    tx: Tx, card: dict[str, Any], decision: str, revision: int | None, reason: str, until: int | None
) -> Proposal:
    _check(card, revision, {"REJECTED": "reject", "SNOOZED": "snooze"}[decision])
    data = {"id": card["id"], "revision": card["revision"], "decision": decision, "until": until}
    if until is not None and card["expires"] is not None:
        # whoever puts a card off means to see it again, and has a day then
        data["expires"] = max(card["expires"], until + _DAY)
    tx.append("proposal.decide", card["id"], data, why=reason)
    return _again(tx, card["id"])


def _again(tx: Tx, card: str) -> Proposal:
    row = queries.find(tx, card)
    assert row is not None
    return _with_waiting(tx, row)


def _with_waiting(db: Tx | Read, row: dict[str, Any]) -> Proposal:
    card = shown(row)
    if card.run_id and card.state == "DONE":
        card.version = models.version_of_run(db, card.project, card.run_id)
        made = models.version(db, card.project, card.model, card.version) if card.version else None
        card.nothing_new = made is not None and made["run_id"] != card.run_id
    if card.state in ("APPROVED", "RUNNING"):
        card.waiting = card_firings.waiting_reasons(db, card.project, card.model)
    return card


def shown(row: dict[str, Any]) -> Proposal:
    """A row of the proposals table as people and scripts see it."""
    return Proposal(
        id=row["id"], project=row["project"], model=row["model"], state=row["state"], revision=row["revision"],
        reasons=loads(row["reasons"], []), evidence=loads(row["evidence"], {}), created=row["created"], updated=row["updated"],
        until=row["until"], decided_by=row["decided_by"] or "", why=row["decision_reason"] or "", run_id=row["run_id"],
        verdict=row["verdict"], pins=loads(row["pins"], {}), expires=row["expires"],
    )  # fmt: skip
