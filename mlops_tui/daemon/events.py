"""What changed, for whoever wants to know: a ring of the newest events, and a stream for each listener."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from mlops_store.ids import now_ms
from mlops_tui.verbs.top import Event

CAPACITY = 10_000
BUDGET = 16 << 20
"""Bytes that the kept events take together, as JSON: an entry of the ledger may have a megabyte."""
HEARTBEAT = 15.0
_BATCH = 500


class EventRing:
    """The newest events. Each listener has a place in the ring instead of a queue: one that is too slow falls out
    of it and is told to ask anew (`reset`), so no listener can make the daemon grow or wait."""

    def __init__(self, epoch: str, capacity: int = CAPACITY, budget: int = BUDGET) -> None:
        self.epoch = epoch
        self.listeners = 0
        self._capacity = capacity
        self._budget = budget
        self._events: deque[Event] = deque()
        self._sizes: deque[int] = deque()
        self._nbytes = 0
        self._seq = 0
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the loop that the streams run in."""
        self._loop = loop
        self._news = asyncio.Event()

    def publish(self, kind: str, subject: str, data: dict[str, Any] | None = None) -> None:
        """Adds an event; from any thread, never blocks on a listener."""
        size = len(msgspec.json.encode(data)) if data else 0
        with self._lock:
            self._seq += 1
            self._events.append(
                Event(
                    epoch=self.epoch,
                    seq=self._seq,
                    time=now_ms(),
                    type=kind,
                    subject=subject,
                    data=data or {},
                )
            )
            self._sizes.append(size)
            self._nbytes += size
            # the newest one stays, however long: who keeps up hears of it
            while len(self._events) > 1 and (
                len(self._events) > self._capacity or self._nbytes > self._budget
            ):
                self._events.popleft()
                self._nbytes -= self._sizes.popleft()
        self._wake()

    def close(self) -> None:
        """Ends all streams."""
        self._closed = True
        self._wake()

    def after(self, seq: int) -> list[Event] | None:
        """The events after `seq`, at most 500; None where some of them are gone."""
        with self._lock:
            oldest = self._seq - len(self._events)
            if seq < oldest or seq > self._seq:
                return None
            start = seq - oldest
            return [
                self._events[position] for position in range(start, min(start + _BATCH, len(self._events)))
            ]

    async def stream(self, epoch: str | None, seq: int, follow: bool) -> AsyncIterator[bytes]:
        """JSON lines: a hello, then events; empty lines while nothing happens. Without `epoch`, follow starts now."""
        self.listeners += 1
        try:
            place = self._start(epoch, seq, follow)
            yield self._line("hello", place if place is not None else self._seq)
            if place is None:
                place = self._seq
                yield self._line("reset", place)
            while True:
                news = self._news
                found = self.after(place)
                if found is None:
                    place = self._seq
                    yield self._line("reset", place)
                elif found:
                    place = found[-1].seq
                    yield b"".join(msgspec.json.encode(event) + b"\n" for event in found)
                elif not follow or news is None:
                    return
                elif self._closed:  # whoever listens can tell a daemon that was stopped from one that died
                    yield self._line("end", place)
                    return
                elif not await _wait(news):
                    yield b"\n"
        finally:
            self.listeners -= 1

    def _start(self, epoch: str | None, seq: int, follow: bool) -> int | None:
        """Where a stream begins; None where that place is of another daemon or gone."""
        if epoch is None:
            return self._seq if follow else self._seq - len(self._events)
        if epoch != self.epoch or self.after(seq) is None:
            return None
        return seq

    def _line(self, kind: str, seq: int) -> bytes:
        return msgspec.json.encode(Event(epoch=self.epoch, seq=seq, time=now_ms(), type=kind)) + b"\n"

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._swap)

    def _swap(self) -> None:
        """Wakes everyone who waits; those who look later wait for the next news."""
        if self._news is not None:
            self._news.set()
            self._news = asyncio.Event()


async def _wait(news: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(HEARTBEAT):
            await news.wait()
    except TimeoutError:
        return False
    return True
