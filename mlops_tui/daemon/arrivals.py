"""Which files have arrived whole. No disk watcher and no clock of its own: it is told what was seen, and when."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from dataclasses import dataclass, field
from pathlib import Path

Mark = tuple[int, int, int]
"""(size, mtime_ns, inode): another one means other bytes."""

STEADY = 0.5
"""Seconds between the two looks that must agree where nothing said that the file was closed."""
DEBOUNCE = 0.7
"""Seconds of silence in a source before what has arrived there is looked at together."""
PATIENCE = 5.0
"""Seconds that a whole file waits at most for others that are still being written."""
OPEN_PATIENCE = 60.0
"""Seconds without a change after which a file counts as whole although a process holds it open for writing."""
HOLD = 600.0
"""Seconds after which a file that never gets whole holds up nobody any more."""


@dataclass
class Candidate:
    """A file on its way. Times are of a monotonic clock, in seconds."""

    mark: Mark
    since: float
    changed: float
    closed: bool = False

    def whole(self, now: float) -> bool:
        return self.closed or now - self.changed >= STEADY


@dataclass
class Arrivals:
    """One source's files: those known, those coming. Keys are absolute paths."""

    known: dict[str, Mark] = field(default_factory=dict)
    coming: dict[str, Candidate] = field(default_factory=dict)

    def notice(self, path: Path, now: float, *, closed: bool = False) -> None:
        """A file was seen, or an event named it; `closed` where it was closed after writing, or renamed to this name."""
        text = str(path)
        mark = mark_of(path)
        if mark is None or self.known.get(text) == mark:
            self.coming.pop(text, None)
            return
        there = self.coming.get(text)
        if there is None:
            self.coming[text] = Candidate(mark, now, now, closed)
        elif there.mark != mark:
            there.mark, there.changed, there.closed = mark, now, closed
        else:
            there.closed = there.closed or closed

    def look_again(self, now: float) -> None:
        """Looks at everything that is coming: what grew starts anew, what is gone is forgotten."""
        for text in list(self.coming):
            self.notice(Path(text), now)

    def ready(self, now: float) -> list[str]:
        """The whole files, once the source is silent or one of them has waited long enough."""
        whole = [
            text
            for text, candidate in self.coming.items()
            if candidate.whole(now) and (now - candidate.changed >= OPEN_PATIENCE or not being_written(text))
        ]
        if not whole:
            return []
        silent = all(now - candidate.changed >= DEBOUNCE for candidate in self.coming.values())
        patient = any(now - self.coming[text].since >= PATIENCE for text in whole)
        return sorted(whole) if silent or patient else []

    def holding(self, now: float) -> bool:
        """Whether something is coming that is worth waiting for."""
        return any(now - candidate.since < HOLD for candidate in self.coming.values())

    def learn(self, path: str, mark: Mark) -> None:
        """A file with this mark has been dealt with."""
        self.known[path] = mark
        there = self.coming.get(path)
        if there is not None and there.mark == mark:
            del self.coming[path]


def mark_of(path: Path) -> Mark | None:
    """None where there is no such file, or a folder. Links are followed: the bytes count."""
    try:
        at = os.stat(path)
    except OSError:
        return None
    return None if stat.S_ISDIR(at.st_mode) else (at.st_size, at.st_mtime_ns, at.st_ino)


def being_written(path: str) -> bool:
    """Whether a process has the file open for writing; False also where the kernel does not tell (not Linux, not our file).

    The kernel refuses a read lease on such a file. The lease lasts for no longer than this look.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # who opens it for writing at this very moment makes the kernel signal us: by default that would end the daemon
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(fd)
    return False
