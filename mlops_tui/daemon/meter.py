"""Watches the room for the home: says once in the ledger when it gets scarce, before the disk is full, and once when it is well again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from mlops_store.index.tx import Read, Tx
from mlops_tui.daemon.watch import Writes
from mlops_tui.services import space
from mlops_tui.verbs.home import SpaceState

LOG = logging.getLogger("mlops_tui.daemon")

PERIOD = 10.0
"""Seconds between two questions to the file system."""


class Meter:
    """`start`, `tick` again and again, `stop`. What was said last is read from the ledger, so a restart says nothing twice."""

    def __init__(
        self, writer: Writes, *, period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._writer = writer
        self._period = period
        self._clock = clock
        self._due = float("-inf")
        self._said: SpaceState | None = None

    def start(self) -> None:
        """Nothing to do before the first tick."""

    def stop(self) -> None:
        """Nothing to let go of."""

    def busy(self) -> bool:
        """Nobody needs to stay awake to see a disk fill up: what fills it does."""
        return False

    def tick(self) -> None:
        if self._clock() < self._due:
            return
        self._due = self._clock() + self._period
        before = self._said if self._said is not None else self._writer.read(_last_said)
        found = self._writer.read(lambda read: space.look(read, before))
        if found.state != before:
            LOG.warning("%s", found.text)
            self._writer.call(lambda tx: _say(tx, found), actor="daemon")
        self._said = found.state


def _last_said(read: Read) -> SpaceState:
    row = read.one("SELECT arg_max(data ->> '$.state', seq) AS state FROM ledger WHERE verb = 'home.space'")
    try:
        state: SpaceState = msgspec.convert(row["state"] if row else None, SpaceState)
        return state
    except msgspec.ValidationError:
        return "ok"


def _say(tx: Tx, found: space.Space) -> None:
    data = {
        "state": found.state,
        "free": found.free,
        "used": found.used,
        "budget": found.settings.budget,
        "text": found.text,
    }
    tx.append("home.space", "home", data)
