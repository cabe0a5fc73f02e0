"""Reading on in a journal file: what was added since the last time, and whether it still is the file that was read before."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

BLOCK = 8 << 20
_EDGE = 64
_HEAD = 256
_UNREADABLE = b"?\n"


@dataclass
class Offset:
    """How far a file has been read; a row of the table `offsets`. `head` and `tail` are digests of the bytes at its edges."""

    run_id: str
    file: str
    bytes: int = 0
    lines: int = 0
    bad_lines: int = 0
    unknown_lines: int = 0
    dropped: int = 0
    head: str = ""
    tail: str = ""
    replaced: bool = False

    def row(self) -> tuple[object, ...]:
        """The values in the order of the table's columns."""
        return (self.run_id, self.file, self.bytes, self.lines, self.bad_lines, self.unknown_lines, self.dropped,
                self.head, self.tail, self.replaced)  # fmt: skip

    def restart(self) -> None:
        """Forgets all that was read."""
        self.bytes = self.lines = self.bad_lines = self.unknown_lines = self.dropped = 0
        self.head = self.tail = ""


class Replaced(Exception):
    """The file is not the one that was read before: it shrank, or other bytes stand where known ones stood."""


def read_on(path: Path, offset: Offset, limit: int = BLOCK) -> bytes:
    """The complete lines after the offset, `limit` bytes of them at most; b'' where there are none yet.

    No writer of ours makes a line longer than that: it is passed over, and comes as one that cannot be read. Raises Replaced, OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    try:
        size = os.fstat(fd).st_size
        if size < offset.bytes:
            raise Replaced
        if offset.bytes and _edges(fd, offset.bytes) != (offset.head, offset.tail):
            raise Replaced
        block = os.pread(fd, min(limit, size - offset.bytes), offset.bytes)
        end = offset.bytes + block.rfind(b"\n") + 1
        block = block[: end - offset.bytes]
        if not block and size - offset.bytes > limit:
            end = _end_of_line(fd, offset.bytes + limit, limit)
            block = _UNREADABLE if end else b""
        if block:
            offset.bytes = end
            offset.head, offset.tail = _edges(fd, end)
        return block
    finally:
        os.close(fd)


def _end_of_line(fd: int, start: int, limit: int) -> int:
    """Where the line ends that goes on at `start`; 0 where it has no end yet. Reads `limit` bytes at a time."""
    while part := os.pread(fd, limit, start):
        found = part.find(b"\n")
        if found >= 0:
            return start + found + 1
        start += len(part)
    return 0


def _edges(fd: int, end: int) -> tuple[str, str]:
    """Digests of the file's first line (256 bytes at most) and of the 64 bytes before `end`."""
    head = os.pread(fd, min(_HEAD, end), 0).split(b"\n", 1)[0]
    start = max(0, end - _EDGE)
    return _digest(head), _digest(os.pread(fd, end - start, start))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
