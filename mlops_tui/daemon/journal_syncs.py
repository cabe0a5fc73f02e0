"""Makes the journals of runs durable that have no shim to do so: scripts that log by themselves."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from mlops_tui.daemon.run_table import OpenRun
from mlops_tui.journal_sync import JournalSync

LOG = logging.getLogger("mlops_tui.daemon")

PERIOD = 1.0


class JournalSyncs:
    """`follow` it in every turn of the loop; a disk that does not answer holds up nothing but the next sync."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal-sync")
        self._runs: dict[str, JournalSync] = {}
        self._running: Future[None] | None = None
        self._due = 0.0

    def follow(self, runs: Sequence[OpenRun]) -> None:
        """Syncs what has grown in the journals of the live SDK runs among these, at most once a second."""
        now = time.monotonic()
        if now < self._due or (self._running is not None and not self._running.done()):
            return
        if self._running is not None and (error := self._running.exception()) is not None:
            LOG.error("journals were not synced: %s", error)
        self._running = None
        live = {run.run_id: run for run in runs if run.sdk and not run.ended}
        self._runs = {
            run_id: self._runs.get(run_id) or JournalSync(str(run.folder.path / "journal"))
            for run_id, run in live.items()
        }
        if self._runs:
            self._due = now + PERIOD
            self._running = self._pool.submit(_sync, list(self._runs.values()))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def _sync(journals: Sequence[JournalSync]) -> None:
    for each in journals:
        each.sync()
