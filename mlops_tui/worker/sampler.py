"""What a run uses: CPU, memory and storage of its process tree, once a second, into a journal of its own.

Also the one who makes the run's journals durable, so that training never waits for a disk. A thread of the shim: a stalled disk holds up
this thread and not the one that answers a stop.
"""

from __future__ import annotations

import os
import threading
import time

from mlops_tui import processes
from mlops_tui.journal_sync import JournalSync
from mlops_tui.worker.shim_journal import open_journal, write_rows

PERIOD = 1.0
# the search for new processes may take at most this share of one core
_SEARCH_SHARE = 0.005


class Sampler:
    """Samples the descendants of this process (and of `session`) until `finish`."""

    def __init__(self, run_dir: str, attempt: int, session: int) -> None:
        self._run_dir = run_dir
        self._journals = JournalSync(os.path.join(run_dir, "journal"))
        self._attempt = attempt
        self._session = session
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._members: list[int] = []
        self._search_at = 0.0
        self._cpu = 0.0
        self._io = (0, 0)
        # what the shim itself read and wrote to get here is not the run's
        self._before = processes.io_bytes("self")
        self._time = time.monotonic()
        self._step = 0
        self._fd = -1
        self._dropped = 0

    def start(self) -> None:
        self._thread.start()

    def finish(self, timeout: float) -> None:
        """A last sample and a last sync; gives up on a disk that does not answer within `timeout` seconds."""
        self._done.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        self._open()
        # the first value comes early, so that a run of a few seconds has some
        wait = PERIOD / 4
        while not self._done.wait(wait):
            wait = PERIOD
            self._sample()
            self._journals.sync()
        self._sample()
        if self._dropped:
            self._write([["d", self._dropped, "write failed"]])
        self._journals.sync()

    # --- samples ---

    def _sample(self) -> None:
        now = time.monotonic()
        rows = self._tree(now)
        live = [row for row in rows if not row.dead]
        # what a dead process used is in its parent's account once the parent has waited for it: ours for orphans
        waited = os.times()
        cpu = sum(row.cpu_seconds for row in rows) + waited.children_user + waited.children_system
        percent = max(0.0, cpu - self._cpu) / max(now - self._time, 1e-6) * 100
        self._cpu, self._time = max(cpu, self._cpu), now
        read, written = self._storage(live)
        stamp = time.time_ns() // 1_000_000
        values: list[tuple[str, float]] = [("system/cpu_percent", round(percent, 2))]
        if live:
            values.append(("system/rss_bytes", sum(row.rss_bytes for row in live)))
        values += [("system/read_bytes", read), ("system/write_bytes", written)]
        self._write([["m", key, self._step, stamp, value] for key, value in values])
        self._step += 1

    def _tree(self, now: float) -> list[processes.Process]:
        """The tree's processes. Looking through the whole table costs by the box, not by the run: so not each time."""
        if now < self._search_at:
            known = (processes.read(pid) for pid in self._members)
            return [row for row in known if row is not None]
        started = time.thread_time()
        rows = processes.descendants(os.getpid(), processes.table(), self._session)
        cost = time.thread_time() - started
        self._search_at = now + max(0.0, cost / _SEARCH_SHARE - PERIOD)
        self._members = [row.pid for row in rows]
        return rows

    def _storage(self, live: list[processes.Process]) -> tuple[int, int]:
        """Bytes (read, written) since the start; never falls, though a process takes its account along when it dies unwaited."""
        accounts = [processes.io_bytes(row.pid) for row in live]
        waited, own = processes.io_bytes("self"), processes.io_bytes("thread-self")
        accounts.append(
            (
                max(0, waited[0] - own[0] - self._before[0]),
                max(0, waited[1] - own[1] - self._before[1]),
            )
        )
        self._io = (
            max(self._io[0], sum(a[0] for a in accounts)),
            max(self._io[1], sum(a[1] for a in accounts)),
        )
        return self._io

    # --- the journal ---

    def _open(self) -> None:
        try:
            self._fd = open_journal(self._run_dir, self._attempt, "shim")
        except OSError:
            self._dropped += 1

    def _write(self, rows: list[list[object]]) -> None:
        """A full disk costs the rows, which are counted: there is nobody to tell, and the run goes on."""
        if self._fd < 0 or not write_rows(self._fd, rows):
            self._dropped += len(rows)
