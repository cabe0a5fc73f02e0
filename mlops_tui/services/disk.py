"""How much the home takes: counted by `du` beside the daemon, never while somebody waits for an answer."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass

from mlops_store.home import Home
from mlops_store.ids import now_ms

LOG = logging.getLogger("mlops_tui.services")

FRESH = 600.0
"""Seconds that a count is good for."""
_PATIENCE = 1800.0
_REST = 50
"""A count that took long is good for this many times as long: counting is never more than 2 % of the time."""


@dataclass(frozen=True)
class Counted:
    """Bytes that the files of a home take, and when (UTC ms) they were counted."""

    bytes: int
    time: int


class Usage:
    """The count of one home; thread-safe."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._counted: Counted | None = None
        self._due = 0.0
        self._thread: threading.Thread | None = None

    def now(self) -> Counted | None:
        """The last count, None before the first; starts another where it is old. Returns at once."""
        with self._lock:
            idle = self._thread is None or not self._thread.is_alive()
            if idle and time.monotonic() >= self._due:
                self._thread = threading.Thread(target=self._count, name="disk-usage", daemon=True)
                self._thread.start()
            return self._counted

    def wait(self, seconds: float) -> None:
        """Until a count that is under way is done."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _count(self) -> None:
        began = time.monotonic()
        found = count(self._home)
        took = time.monotonic() - began
        with self._lock:
            self._due = time.monotonic() + max(FRESH, took * _REST)
            if found is not None:
                self._counted = Counted(found, now_ms())


def count(home: Home) -> int | None:
    """Bytes on disk, hard links once; None where they cannot be counted, which the log tells."""
    nice = shutil.which("nice")
    command = [*([nice, "-n", "10"] if nice else []), "du", "-sk", "--", os.fspath(home.path)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
        # files may vanish while it counts: then du complains, and its sum is good all the same
        return int(done.stdout.split()[0]) * 1024
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        LOG.warning("the size of the home cannot be counted: %s", error)
        return None


_usage: dict[str, Usage] = {}
_usage_lock = threading.Lock()


def usage(home: Home) -> Usage:
    """The count of this home; one for the process."""
    with _usage_lock:
        return _usage.setdefault(os.fspath(home.path), Usage(home))
