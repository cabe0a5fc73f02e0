"""Who is the daemon of a home: whoever holds the lock on a file that is never removed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


class DaemonLock:
    """An exclusive flock on `<home>/daemon.lock`; the kernel lets go of it however the process ends.

    The file stays for good: were it unlinked, two daemons could each hold a lock on a file of that name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def acquire(self) -> bool:
        """Takes the lock if it is free."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def acquire_or(self, give_up: Callable[[], bool], timeout: float) -> bool:
        """Takes the lock as soon as it is free; False when `give_up()` says so, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.acquire():
            if give_up() or time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def release(self) -> None:
        """Lets go; harmless where it is not held."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
