"""The life of a daemon: open, serve, fall asleep or hand over, close in the right order."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

import mlops_tui
from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_store.index.tx import Read
from mlops_store.records import LedgerEntry
from mlops_tui import processes
from mlops_tui.daemon import run_folders
from mlops_tui.daemon.app import Gate, build
from mlops_tui.daemon.compose import compose
from mlops_tui.daemon.dispatch import Dispatcher, load_handlers
from mlops_tui.daemon.http import Server
from mlops_tui.daemon.lock import DaemonLock
from mlops_tui.daemon.logs import rotate
from mlops_tui.daemon.loop import Loops
from mlops_tui.daemon.nice import lower_this_thread
from mlops_tui.daemon.options import Options
from mlops_tui.daemon.readers import Readers
from mlops_tui.daemon.sockets import BoundSocket
from mlops_tui.daemon.writer import WriterThread
from mlops_tui.services import alias_files, sql
from mlops_tui.services import daemon as daemon_service
from mlops_tui.services import status as status_service
from mlops_tui.verbs._status import Status, StatusReport
from mlops_tui.verbs.daemon import DaemonStatus

LOG = logging.getLogger("mlops_tui.daemon")

_LATER = ("mlops_tui.project.parse", "mlops_tui.daemon.file_events")
"""What answers do not need before there is a project. It is imported soon all the same: what a running daemon can do does not change
when the files of the program do."""
_LATER_AFTER = 1.0
_SAID = ("run.tag", "run.note")
"""Ledger verbs after which nothing starts or ends."""
_SQL_THREADS = 2
"""Questions in SQL at a time: each may take a gigabyte."""


class DaemonFile(msgspec.Struct, kw_only=True):
    """`daemon.json`: which process has the lock."""

    pid: int
    start_ticks: int
    boot_id: str
    version: str
    started: int


class Daemon:
    """One daemon of one home. Needs the lock, and lets go of it at the end."""

    def __init__(self, home: Home, options: Options, lock: DaemonLock, writer: WriterThread) -> None:
        """`writer` has begun: what this module imports was imported while it opened the index."""
        self.home = home
        self.options = options
        self.started = now_ms()
        self._lock = lock
        self.writer = writer
        self.events = writer.events
        self._gate = Gate(self.events, self.shutdown, options.body_limit, str(home.log_file))
        self._loops: Loops | None = None
        self._socket: BoundSocket | None = None
        self._server: Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failed = False

    def run(self, ready: Callable[[], None]) -> int:
        """Serves until told to stop; `ready` is called once it accepts connections. Returns the exit code.

        Raises Problem where it cannot start.
        """
        try:
            try:
                handlers = load_handlers({"daemon status": self._status, "status": self._overview})
                self.writer.opened()
                self.writer.on_fatal = self._fatal
                self.writer.read(partial(alias_files.reconcile, self.home))
                self.writer.read(run_folders.reconcile)
                sql.clear(self.home)
                deadline = self.options.deadline
                readers = Readers(self.writer, deadline)
                slow = Readers(self.writer, deadline, _SQL_THREADS)
                dispatcher = Dispatcher(handlers, self.writer, readers, deadline, {"sql": slow})
                self._start_loops()
                lower_this_thread()  # after the loops: their threads start runs, which inherit the value
                try:
                    asyncio.run(self._serve(dispatcher, ready))
                finally:
                    if self._loops is not None:
                        self._loops.stop()
                    slow.close()
                    readers.close()
            finally:
                self.writer.close()
        finally:
            if self._socket is not None:
                self._socket.leave()
            self.home.daemon_file.unlink(missing_ok=True)
            self._lock.release()
        LOG.info("stopped")
        return 1 if self._failed else 0

    def shutdown(self, reason: str) -> None:
        """Begins the end, from the event loop's thread: no new connections, then what is under way is finished."""
        if self._gate.stopping:
            return
        LOG.info("stopping: %s", reason)
        self._gate.stopping = True
        if self._socket is not None:
            self._socket.unlink()
        self.events.close()
        if self._server is not None:
            self._server.end()

    # --- inside ---

    async def _serve(self, dispatcher: Dispatcher, ready: Callable[[], None]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self.events.attach(loop)
        for number in self._ending_signals():
            loop.add_signal_handler(number, self.shutdown, signal.Signals(number).name)
        self._server = Server(build(dispatcher, self._gate))
        self._socket = BoundSocket(self.home)
        self._write_identity()
        LOG.info("version %s serves %s as pid %d", mlops_tui.__version__, self.home.path, os.getpid())
        ready()  # the socket listens: who connects now waits for no more than the server's first turn
        if self.writer.failed is not None:
            self.shutdown("the writer has failed")
        beside = [asyncio.create_task(self._watch()), asyncio.create_task(_load_later())]
        try:
            await self._server.serve(sockets=[self._socket.socket])
        finally:
            self._gate.stopping = True
            self._socket.unlink()
            for task in beside:
                task.cancel()

    def _ending_signals(self) -> list[signal.Signals]:
        """A terminal that closes ends what runs in its foreground, unless `nohup` said otherwise; a detached daemon has none."""
        hangs_up = self.options.foreground and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        return [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hangs_up else [])]

    async def _watch(self) -> None:
        """Falls asleep when no one has asked anything, listens, or runs for long enough; keeps the log small."""
        limit = self.options.idle_exit
        seen, quiet_since = -1, time.monotonic()
        while True:
            await asyncio.sleep(min(1.0, limit / 4) if limit else 60.0)
            rotate(self.home.log_file, self.options.foreground)
            if limit == 0:
                continue
            if (
                self._gate.active
                or self._gate.asked != seen
                or self.events.listeners
                or self._busy() is not None
            ):
                seen, quiet_since = self._gate.asked, time.monotonic()
            elif time.monotonic() - quiet_since >= limit:
                self.shutdown(f"nothing to do for {limit} s")

    def _busy(self) -> str | None:
        """What keeps the daemon awake, in words; None where nothing does."""
        if self._loops is None or not self._loops.busy():
            return None
        runs = self._loops.active_runs()
        return f"{runs} run{'s' * (runs != 1)} under way" if runs else "watching for data and schedules"

    def _start_loops(self) -> None:
        self._loops = compose(self)
        self.writer.on_commit = self._committed
        self._loops.start()

    def _committed(self, entries: Sequence[LedgerEntry]) -> Sequence[Path]:
        """What follows from new entries at once: alias files, and a look at what may start. Returns the folders of runs that are back."""
        moved = {
            (entry.data.get("project", ""), entry.data.get("model", ""))
            for entry in entries
            if entry.verb == "alias.move"
        }
        for project, model in moved:
            try:
                self.writer.read(partial(alias_files.write, self.home, project=project, model=model))
            except OSError as error:
                LOG.error("the alias file of %s/%s cannot be written: %s", project, model, error)
        back = run_folders.follow(self.home, entries)
        if self._loops is not None and any(entry.verb not in _SAID for entry in entries):
            self._loops.wake()
        return back

    def _write_identity(self) -> None:
        row = processes.read(os.getpid())
        record = DaemonFile(
            pid=os.getpid(), start_ticks=row.start_ticks if row else 0, boot_id=processes.boot_id(),
            version=mlops_tui.__version__, started=self.started,
        )  # fmt: skip
        try:
            write_json(self.home.daemon_file, record)
        except (
            OSError
        ) as error:  # a full disk: the lock alone says who is the daemon, and questions can be answered
            LOG.error("%s cannot be written: %s", self.home.daemon_file, error)

    def _fatal(self, _error: BaseException) -> None:
        """Called by the writer when it can no longer write: a daemon without a writer is of no use."""
        self._failed = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.shutdown, "the writer has failed")

    def _status(self, read: Read, _request: object) -> DaemonStatus:
        facts = daemon_service.Facts(
            pid=os.getpid(), version=mlops_tui.__version__, started=self.started, busy=self._busy(),
            idle_exit=self.options.idle_exit, socket=str(self.home.socket),
            limit=self._loops.limit if self._loops is not None else None,
            waits=dict(self._loops.waits) if self._loops is not None else {},
        )  # fmt: skip
        return daemon_service.status(read, facts)

    def _overview(self, read: Read, request: Status) -> StatusReport:
        return status_service.status(read, request, self._status(read, request))


async def _load_later() -> None:
    await asyncio.sleep(_LATER_AFTER)
    for name in _LATER:
        await asyncio.to_thread(importlib.import_module, name)
