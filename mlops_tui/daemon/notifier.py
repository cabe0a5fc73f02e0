"""Sends notices from a thread of its own: a slow webhook must not hold up the loop."""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlops_store.atomic import read_json_if, write_json
from mlops_store.index import ledger_log
from mlops_tui.services.doctor import NOTIFY_FILE
from mlops_tui.services.notify import Notice, NotSent, notices, send

if TYPE_CHECKING:
    from mlops_tui.daemon.watch import Writes

LOG = logging.getLogger("mlops_tui.daemon")
_LIMIT = 1000
_KEPT = 20


class NotifyFile(msgspec.Struct):
    """`notify.json`: up to which ledger entry everyone was told, and the last failures, for `doctor`."""

    seq: int = 0
    failures: list[dict[str, object]] = []


class Notifier:
    """`start`, `tick` again and again, `stop`. Where it was is kept on disk: a restart tells nothing twice, and what happened while
    no daemon ran is told by the next one."""

    def __init__(self, writer: Writes) -> None:
        self._writer = writer
        self._path: Path = writer.home.path / NOTIFY_FILE
        self._queue: queue.Queue[Notice | None] = queue.Queue(_LIMIT)
        self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
        self._file: NotifyFile | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What has not been sent by then is not sent: the daemon does not wait for other people's servers."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            LOG.warning("%d notices were not sent", self._queue.qsize())
        if self._thread.ident is not None:
            self._thread.join(1.0)

    def busy(self) -> bool:
        return not self._queue.empty()

    def tick(self) -> None:
        """Looks for news in the ledger, hands them to the thread."""
        file = self._load()
        if self._writer.recall(ledger_log.head) == file.seq:
            return
        found, until = self._writer.read(lambda read: notices(read, file.seq))
        for notice in found:
            try:
                self._queue.put_nowait(notice)
            except queue.Full:
                self._failed(notice, "too many notices are waiting")
        with self._lock:
            file.seq = until
            if found:
                write_json(self._path, file)

    def _load(self) -> NotifyFile:
        """A home that has never told anyone begins with what happens from now on."""
        if self._file is None:
            there = read_json_if(self._path, NotifyFile)
            if there is None:
                there = NotifyFile(seq=self._writer.read(ledger_log.head))
                write_json(self._path, there)
            self._file = there
        return self._file

    def _run(self) -> None:
        while (notice := self._queue.get()) is not None:
            try:
                send(notice)
            except NotSent as problem:
                self._failed(notice, str(problem))
            except Exception as error:
                LOG.exception("notice %d", notice.seq)
                self._failed(notice, f"{type(error).__name__}: {error}")

    def _failed(self, notice: Notice, why: str) -> None:
        LOG.warning("nobody was told of %s (%s): %s", notice.event["event"], notice.event["project"], why)
        with self._lock:
            file = self._file
            if file is None:
                return
            failure = {
                "time": notice.event["time"],
                "project": notice.event["project"],
                "event": notice.event["event"],
                "why": why,
            }
            file.failures = [*file.failures, failure][-_KEPT:]
            write_json(self._path, file)
