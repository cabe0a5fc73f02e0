"""Proposals: what asks for a decision."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_store.errors import Problem
from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.choose import Choose
from mlops_tui.tui.formats import age, clock, plain, short, state
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.closer import CloserRoom
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.card import review
from mlops_tui.verbs._shapes import Proposal

SNOOZES = (
    ("1h", 3_600_000),
    ("4h", 14_400_000),
    ("1 day", 86_400_000),
    ("3 days", 259_200_000),
    ("1 week", 604_800_000),
)


class Desk(Room):
    """What can be decided about a card, wherever one is at hand. The card's revision goes along: a card that has changed is refused."""

    async def approve(self, card: Proposal) -> bool:
        """Trains on the snapshots that the card names."""
        return (
            await self.perform("proposal approve", decided(card), yes="Approve", reason="optional")
            is not None
        )

    async def reject(self, card: Proposal) -> bool:
        """Refuses with a reason; new rows are counted from here."""
        title = f"Reject the proposal for {card.model}"
        return (
            await self.perform("proposal reject", decided(card), yes="Reject", reason="required", title=title)
            is not None
        )

    async def snooze(self, card: Proposal) -> bool:
        """Asks again after a time that is chosen."""
        chosen = await self.app.push_screen_wait(
            Choose("Snooze for", [(str(ms), text) for text, ms in SNOOZES])
        )
        if chosen is None:
            return False
        fields = {**decided(card), "lasts": int(chosen)}
        title = f"Snooze the proposal for {card.model}"
        return (
            await self.perform("proposal snooze", fields, yes="Snooze", reason="optional", title=title)
            is not None
        )


def decided(card: Proposal) -> dict[str, Any]:
    """The fields of every decision: the card, as it was seen."""
    return {"id": card.id, "revision": card.revision, "project": card.project}


def undecided(card: Proposal | None) -> str:
    """Why a card cannot be decided; empty where it can."""
    if card is None:
        return "there is no card here"
    return (
        ""
        if card.state in ("OPEN", "SNOOZED")
        else f"the card is {card.state.lower()}: there is nothing to decide"
    )


DECISIONS = ("proposal.approve", "proposal.reject", "proposal.snooze")


class ProposalsRoom(CloserRoom, Desk):
    """The inbox."""

    TITLE = "Proposals"
    VERB = "proposal list"
    EMPTY = "no proposals\n\na rule opens one when data arrives, drifts or decays; {proposal.request} asks for one now"
    CONTEXTS = ("proposals",)
    BINDINGS: ClassVar[list[Any]] = bindings("proposals")

    def columns(self) -> Sequence[Column]:
        return (
            Column("state", "status", 12, lambda card: state(card.state), sort="state"),
            Column("model", "model", 18, lambda card: plain(card.model), sort="model"),
            Column("why", "why", 24, lambda card: plain("; ".join(card.reasons)), flex=True),
            Column("verdict", "gate", 14, lambda card: state(card.verdict), priority=1),
            Column("created", "opened", 11, lambda card: clock(card.created), sort="created"),
        )

    def row_key(self, row: Proposal) -> str:
        return row.id

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("proposal.", "firing.", "gate.", "model.")) for verb, _ in news.entries)

    def refusal(self, action: str) -> str:
        return super().refusal(action) or (undecided(self.table.row_at_cursor) if action in DECISIONS else "")

    def entity(self) -> str:
        card = self.table.row_at_cursor
        return f"proposal:{card.id}" if card is not None else ""

    def closer(self, row: Proposal) -> tuple[str, dict[str, Any]]:
        return "proposal show", {"id": row.id}

    def summary(self, row: Proposal, detail: Proposal | None, width: int) -> Text:
        if detail is None:
            return summary(row, width)
        return review(detail, None, time.time_ns() // 1_000_000, width)

    def open(self, row: Proposal) -> None:
        from mlops_tui.tui.screens.proposal import ProposalRoom

        self.mlops.open(ProposalRoom, row.id)

    @work(exclusive=True, group="deed")
    async def action_proposal_request(self) -> None:
        if not await self.mlops.in_project():
            return
        try:
            models = list((await self.link.ask("project show")).models)
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if not models:
            self.mlops.tell("mlops.toml names no model", "warning")
            return
        only = models[0] if len(models) == 1 else None
        chosen = only or await self.app.push_screen_wait(
            Choose("Propose a retraining of", [(name, name) for name in models])
        )
        if chosen is not None:
            title = f"Propose a retraining of {chosen}"
            if (
                await self.perform(
                    "proposal open", {"model": chosen}, yes="Propose", reason="optional", title=title
                )
                is not None
            ):
                self.load()

    @work(exclusive=True, group="deed")
    async def action_proposal_approve(self) -> None:
        card = self.table.row_at_cursor
        if card is not None and not self.refused("proposal.approve"):
            await self.approve(card)

    @work(exclusive=True, group="deed")
    async def action_proposal_reject(self) -> None:
        card = self.table.row_at_cursor
        if card is not None and not self.refused("proposal.reject"):
            await self.reject(card)

    @work(exclusive=True, group="deed")
    async def action_proposal_snooze(self) -> None:
        card = self.table.row_at_cursor
        if card is not None and not self.refused("proposal.snooze"):
            await self.snooze(card)


def summary(card: Proposal, width: int) -> Text:
    """A card in a few lines."""
    sheet = Sheet(width)
    sheet.line(
        Text.assemble(
            plain(card.model, "bold"),
            "  ",
            state(card.state),
            (f"  revision {card.revision}, {age(card.created)} ago", "bright_black"),
        )
    )
    for reason in card.reasons:
        sheet.line(f"{reason}")
    if card.why:
        sheet.line(f"{card.decided_by}: {short(card.why, 200)}", "bright_black")
    sheet.line(Text("cli: " + command("proposal show", {"id": card.id}), style="bright_black"))
    return sheet.text


SCREEN = ProposalsRoom
