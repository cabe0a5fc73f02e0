"""A proposal, as a review: evidence, noise bands, expected gate, cost; then the decision."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, ClassVar

from textual import work
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.proposals import DECISIONS, Desk, decided, undecided
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.writers.card import OPEN, review
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import Proposal


class ProposalRoom(Desk):
    """One card."""

    CONTEXTS = ("proposal",)
    BINDINGS: ClassVar[list[Any]] = bindings("proposal")

    def __init__(self, id: str) -> None:
        super().__init__()
        self.card_id = id
        self.card: Proposal | None = None

    def names(self) -> list[str]:
        return ["Proposals", self.card.model if self.card is not None else self.card_id]

    def body(self) -> Iterable[Widget]:
        yield Doc(id="card")

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "proposal show", {"id": self.card_id}

    def refusal(self, action: str) -> str:
        return super().refusal(action) or (undecided(self.card) if action in DECISIONS else "")

    def entity(self) -> str:
        return f"proposal:{self.card_id}"

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("proposal.", "firing.", "gate.", "model.")) for verb, _ in news.entries)

    def on_mount(self) -> None:
        self.query_one("#card").focus()

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            found: Proposal = await self.link.ask("proposal show", {"id": self.card_id})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.card = found
        plan = await self._plan(found) if found.state in OPEN else None
        if self.gone:
            return
        now = time.time_ns() // 1_000_000
        self.query_one("#card", Doc).write(lambda width: review(found, plan, now, width))
        self.loaded()

    async def _plan(self, card: Proposal) -> Plan | None:
        """What approving would do; None where it would be refused."""
        try:
            return await self.link.plan("proposal approve", decided(card))
        except Problem as problem:
            self.mlops.tell(f"it cannot be approved now: {problem.message}", "warning")
            return None

    @work(exclusive=True, group="deed")
    async def action_proposal_approve(self) -> None:
        if self.card is not None and not self.refused("proposal.approve") and await self.approve(self.card):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_proposal_reject(self) -> None:
        if self.card is not None and not self.refused("proposal.reject") and await self.reject(self.card):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_proposal_snooze(self) -> None:
        if self.card is not None and not self.refused("proposal.snooze") and await self.snooze(self.card):
            self.load()
