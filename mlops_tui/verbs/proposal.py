"""Proposals: evidence turned into a decision."""

from __future__ import annotations

from typing import Annotated

from mlops_store.records import ProposalState
from mlops_tui.verbs._declare import ListInput, Page, ProjectInput, Reason, Verb, arg, opt
from mlops_tui.verbs._shapes import Proposal, SubmitInput

CARD = arg("id of the card, a start of it, or the model's name for its open card", metavar="CARD")
REVISION = opt("refuse unless the card is still at this revision")


class ProposalList(ListInput, kw_only=True):
    model: Annotated[str | None, opt("only cards of this model")] = None
    state: Annotated[ProposalState | None, opt("only this state")] = None


class ProposalRef(ProjectInput, kw_only=True):
    id: Annotated[str, CARD]


class ProposalApprove(SubmitInput, kw_only=True):
    id: Annotated[str, CARD]
    revision: Annotated[int | None, REVISION] = None
    reason: Reason = ""


class ProposalReject(ProjectInput, kw_only=True):
    id: Annotated[str, CARD]
    revision: Annotated[int | None, REVISION] = None
    reason: Reason = ""


class ProposalSnooze(ProjectInput, kw_only=True):
    id: Annotated[str, CARD]
    lasts: Annotated[int, opt("for how long", "--for", kind="duration")] = 86_400_000
    revision: Annotated[int | None, REVISION] = None
    reason: Reason = ""


class ProposalOpen(ProjectInput, kw_only=True):
    model: Annotated[str, arg("model to retrain")]
    reason: Annotated[str, opt("why; stays on the card")] = ""


VERBS = [
    Verb("proposal", "list", ProposalList, Page[Proposal], "List cards, newest first.",
         empty="no proposals yet: one opens when a rule of the model's [retrain] fires, some seconds after new data are there; "
         "`mlops-tui proposal open MODEL` opens one now",
         example="mlops-tui proposal list --state OPEN"),
    Verb("proposal", "show", ProposalRef, Proposal, "Show a card with its evidence."),
    Verb("proposal", "approve", ProposalApprove, Proposal, "Approve a card: train on the snapshots that it names.",
         help="The exit code of --wait is that of the gate: 0 PASS, 4 FAIL or INCONCLUSIVE.",
         example="mlops-tui proposal approve late-departure --wait", writes=True, plans=True, waits="option"),
    Verb("proposal", "reject", ProposalReject, Proposal, "Reject a card; new rows are counted from here.",
         example="mlops-tui proposal reject late-departure --reason 'known outage'", writes=True),
    Verb("proposal", "snooze", ProposalSnooze, Proposal, "Put a card off.",
         example="mlops-tui proposal snooze late-departure --for 2d", writes=True),
    Verb("proposal", "open", ProposalOpen, Proposal, "Propose a retraining on demand, with today's evidence.",
         writes=True),
]  # fmt: skip
