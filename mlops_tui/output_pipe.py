"""Where the output of a running attempt passes through, and who reads it: whoever holds the lock.

Shared by the shim and the daemon. Standard library only, and quick to import.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time

HINT = b"\0mlops-tui:mask:"
"""Begins a line of the pipe that is meant for the reader: a value to mask follows, in hexadecimal digits."""


def pipe_of(run_dir: str, attempt: int) -> str:
    """Not in the attempt's own folder, which counts as changed when something in it has a new time."""
    return os.path.join(run_dir, f"output-{attempt}")


def take_lock(path: str) -> int | None:
    """A handle with the reader's lock of a pipe; None where a reader has it, -1 where there is nothing to read any more.

    Raises OSError, where nothing is known (too many open files).
    """
    try:
        # to read is enough for a lock, and goes on a disk that has turned read-only
        handle = os.open(path + ".lock", os.O_RDONLY | os.O_CLOEXEC)
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


def hide(run_dir: str, attempt: int, value: str, patience: float = 1.0) -> bool:
    """Asks the reader to mask a value that only the program knows, in what it prints from now on: through the pipe itself, so that it
    arrives before that, and touches no disk. Waits for `patience` seconds while the pipe is full.

    False where it was not sent, and may be another time. A value above about 2 KB is left alone: True.
    """
    word = HINT + value.encode(errors="surrogateescape").hex().encode() + b"\n"
    if len(word) > select.PIPE_BUF:
        return True  # could be torn apart by what others print
    try:
        handle = os.open(pipe_of(run_dir, attempt), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # not under a shim, or nobody reads
    try:
        poller = select.poll()
        poller.register(handle, select.POLLOUT)
        end = time.monotonic() + patience
        while poller.poll(max(0.0, end - time.monotonic()) * 1000):
            with contextlib.suppress(BlockingIOError):  # another was faster
                os.write(handle, word)
                return True
    except OSError:
        return False  # the last reader has gone
    finally:
        os.close(handle)
    return False


def unread(run_dir: str, attempt: int) -> bool:
    """Whether there is a pipe that nobody reads. Not where that cannot be told now: who asks, asks again."""
    try:
        lock = take_lock(pipe_of(run_dir, attempt))
    except OSError:
        return False
    if lock is None or lock < 0:
        return False
    os.close(lock)
    return True
