"""The loop thread: keeps what is on disk, what runs and what was decided in step.

Each turn reads the files that training writes, notices who has ended, carries outcomes into the ledger, and starts what may start.
Nothing here is remembered that a new daemon could not find out again from the home.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Protocol

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.daemon import inbox
from mlops_tui.daemon.adopt import Life, Reaper, life_of, mark_unsupervised, record_end, record_lost
from mlops_tui.daemon.captures import Captures
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.journal_syncs import JournalSyncs
from mlops_tui.daemon.late_journals import LateJournals
from mlops_tui.daemon.launch_context import resolve
from mlops_tui.daemon.queue import JUDGING_KINDS, Queue
from mlops_tui.daemon.run_table import News, OpenRun, open_runs, states_of
from mlops_tui.daemon.settling import Settling
from mlops_tui.daemon.spawn import Launcher, LocalLauncher
from mlops_tui.daemon.writer import WriterThread
from mlops_tui.output_pipe import unread
from mlops_tui.services import known_secrets

LOG = logging.getLogger("mlops_tui.daemon")

STEP = 0.1
"""Seconds between two looks at whether a run has started, ended or was stopped: a few stats."""
WATCHED_PERIOD = 0.22
"""Seconds between two turns while runs are active and someone looks on: metrics are read this often."""
TICK_PERIOD = 0.5
_REST = 0.05
"""Seconds at most between a turn and one that a write asks for: less where the turn took less than a quarter of it."""
_FIRST_LOOK = 3.0
"""Seconds that a daemon gives its first look at the runs before it answers: a large backlog follows later."""
PERIOD = 1.0


class Daemon(Protocol):
    """What the loop needs of the daemon."""

    home: Home
    writer: WriterThread
    events: EventRing


class Ticker(Protocol):
    """Something else that lives in the loop: the watcher, the schedule."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def tick(self) -> None: ...
    def busy(self) -> bool: ...


class Loops:
    """`start` it in a daemon that holds the lock; `wake` it after each write; `stop` ends nothing that runs."""

    def __init__(
        self,
        daemon: Daemon,
        *,
        launcher: Launcher | None = None,
        limit: int | None = None,
        tickers: Iterable[Ticker] = (),
        arriving: Callable[[str], bool] | None = None,
        settle_run: Callable[[Tx, str], object] | None = None,
    ) -> None:
        """`arriving(project)`: files are on their way that no ingest run knows of yet (the watcher's knowledge)."""
        self._home = daemon.home
        self._writer = daemon.writer
        self._events = daemon.events
        self._launcher = launcher or LocalLauncher()
        self._queue = Queue(limit)
        self._tickers = list(tickers)
        self._arriving = arriving or (lambda _project: False)
        self._settling = Settling(daemon.writer, settle_run)
        self._captures = Captures(self._hurry)
        self._syncs = JournalSyncs()
        self._late = LateJournals(daemon.writer)
        self._reaper = Reaper()
        self._news = News(daemon.home)
        self._wake = threading.Event()
        self._wake.set()
        self._ending = threading.Event()
        self._collected = threading.Event()
        self._stopping = self._hurried = False
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self._open: list[OpenRun] = []
        self._lost_sight: set[str] = set()
        self._missed: set[str] = set()
        # asked by another thread: so it is said once a turn, and until the first one nobody knows
        self._busy = True
        self.waits: dict[str, str] = {}
        """Why each queued run waits, by run id."""

    # --- for the daemon ---

    def start(self) -> None:
        for ticker in self._tickers:
            ticker.start()
        self._thread.start()
        # the client that started us asks next, and is told of the runs that ended while no daemon was there
        self._collected.wait(_FIRST_LOOK)

    def wake(self) -> None:
        """Something was written that may need doing now."""
        self._wake.set()

    def _hurry(self) -> None:
        """A run waits for this turn: it comes without a rest."""
        self._hurried = True
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread, within one turn. Runs go on: the next daemon adopts them."""
        self._stopping = True
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()
        for ticker in self._tickers:
            ticker.stop()
        self._captures.close()
        self._syncs.close()

    def busy(self) -> bool:
        """Whether the daemon has to stay: something runs or waits, is watched or scheduled."""
        return self._busy

    @property
    def limit(self) -> int:
        """Runs at a time, short work aside."""
        return self._queue.limit

    def active_runs(self) -> int:
        """Runs that have not ended."""
        return sum(not run.ended for run in self._open)

    def project_quiet(self, project: str) -> bool:
        """No data of the project is arriving: no ingest waits, runs or is unsettled, and the watcher sees nothing coming."""
        ingesting = any(run.kind == "ingest" and run.project == project for run in self._open)
        return not ingesting and not self._arriving(project)

    # --- the thread ---

    def _run(self) -> None:
        due = tick_due = rested = 0.0
        while not self._stopping:
            patience = STEP if self._open else TICK_PERIOD
            woken = self._wake.wait(max(0.0, min(patience, due - time.monotonic())))
            if woken and not self._hurried and (rest := rested - time.monotonic()) > 0:
                self._ending.wait(rest)  # who writes without a break does not keep this busy without one
            self._wake.clear()
            self._hurried = False
            now = time.monotonic()
            if woken or now >= due or self._news.any(self._open):
                self._turn(
                    (
                        self._collect,
                        self._follow,
                        self._sync_journals,
                        self._settle_ended,
                        self._start_waiting,
                        self._tick,
                    )
                )
                watched = self._open and self._events.listeners
                rested = time.monotonic() + min(_REST, 4 * (time.monotonic() - now))
                due = max(now + (WATCHED_PERIOD if watched else PERIOD), rested)
                tick_due = now + TICK_PERIOD
            elif now >= tick_due:
                self._turn((self._tick,))
                tick_due = now + TICK_PERIOD
            self._busy = bool(self._open) or any(ticker.busy() for ticker in self._tickers)

    def _turn(self, steps: Sequence[Callable[[], None]]) -> None:
        """One look at everything. A step that fails is logged and tried again in the next turn; the others go on."""
        for step in steps:
            if self._stopping or self._writer.failed is not None:
                return
            name = getattr(step, "__name__", "step").strip("_")
            try:
                step()
            except Exception as error:
                LOG.exception("%s failed", name)
                self._events.publish("error", name, {"message": str(error)})
                self._wake.wait(0.2)

    def _collect(self) -> None:
        """Reads what the runs wrote, new SDK runs and lines after an end too; `_open` is up to date afterwards."""
        self._lost_sight, self._missed = self._missed, set()
        told = inbox.waiting(self._home)
        arrived = self._writer.read(lambda read: inbox.take(self._home, read, told)) if told else []
        # a daemon before this one may have died between a launch and the reading of it
        first = not self._collected.is_set()
        known = {
            run.run_id: run.folder.path for run in self._writer.recall(open_runs) if first or not run.at_rest
        }
        known.update({run_id: self._home.run_dir(run_id) for run_id in arrived})
        known.update({path.name: path for path in self._late.due()})
        if known:
            self._writer.ingest(known.values()).result()
        inbox.done(self._home, arrived)
        self._open = self._writer.recall(open_runs)
        self._collected.set()

    def _follow(self) -> None:
        """Carries stop requests to where they are heard, and notices who is gone."""
        changed = []
        for run in self._open:
            if run.ended or run.state == "QUEUED":
                continue
            with self._own_fault(run):
                attempt = run.folder.latest()
                if attempt and self._follow_one(run, attempt):
                    changed.append(run.folder.path)
        if changed:
            self._writer.ingest(changed).result()
            self._open = self._writer.recall(open_runs)

    @contextmanager
    def _own_fault(self, run: OpenRun) -> Iterator[None]:
        """A folder that cannot be read or written, or says nothing that can be understood, holds up its own run and no other."""
        try:
            yield
        except (OSError, msgspec.DecodeError) as error:
            if run.run_id not in self._lost_sight | self._missed:
                LOG.error("run %s cannot be followed, and is tried again: %s", run.run_id, error)
            self._missed.add(run.run_id)

    def _follow_one(self, run: OpenRun, attempt: int) -> bool:
        """True where the folder has news."""
        if run.stop_asked and run.folder.stop_request(attempt) is None:
            run.folder.request_stop(attempt, "daemon")
        life = life_of(run.folder, attempt, run.sdk)
        request = run.folder.stop_request(attempt)
        if life in (Life.UNSUPERVISED, Life.GONE) and unread(str(run.folder.path), attempt):
            self._read_output(run.folder, attempt)
        if life is Life.GONE:
            if request is not None:
                record_end(run.folder, attempt, "stopped without its shim", stopped=True)
            else:
                record_lost(run.folder, attempt)
            return True
        if life is Life.UNSUPERVISED and mark_unsupervised(run.folder, attempt):
            LOG.warning("run %s goes on without its shim", run.run_id)
            self._events.publish("run", run.run_id, {"unsupervised": True})
        alone = life is Life.UNSUPERVISED or (run.sdk and life is Life.SUPERVISED)
        if request is not None and alone:
            self._reaper.follow(run.folder, attempt, request, run.sdk)
        return life is Life.ENDED

    def _read_output(self, folder: RunFolder, attempt: int) -> None:
        """Shim and reader were both killed: the program would wait as soon as its pipe is full."""
        try:
            self._launcher.read_output(folder, attempt, known_secrets.of_run(folder.run_id))
        except Problem as problem:
            LOG.error("nobody reads what run %s prints: %s", folder.run_id, problem)

    def _sync_journals(self) -> None:
        """A shim does this for its run; for a script of somebody's own there is nobody else."""
        self._syncs.follow(self._open)

    def _settle_ended(self) -> None:
        """Ended runs into the ledger."""
        ended = [run for run in self._open if run.ended and run.submitted]
        settled = []
        for run in ended:
            with self._own_fault(run):
                if self._settling.settle(run.run_id, run.folder.latest()):
                    settled.append(run)
        for run in settled:
            known_secrets.forget(run.run_id)
        if settled:
            self._open = self._writer.recall(open_runs)
            self._wake.set()

    def _start_waiting(self) -> None:
        """Launches what may start. What has been launched and not settled still holds its place."""
        waiting = [run for run in self._open if self._is_waiting(run)]
        self._captures.keep({run.run_id for run in waiting})
        if not waiting:
            self.waits = {}
            return
        by_id = {run.run_id: run for run in waiting}
        active = [run.active() for run in self._open if run.run_id not in by_id and self._holds_place(run)]
        upstream = {run_id for run in waiting for run_id in run.after}
        states = self._writer.read(lambda read: states_of(read, upstream))
        ready = [run.waiting() for run in waiting if run.stop_asked or self._is_captured(run)]
        quiet = cache(
            lambda project: not self._arriving(project)
        )  # it looks at the disk: once for each project
        decisions = self._queue.decide(ready, active, states, quiet)
        self.waits = decisions.waits
        changed = []
        for doomed, reason in decisions.kill:
            folder = by_id[doomed.run_id].folder
            with self._own_fault(by_id[doomed.run_id]):
                attempt = folder.latest()
                if not attempt or life_of(folder, attempt) is Life.UNCLAIMED:
                    record_end(folder, max(1, attempt), reason, stopped=True)
                changed.append(folder.path)  # of one that was launched and not read, the next turn knows
        for run in decisions.launch:
            folder = by_id[run.run_id].folder
            with self._own_fault(by_id[run.run_id]):
                self._launch(folder)
                changed.append(folder.path)
        if changed:
            self._writer.ingest(changed).result()
            self._wake.set()

    def _is_waiting(self, run: OpenRun) -> bool:
        """Submitted, and no shim has its newest attempt: a launch that a dying daemon did not finish counts as none."""
        if run.ended or run.sdk or not run.submitted:
            return False
        if run.at_rest:
            return True
        unclaimed = False
        with self._own_fault(run):
            attempt = run.folder.latest()
            unclaimed = attempt == 0 or life_of(run.folder, attempt) is Life.UNCLAIMED
        return unclaimed

    def _is_captured(self, run: OpenRun) -> bool:
        captured = False
        with self._own_fault(run):
            captured = self._captures.ready(run.folder, run.kind)
        return captured

    @staticmethod
    def _holds_place(run: OpenRun) -> bool:
        """An ended run holds its place until it is settled: the next look at the evaluation rows follows from it."""
        return not run.sdk and (not run.ended or run.kind in {*JUDGING_KINDS, "ingest"})

    def _launch(self, folder: RunFolder) -> None:
        attempt = max(1, folder.latest())
        try:
            spec = _spec(folder)
            context = self._writer.read(lambda read: resolve(read, folder, spec, attempt))
            self._launcher.launch(folder, context, known_secrets.of_run(folder.run_id))
        except Problem as problem:
            LOG.error("run %s cannot be launched: %s", folder.run_id, problem)
            if life_of(folder, attempt) is not Life.UNCLAIMED:
                return  # a shim had taken it, and died: what it left tells how the run ends
            record_end(folder, attempt, str(problem)[:500], stopped=False, exit_code=126)

    def _tick(self) -> None:
        for ticker in self._tickers:
            ticker.tick()


def _spec(folder: RunFolder) -> RunSpec:
    """What is to be started. Raises Problem where nobody will be able to say so any more, OSError where it cannot be read for now."""
    try:
        return folder.spec()
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise Problem("run_damaged", f"its spec.json is gone or damaged: {error}") from error
