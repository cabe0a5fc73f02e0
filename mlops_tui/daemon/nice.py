"""Politeness towards training: which threads of the daemon step back.

On Linux the nice value belongs to a thread, and a process starts with that of the thread that started it. So only the
threads that compute (index, ingest) are lowered; the thread that starts runs is not, and training never inherits it.
"""

from __future__ import annotations

import os
import sys
import threading

BACKGROUND = 10


def lower_this_thread(value: int = BACKGROUND) -> bool:
    """Lowers the calling thread, and the threads it starts from now on. False where that is not a matter of threads (macOS)."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), value)
    except OSError:
        return False
    return True
