"""Saying that a run has ended or a proposal has come, to someone who may look elsewhere: a message, bell, OSC 9, a command."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from collections.abc import Callable

import msgspec

from mlops_store.records import ENDED
from mlops_tui.text import clean, lasted
from mlops_tui.tui.link import Link
from mlops_tui.tui.news import News
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs._status import StatusReport

KINDS = ("train", "sdk", "score", "evaluate")
"""Kinds of runs that someone waits for."""
MOST = 200
"""Runs that one look is about; after a storm, the newest."""


class Notice(msgspec.Struct, frozen=True):
    """Something worth looking up for."""

    text: str
    bad: bool = False


class Notifier:
    """Knows which runs were live and which cards were open in the project that is looked at, and says what became of them."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._project: str | None = None
        self._since: int | None = None
        """When it was first looked, in ms: what was over by then is old. None: never in this project."""
        self._live: set[str] = set()
        self._cards: set[str] = set()
        self._heard: set[str] = set()
        """Runs that the news were about since the last answer: one may begin and end between two looks."""
        self._told: set[str] = set()
        self._turn = asyncio.Lock()

    async def heard(self, news: News) -> list[Notice]:
        """What the news mean. The first time only says what there is. Raises Problem."""
        if not news.runs and not news.entries and not news.everything:
            return []
        self._heard |= news.runs | {subject for verb, subject in news.entries if verb == "run.settle"}
        async with self._turn:  # answers that overtake each other would bring the dead to life
            return await self._look()

    async def _look(self) -> list[Notice]:
        """What has become since the last look; what is known changes only once all answers are there."""
        project = self._link.project[0]
        if project != self._project:
            self._project, self._since = project, None
        status: StatusReport = await self._link.ask("status")
        live, cards, heard = {run.run_id for run in status.runs}, status.proposals, set(self._heard)
        found: list[Notice] = []
        over: list[Run] = []
        if self._since is not None:
            known = (
                self._cards
            )  # one that comes in another state was decided, or failed, before anyone could be told
            found = [Notice(f"a retraining of {card.model} is proposed: {card.headline}") for card in cards if card.state == "OPEN" and card.id not in known]  # fmt: skip
            over = await self._over((self._live | heard) - live - self._told, self._since)
        if self._link.project[0] != project:  # the answers are of two projects
            return []
        self._heard -= heard
        self._live, self._cards = live, {card.id for card in cards}
        self._told |= {run.run_id for run in over}
        self._since = status.time if self._since is None else self._since
        return [*found, *(said_of(run) for run in over)]

    async def _over(self, runs: set[str], since: int) -> list[Run]:
        """Those of these runs that someone waits for and that have ended `since`, the first to end first."""
        if not runs:
            return []
        named = ", ".join(f'"{run_id}"' for run_id in sorted(runs)[-MOST:])
        asked = {"filter": f"id in ({named})", "all_kinds": True, "archived": True, "limit": MOST}
        page = await self._link.ask("run list", asked)
        over = [run for run in page.items if run.state in ENDED and run.kind in KINDS and (run.run_id in self._live or (run.ended or 0) >= since)]  # fmt: skip
        return sorted(over, key=lambda run: run.ended or 0)


def said_of(run: Run) -> Notice:
    """A run that has ended, in a line."""
    took = f" after {lasted(run.ended - run.started)}" if run.started and run.ended else ""
    gate = f", gate {run.verdict}" if run.verdict else ""
    return Notice(
        f"{run.name or run.run_id[:12]} {run.state.lower()}{took}{gate}", bad=run.state != "FINISHED"
    )


def ring(write: Callable[[str], object], notice: Notice, *, bell: bool, osc9: bool) -> None:
    """The bell, and the desktop notification of terminals that know OSC 9 (others ignore it). Inside tmux it is passed through."""
    text = clean(notice.text)[:200]
    plain = f"\x1b]9;mlops-tui: {text}\x1b\\"
    if os.environ.get("TMUX"):
        plain = "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if bell or osc9:
        write(("\x07" if bell else "") + (plain if osc9 else ""))


def run_command(command: str, notice: Notice) -> None:
    """Starts the user's command with the text as its last argument; nobody waits for it. Raises OSError, ValueError."""
    subprocess.Popen(
        [*shlex.split(command), notice.text], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
