"""A proposal, as a review: evidence, noise bands, expected gate, cost; then the decision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import work
from textual.widget import Widget

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.proposals import Desk
from mlops_tui.tui.widgets.doc import Doc
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
        self.query_one("#card", Doc).write(lambda width: page("proposal show", found, width))
        self.loaded()

    @work(exclusive=True, group="deed")
    async def action_proposal_approve(self) -> None:
        if self.card is not None and await self.approve(self.card):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_proposal_reject(self) -> None:
        if self.card is not None and await self.reject(self.card):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_proposal_snooze(self) -> None:
        if self.card is not None and await self.snooze(self.card):
            self.load()
