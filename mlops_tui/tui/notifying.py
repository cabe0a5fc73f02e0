"""Saying that a run has ended or a proposal has come, to someone who may look elsewhere: a message, bell, OSC 9, a command."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import Callable

import msgspec

from mlops_tui.text import clean, lasted
from mlops_tui.tui.link import Link
from mlops_tui.tui.news import News
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs._status import StatusReport

KINDS = ("train", "sdk", "score", "evaluate")
"""Kinds of runs that someone waits for."""


class Notice(msgspec.Struct, frozen=True):
    """Something worth looking up for."""

    text: str
    bad: bool = False


class Notifier:
    """Knows which runs were live and which cards were open, and says what became of them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._live: dict[str, str] | None = None
        self._cards: set[str] = set()
        self._turn = asyncio.Lock()

    async def heard(self, news: News) -> list[Notice]:
        """What the news mean. The first time only says what there is. Raises Problem."""
        if not news.runs and not news.entries and not news.everything:
            return []
        async with self._turn:  # answers that overtake each other would bring the dead to life
            return await self._told()

    async def _told(self) -> list[Notice]:
        status: StatusReport = await self._link.ask("status")
        live: dict[str, str] = {run.run_id: run.kind for run in status.runs}
        cards = {card.id for card in status.proposals}
        before, cards_before = self._live, self._cards
        self._live, self._cards = live, cards
        if before is None:
            return []
        found = [
            Notice(f"a retraining of {card.model} is proposed: {card.headline}")
            for card in status.proposals
            if card.id not in cards_before
        ]
        for run_id in before.keys() - live.keys():
            if before[run_id] in KINDS:
                found.append(said_of(await self._link.ask("run show", {"run_id": run_id})))
        return found


def said_of(run: RunDetail) -> Notice:
    """A run that has ended, in a line."""
    took = f" after {lasted(run.ended - run.started)}" if run.started and run.ended else ""
    gate = f", gate {run.verdict}" if run.verdict else ""
    return Notice(
        f"{run.name or run.run_id[:12]} {run.state.lower()}{took}{gate}", bad=run.state != "FINISHED"
    )


def ring(write: Callable[[str], object], notice: Notice, *, bell: bool) -> None:
    """The bell, and the desktop notification of terminals that know OSC 9 (others ignore it). Inside tmux it is passed through."""
    text = clean(notice.text)[:200]
    plain = f"\x1b]9;mlops-tui: {text}\x1b\\"
    if os.environ.get("TMUX"):
        plain = "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    write(("\x07" if bell else "") + plain)


def run_command(command: str, notice: Notice) -> None:
    """Starts the user's command with the text as its last argument; nobody waits for it. Raises OSError, ValueError."""
    subprocess.Popen(
        [*shlex.split(command), notice.text], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
