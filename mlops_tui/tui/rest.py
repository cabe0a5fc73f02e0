"""What follows a moved cursor, but not each of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.message_pump import MessagePump

SECONDS = 0.1


class Rest:
    """Calls `act` in `node` once nothing has moved for a while. A move costs a look at the clock: no timer, no task, no message, so that a
    key that is held costs its rows alone."""

    def __init__(self, node: MessagePump, act: Callable[[], object], seconds: float = SECONDS) -> None:
        self._node, self._act, self._seconds = node, act, seconds
        self._due = 0.0
        self._waits = False

    def moved(self) -> None:
        """Something has moved; in the loop."""
        self._due = asyncio.get_running_loop().time() + self._seconds
        if not self._waits:
            self._wait()

    def _wait(self) -> None:
        self._waits = True
        asyncio.get_running_loop().call_at(self._due, self._look)

    def _look(self) -> None:
        self._waits = False
        if asyncio.get_running_loop().time() < self._due:
            self._wait()
        else:
            self._node.call_later(self._act)
