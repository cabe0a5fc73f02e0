"""For a process that serves the one that started it: it holds the other end of our standard input, and ends with it."""

from __future__ import annotations

import os
import sys
import threading


def end_with_it() -> None:
    """From now on this process ends when its standard input is closed, as it is when its parent ends, however that happens."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    try:
        # not by the buffer, whose lock the interpreter wants when it ends
        while os.read(sys.stdin.fileno(), 4096):
            continue
    finally:  # an error is an end, too: a socket is reset where the other side had not read all
        os._exit(1)
