"""The writer thread: every change of the home goes through one queue, and what waits together is committed together."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.query import lock_down
from mlops_store.index.tx import Read, Tx
from mlops_store.index.writer import Command, Result, Writer
from mlops_store.ledger import FatalStoreError
from mlops_store.records import LedgerEntry
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.nice import lower_this_thread

LOG = logging.getLogger("mlops_tui.daemon")
T = TypeVar("T")

_GROUP = 64
_PATIENCE = 0.02
"""Seconds that a group waits at most, and no longer than half of what the last one took, for those who wrote together then: one commit for all
costs each of them less."""


@dataclass
class _Write:
    command: Command
    future: Future[Any] = field(default_factory=Future)


@dataclass
class _Ingest:
    run_dirs: list[Path]
    future: Future[list[str]] = field(default_factory=Future)


def _gone() -> Problem:
    return Problem(
        "daemon_stopping", "the daemon is stopping", "try again: the next command starts a new one", status=3
    )


class WriterThread:
    """Owns the store's `Writer`. What others call the writer handle: `submit`, `call`, `ingest`, `read`."""

    def __init__(
        self, home: Home, events: EventRing, on_fatal: Callable[[BaseException], None] = lambda _error: None
    ) -> None:
        self.home = home
        self.events = events
        self.on_fatal = on_fatal
        """Told when nothing can be written any more; `failed` says so too."""
        self.failed: BaseException | None = None
        self.on_commit: Callable[[Sequence[LedgerEntry]], Sequence[Path]] = lambda _entries: ()
        """Called in the writer's thread with what is now in the ledger, before whoever asked for it hears of it. It returns run folders that
        are to be read before that, too."""
        self._queue: queue.SimpleQueue[_Write | _Ingest | None] = queue.SimpleQueue()
        self._opened: Future[Writer] = Future()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._closing = False
        self._close_lock = threading.Lock()
        self._written = 0
        self.crowd = 1
        """Writes that are expected to come together."""
        self._took = 0.0
        self._recalled: dict[Callable[[Read], Any], tuple[int, Any]] = {}

    # --- for everyone ---

    def submit(
        self, fn: Callable[[Tx], T], *, actor: str = "daemon", key: str = "", about: str = ""
    ) -> Future[T]:
        """Queues a write; the future has its value once it is durable. A replayed value (same key) is plain data. `about`: the run that
        it is about, where that is known.

        `fn` may be run more than once: all that it changes it changes through its `Tx`, or in a way that bears repeating.
        """
        job = _Write(Command(fn=fn, actor=actor, key=key, about=about))
        self._put(job, job.future)
        return job.future

    def call(
        self, fn: Callable[[Tx], T], *, actor: str = "daemon", key: str = "", timeout: float | None = None
    ) -> T:
        """`submit`, waited for. Raises what the command raised. Not from the writer's own thread."""
        return self.submit(fn, actor=actor, key=key).result(timeout)

    def ingest(self, run_dirs: Iterable[Path]) -> Future[list[str]]:
        """Queues the reading of run folders into the index; the future has the ids of the runs that changed."""
        job = _Ingest(list(run_dirs))
        self._put(job, job.future)
        return job.future

    def reader(self) -> Read:
        """A new cursor, for one thread; the caller closes it."""
        return self._opened.result().reader()

    def read(self, fn: Callable[[Read], T]) -> T:
        """Runs `fn` in the calling thread with a cursor of its own."""
        with self.reader() as read:
            return fn(read)

    def recall(self, fn: Callable[[Read], T]) -> T:
        """`read` for a function of the index alone that is asked again and again: its answer stands until something is written that
        is more than values of metrics. How far journals were read may be further than it says.

        Whoever gets it must not change it.
        """
        written = self._written  # before the question: what is written meanwhile makes the answer an old one
        known = self._recalled.get(fn)
        if known is None or known[0] != written:
            known = self._recalled[fn] = (written, self.read(fn))
        answer: T = known[1]
        return answer

    @property
    def ledger_seq(self) -> int:
        return self._opened.result().ledger.seq

    # --- life ---

    def begin(self) -> None:
        """Starts the thread, which opens the store."""
        self._thread.start()

    def opened(self) -> None:
        """Waits until the store is open. Raises what opening raised."""
        self._opened.result()

    def start(self) -> None:
        """`begin`, and `opened`."""
        self.begin()
        self.opened()

    def close(self) -> None:
        """Finishes what is queued, closes the store."""
        with self._close_lock:
            if self._closing:
                return
            self._closing = True
            self._queue.put(None)
        self._thread.join()

    # --- the thread ---

    def _put(self, job: _Write | _Ingest, future: Future[Any]) -> None:
        with self._close_lock:
            if not self._closing and self.failed is None:
                self._queue.put(job)
                return
        future.set_exception(_gone())

    def _run(self) -> None:
        lower_this_thread()
        try:
            writer = Writer.open(self.home)
            cursor = writer.database.cursor()
            lock_down(cursor)
            cursor.close()
        except BaseException as error:  # noqa: BLE001 - handed to whoever started the thread
            self._opened.set_exception(error)
            return
        self._opened.set_result(writer)
        try:
            self._serve(writer)
        except BaseException as error:  # noqa: BLE001 - handed to the daemon, which ends
            self._die(error)
        finally:
            writer.close()

    def _serve(self, writer: Writer) -> None:
        while True:
            job = self._queue.get()
            group: list[_Write] = []
            patience = time.monotonic() + min(_PATIENCE, self._took / 2)
            while True:
                if isinstance(job, _Write):
                    group.append(job)
                else:
                    self._execute(writer, group)
                    group = []
                    if job is None:
                        return
                    self._read_folders(writer, job)
                if len(group) >= _GROUP:
                    break
                try:
                    job = self._next(patience if group and len(group) < self.crowd else 0.0)
                except queue.Empty:
                    break
            # as many as came together write on, most likely; each that stays away is waited for once
            self.crowd = max(len(group), self.crowd - 1)
            start = time.monotonic()
            self._execute(writer, group)
            self._took = time.monotonic() - start

    def _next(self, until: float) -> _Write | _Ingest | None:
        """What waits in the queue, or comes until then. Raises queue.Empty."""
        left = until - time.monotonic()
        return self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()

    def _execute(self, writer: Writer, group: Sequence[_Write]) -> None:
        jobs = [job for job in group if job.future.set_running_or_notify_cancel()]
        if not jobs:
            return
        try:
            results = writer.execute([job.command for job in jobs])
        except BaseException as error:
            for job in jobs:
                job.future.set_exception(_unknown(error))
            raise
        self._written += 1
        try:
            if back := self._tell(results):
                self._read_folders(writer, _Ingest(list(back)))
        except Exception:  # it is written, whoever could not be told of it: a listener asks again, files are put right at the next start
            LOG.exception("what was written could not be told")
        finally:
            for job, result in zip(jobs, results, strict=True):
                if result.problem is not None or result.error is not None:
                    job.future.set_exception(result.problem or result.error)
                else:
                    job.future.set_result(result.value)

    def _tell(self, results: Sequence[Result]) -> Sequence[Path]:
        for result in results:
            self._publish(result)
        entries = [entry for result in results for entry in result.entries]
        return self.on_commit(entries) if entries else ()

    def _read_folders(self, writer: Writer, job: _Ingest) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        changed: set[str] = set()
        try:
            while True:
                version = writer.changes.version
                changed.update(writer.ingest(job.run_dirs))
                self._written += writer.changes.since(version, points=False) != frozenset()
                if not writer.more:
                    break
        except Problem as problem:
            job.future.set_exception(problem)
            return
        except BaseException as error:
            job.future.set_exception(_unknown(error))
            raise
        finally:
            try:
                for run_id in sorted(changed):
                    self.events.publish("run", run_id)
            except Exception:
                LOG.exception("what was read could not be told")
        job.future.set_result(sorted(changed))

    def _publish(self, result: Result) -> None:
        for entry in result.entries:
            data = msgspec.structs.asdict(entry)
            shown = {key: data[key] for key in ("seq", "actor", "verb", "why", "data")}
            self.events.publish("ledger", entry.subject, shown)

    def _die(self, error: BaseException) -> None:
        LOG.critical("the writer has stopped: %s", error, exc_info=error)
        with self._close_lock:
            self.failed = error
        while True:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job.future.set_exception(_gone())
        self.on_fatal(error)


def _unknown(error: BaseException) -> Problem:
    """The disk failed at a point where nobody can say what is on it; the next daemon finds out."""
    what = "the disk" if isinstance(error, FatalStoreError) else "the index"
    return Problem(
        "outcome_unknown",
        f"{what} failed while this was written: {error}",
        "look before you repeat it: `mlops-tui ledger list`; then `mlops-tui doctor`",
        status=3,
    )
