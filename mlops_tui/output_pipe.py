"""Where the output of a running attempt passes through, and who reads it: whoever holds the lock.

Shared by the shim and the daemon. Standard library only, and quick to import.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select

HINT = b"\0mlops-tui:mask:"
"""Begins a line of the pipe that is meant for the reader: a value to mask follows, in hexadecimal digits."""


def pipe_of(run_dir: str, attempt: int) -> str:
    """Not in the attempt's own folder, which counts as changed when something in it has a new time."""
    return os.path.join(run_dir, f"output-{attempt}")


def take_lock(path: str) -> int | None:
    """A handle with the reader's lock of a pipe; None where a reader has it, -1 where there is nothing to read any more."""
    try:
        handle = os.open(path + ".lock", os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    if not os.path.exists(path):
        os.close(handle)
        return -1
    return handle


def remove(path: str) -> None:
    """Takes the pipe away, and its lock after it: who finds no lock has nothing to read."""
    for name in (path, path + ".lock"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def hide(run_dir: str, attempt: int, value: str) -> None:
    """Asks the reader to mask a value that only the program knows, in what it prints from now on: through the pipe itself, so that it
    arrives before that, and touches no disk. Where nothing is read for a second, the program goes on without."""
    word = HINT + value.encode(errors="surrogateescape").hex().encode() + b"\n"
    if len(word) > select.PIPE_BUF:
        return  # could be torn apart by what others print
    try:
        handle = os.open(pipe_of(run_dir, attempt), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # not under a shim, or nobody reads
    try:
        poller = select.poll()
        poller.register(handle, select.POLLOUT)
        if poller.poll(1000):
            os.write(handle, word)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def unread(run_dir: str, attempt: int) -> bool:
    """Whether there is a pipe that nobody reads."""
    lock = take_lock(pipe_of(run_dir, attempt))
    if lock is None or lock < 0:
        return False
    os.close(lock)
    return True
