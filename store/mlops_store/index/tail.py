"""Reading on in a journal file: what was added since the last time, and whether it still is the file that was read before."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

BLOCK = 8 << 20
_EDGE = 64
_HEAD = 256


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
    """The complete lines after the offset, about `limit` bytes of them at most; b'' where there are none yet.

    A line longer than `limit` is read whole. Raises Replaced, OSError.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    try:
        size = os.fstat(fd).st_size
        if size < offset.bytes:
            raise Replaced
        if offset.bytes and _edges(fd, offset.bytes) != (offset.head, offset.tail):
            raise Replaced
        block = os.pread(fd, min(limit, size - offset.bytes), offset.bytes)
        end = block.rfind(b"\n")
        while end < 0 and offset.bytes + len(block) < size:
            more = os.pread(fd, limit, offset.bytes + len(block))
            if not more:
                break
            end = more.rfind(b"\n")
            end = end + len(block) if end >= 0 else -1
            block += more
        block = block[: end + 1]
        if block:
            offset.bytes += len(block)
            offset.head, offset.tail = _edges(fd, offset.bytes)
        return block
    finally:
        os.close(fd)


def _edges(fd: int, end: int) -> tuple[str, str]:
    """Digests of the file's first line (256 bytes at most) and of the 64 bytes before `end`."""
    head = os.pread(fd, min(_HEAD, end), 0).split(b"\n", 1)[0]
    start = max(0, end - _EDGE)
    return _digest(head), _digest(os.pread(fd, end - start, start))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
