"""Runs that were started by someone else: an earlier daemon, a shim that died, a script with the SDK.

Who still lives is asked of the kernel, by pid, start time, boot and namespace; what the kernel cannot tell is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from enum import Enum

from mlops_store.atomic import write_json
from mlops_store.ids import now_ms
from mlops_store.records import ExitRecord, Identity
from mlops_store.redact import redact_text
from mlops_store.run_folder import RunFolder, StopRequest
from mlops_tui import processes

UNSUPERVISED = "unsupervised"
_CLAIM_SETTLES_MS = 10_000


class Life(Enum):
    """What is left of an attempt."""

    ENDED = "there is an exit record"
    UNCLAIMED = "no shim has taken it"
    SUPERVISED = "its shim lives, or the run is its own process"
    UNSUPERVISED = "the child lives without its shim"
    GONE = "nothing lives and nothing was recorded"
    UNKNOWN = "it lives where we cannot look"


def life_of(folder: RunFolder, attempt: int, sdk: bool = False) -> Life:
    """What is left of an attempt. Looks at processes first and at the record after, so that an end in between is no loss."""
    place = folder.attempt_dir(attempt)
    shim, child = folder.shim(attempt), folder.child(attempt)
    child_lives = _lives(child)
    shim_lives = child_lives if sdk else _shim_lives(shim, folder, attempt)
    if (place / "exit.json").exists():
        return Life.ENDED
    if not sdk and shim is None and not (place / "claim").exists():
        return Life.UNCLAIMED
    if shim_lives:
        return Life.SUPERVISED
    if child_lives:
        return Life.UNSUPERVISED
    if shim_lives is None or (child is not None and child_lives is None and shim is None):
        return Life.UNKNOWN
    return Life.GONE


def _lives(who: Identity | None) -> bool | None:
    if who is None:
        return False
    return processes.alive(who.pid, who.start_ticks, who.boot_id, who.pid_ns)


def _shim_lives(shim: Identity | None, folder: RunFolder, attempt: int) -> bool | None:
    """From another pid namespace the lock on the claim tells; a claim of the last seconds may not have its identity yet."""
    lives = _lives(shim)
    if shim is not None and lives is not None:
        return lives
    claim = folder.attempt_dir(attempt) / "claim"
    try:
        with open(claim, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return True if error.errno in (errno.EAGAIN, errno.EACCES) else None
            if (
                shim is None
                and now_ms() - os.fstat(file.fileno()).st_mtime_ns // 1_000_000 < _CLAIM_SETTLES_MS
            ):
                return True
    except FileNotFoundError:
        return False
    return False


def record_lost(folder: RunFolder, attempt: int) -> None:
    """Writes that there is no evidence. A stop that was asked for and carried out by us is not a loss."""
    ended = ExitRecord(
        exit_code=None,
        signal=None,
        ended=now_ms(),
        lost=True,
        reason="the process and its shim are gone and left no exit record",
    )
    write_json(folder.attempt_dir(attempt) / "exit.json", ended)


def record_end(
    folder: RunFolder, attempt: int, reason: str, *, stopped: bool, exit_code: int | None = None
) -> None:
    """An end that no process can write itself: withdrawn from the queue, not launched, stopped without a shim."""
    place = folder.attempt_dir(attempt)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(
        place / "exit.json",
        ExitRecord(
            exit_code=exit_code, signal=None, ended=now_ms(), stopped=stopped, reason=redact_text(reason)
        ),
    )


def mark_unsupervised(folder: RunFolder, attempt: int) -> bool:
    """Leaves the mark that `run show` tells of. True the first time."""
    mark = folder.attempt_dir(attempt) / UNSUPERVISED
    if mark.exists():
        return False
    write_json(mark, {"time": now_ms()})
    return True


class Reaper:
    """Stops what has no shim: unsupervised children and SDK runs. Keeps only whom it has already asked."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], float] = {}

    def follow(self, folder: RunFolder, attempt: int, request: StopRequest, sdk: bool) -> bool:
        """One step towards the end; True when nothing is left. First the signal, after the grace SIGKILL to the whole tree.

        An SDK run is somebody's own process (a notebook, a shell's child): it gets SIGINT, and its session is not ours.
        """
        child = folder.child(attempt)
        if child is None or not _lives(child):
            return True
        key = (folder.run_id, attempt)
        # the grace is counted from when we asked, by a clock that nobody sets
        asked = self._asked.get(key)
        if asked is None:
            self._asked[key] = time.monotonic()
            self._ask(child, signal.SIGINT if sdk else request.signal, group=not sdk)
        elif time.monotonic() >= asked + request.grace:
            rows = processes.table()
            below = processes.descendants(child.pid, rows, None if sdk else child.pid)
            root = rows.get(child.pid)
            processes.send_all([*below, *([root] if root else [])], signal.SIGKILL)
        return False

    @staticmethod
    def _ask(child: Identity, number: int, *, group: bool) -> None:
        try:
            if processes.send(child.pid, child.start_ticks, number) and group:
                rows = processes.table()
                others = [row for row in processes.descendants(child.pid, rows) if row.session == child.pid]
                processes.send_all(others, number)
        except PermissionError:
            return  # another user's by now: the grace ends, and the same answer is then visible in the state
