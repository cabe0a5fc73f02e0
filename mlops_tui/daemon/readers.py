"""Threads that answer questions, each with a cursor of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mlops_store.errors import Problem
from mlops_store.index.query import interrupt, limit_time, was_interrupted
from mlops_store.index.tx import Read
from mlops_tui.daemon.awaited import Awaited
from mlops_tui.daemon.nice import lower_this_thread
from mlops_tui.daemon.writer import WriterThread

T = TypeVar("T")

THREADS = 4


class Readers:
    """Runs read-only functions off the event loop. A question that takes too long is interrupted."""

    def __init__(self, writer: WriterThread, deadline: float, threads: int = THREADS) -> None:
        self._writer = writer
        self._deadline = deadline
        self._local = threading.local()
        self._open: list[Read] = []
        self._awaited = Awaited()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader", initializer=self._enter)

    async def run(self, fn: Callable[[Read], T]) -> T:
        """`fn` in one of the threads. Raises Problem `too_slow` (retryable) after the deadline."""
        question = _Question()

        def job() -> T:
            read: Read = self._local.read
            if not question.begin(read):
                raise _too_slow(self._deadline)
            try:
                return fn(read)
            except Exception as error:
                if was_interrupted(error):
                    raise _too_slow(self._deadline) from error
                raise
            finally:
                question.end()

        try:
            return await self._awaited.result(self._pool.submit(job), self._deadline)
        except TimeoutError:
            question.give_up()
            raise _too_slow(self._deadline) from None

    def close(self) -> None:
        """Waits for the questions under way, closes the cursors."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for read in self._open:
            read.close()

    def _enter(self) -> None:
        lower_this_thread()
        self._local.read = read = self._writer.reader()
        limit_time(read, self._deadline)
        with self._lock:
            self._open.append(read)


class _Question:
    """Which cursor a question is using, so that it alone is interrupted and not the one after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: Read | None = None
        self._given_up = False

    def begin(self, read: Read) -> bool:
        """False where nobody waits any more."""
        with self._lock:
            self._read = None if self._given_up else read
            return not self._given_up

    def end(self) -> None:
        with self._lock:
            self._read = None

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._read is not None:
                interrupt(self._read)


def _too_slow(deadline: float) -> Problem:
    return Problem(
        "too_slow",
        f"no answer within {deadline:g} s",
        "ask for less (--limit), or again when the machine is less busy",
        status=3,
    )
