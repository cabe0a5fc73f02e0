"""A log that does not fill the disk: beyond the cap its middle is given back to the file system.

The offsets of what stays do not change, so that who follows it keeps its place. Linux file
systems that cannot punch holes, and other systems, keep the whole log.
"""

from __future__ import annotations

import os

from mlops_tui import processes

CAP = 512 << 20
HEAD = 64 << 20
TAIL = 256 << 20
_BLOCK = 1 << 20
_PUNCH_HOLE = 0x01 | 0x02  # and keep the size


class LogCap:
    """Looks after one log; who writes it calls `check` now and then."""

    def __init__(self, path: str, cap: int = CAP, head: int = HEAD, tail: int = TAIL) -> None:
        self._path = path
        self._cap = cap
        self._head = head
        self._tail = tail
        self._punched = head
        self._useless = not processes.LINUX

    def check(self) -> bool:
        """Drops what lies between the first `head` and the last `tail` bytes once the rest is over the cap. True if it did."""
        if self._useless:
            return False
        try:
            size = os.stat(self._path).st_size
        except OSError:
            return False
        end = (size - self._tail) // _BLOCK * _BLOCK
        if size - (self._punched - self._head) <= self._cap or end <= self._punched:
            return False
        if not self._punch(self._punched, end - self._punched):
            self._useless = True
            return False
        self._punched = end
        return True

    def _punch(self, offset: int, length: int) -> bool:
        try:
            import ctypes  # not before it is needed: few logs are that long

            call = ctypes.CDLL(None).fallocate
            handle = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        except (ImportError, AttributeError, OSError):
            return False
        try:
            call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
            return bool(call(handle, _PUNCH_HOLE, offset, length) == 0)
        finally:
            os.close(handle)
