"""Ledger: every decision, who made it and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from rich.text import Text
from textual import work

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clock, plain, short
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.list_room import Column, ListRoom
from mlops_tui.tui.writers import ledger as write
from mlops_tui.verbs.ledger import Entry


class LedgerRoom(ListRoom):
    """The list of entries, newest first."""

    TITLE = "Ledger"
    VERB = "ledger list"
    EMPTY = "nothing has been decided yet"
    OF_PROJECTS = False
    CONTEXTS = ("ledger",)
    BINDINGS: ClassVar[list[Any]] = bindings("ledger")

    def columns(self) -> Sequence[Column]:
        return (
            Column("seq", "#", 7, lambda row: str(row.seq), align="right", sort="seq"),
            Column("time", "when", 11, lambda row: clock(row.time), sort="time"),
            Column("actor", "who", 12, lambda row: plain(row.actor), sort="actor"),
            Column("verb", "what", 16, lambda row: plain(row.verb), sort="verb"),
            Column("subject", "subject", 20, lambda row: plain(row.subject), sort="subject", flex=True),
            Column("why", "why", 16, lambda row: plain(row.why), flex=True, priority=1),
        )

    def row_key(self, row: Entry) -> str:
        return str(row.seq)

    def concerns(self, news: News) -> bool:
        return bool(news.entries)

    def entity(self) -> str:
        row: Entry | None = self.table.row_at_cursor
        return write.entity(row) if row is not None else ""

    def row_id(self, key: str) -> str:
        return key

    def preview(self, row: Entry, width: int) -> Text:
        return write.entry(row, width)

    def open(self, row: Entry) -> None:
        from mlops_tui.tui.dialogs.reader import Reader

        raw = msgspec.json.format(msgspec.json.encode(row), indent=2).decode()
        self.mlops.push_screen(Reader(f"entry {row.seq}", lambda width: write.entry(row, width), raw))

    @work(exclusive=True, group="deed")
    async def action_ledger_undo(self) -> None:
        row = self.table.row_at_cursor
        if row is not None and await self.perform(
            "ledger undo", {"seq": row.seq}, yes="Undo", reason="optional"
        ):
            self.load()

    @work(exclusive=True, group="deed")
    async def action_ledger_verify(self) -> None:
        from mlops_store.errors import Problem

        try:
            found = await self.link.ask("ledger verify")
        except Problem as problem:
            self.mlops.complain(problem)
            return
        if found.ok:
            self.mlops.tell(f"the chain of {found.entries:,} entries holds; head {short(found.head, 16)}")
        else:
            self.mlops.tell("the chain is broken: " + "; ".join(found.findings[:5]), "error")


SCREEN = LedgerRoom
