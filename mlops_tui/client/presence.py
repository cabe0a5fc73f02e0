"""Whether a daemon has a home, by the lock alone: it answers also when the daemon does not."""

from __future__ import annotations

import fcntl
import os
import time

from mlops_store.home import Home


def held(home: Home) -> bool:
    """Whether some process holds the daemon's lock."""
    try:
        fd = os.open(home.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def wait_until_free(home: Home, timeout: float) -> bool:
    """Waits until no process holds the lock; False after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while held(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
