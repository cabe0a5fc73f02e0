"""Futures of other threads, awaited in the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Awaited:
    """Wakes the loop once for all futures that ended since its last turn: those of a group of writes end together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: list[asyncio.Future[None]] = []

    async def result(self, future: Future[T], seconds: float) -> T:
        """The future's result, or what it raised. Raises TimeoutError where there is neither after `seconds`: the future goes on, and so it
        does when whoever awaits it is cancelled."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        future.add_done_callback(lambda _done: self._end(loop, waiter))
        timer = loop.call_later(seconds, _release, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
        return future.result(0)

    def _end(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
        with self._lock:
            self._ended.append(waiter)
            first = len(self._ended) == 1
        if first and not loop.is_closed():
            loop.call_soon_threadsafe(self._release_all)

    def _release_all(self) -> None:
        with self._lock:
            ended, self._ended = self._ended, []
        for waiter in ended:
            _release(waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
