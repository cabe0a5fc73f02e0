"""Lines that came after a run had ended: of a forked helper that went on, of a copy from another box, or while no daemon was there; and
records that are to be read again, as a migration of the index says by taking away the data versions of their run, or the runs that it
waited for.

Ended runs are out of the loop's table, so nobody else looks at their journals again.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlops_store.index.asking import among
from mlops_store.index.tx import Read
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder
from mlops_tui.daemon.writer import WriterThread

PERIOD = 3.0
"""Seconds between two looks at the runs that ended lately."""
LATELY = 86_400_000
_RUNS = 200
"""Runs in one look: a few milliseconds."""
_AHEAD = 50 * _RUNS
"""Ids of ended runs that are asked for at once: finding the next ones among all runs takes longer than looking at them."""

_ENDED = "deleted IS NULL AND state IN (SELECT unnest(?::VARCHAR[]))"
_NEWEST_BEFORE = f"SELECT run_id FROM runs WHERE {_ENDED} AND run_id < ? ORDER BY run_id DESC LIMIT ?"
_ENDED_SINCE = f"SELECT run_id FROM runs WHERE {_ENDED} AND coalesce(ended, created) >= ? ORDER BY coalesce(ended, created) DESC LIMIT ?"

# what was read of the journals of some runs: bytes by file name, None where no more is read of it; None for a run whose records are to be read
_Read = dict[str, dict[str, int | None] | None]


class LateJournals:
    """Ask `due` in every turn. It looks once at all ended runs, the newest first and some at a time; then at those of a day."""

    def __init__(self, writer: WriterThread) -> None:
        self._writer = writer
        self._before = "~"  # above every id
        self._next: list[str] = []
        self._at = 0.0
        self._tried: dict[tuple[str, str], int] = {}

    def due(self) -> list[Path]:
        """The folders of ended runs whose journals hold more than was read of them."""
        if self._next or self._before:
            known = self._writer.read(self._the_next)
        elif time.monotonic() >= self._at:
            known = self._writer.recall(_lately)
            self._at = time.monotonic() + PERIOD
        else:
            return []
        home = self._writer.home
        return [path for run_id, files in known.items() if self._grew(path := home.run_dir(run_id), files)]

    def _the_next(self, read: Read) -> _Read:
        """Of all ended runs those that come next, newest first. A run that has ended since they were asked for is one of a day."""
        if not self._next:
            self._next = _ended(read, _NEWEST_BEFORE, self._before, _AHEAD)
            self._before = self._next[-1] if len(self._next) == _AHEAD else ""
        now, self._next = self._next[:_RUNS], self._next[_RUNS:]
        return _known(read, now)

    def _grew(self, folder: Path, files: dict[str, int | None] | None) -> bool:
        """Also false for what was tried at this size: half a line at the end stays unread for good."""
        if files is None:
            first = (folder.name, "records") not in self._tried
            self._tried[folder.name, "records"] = 0
            return first
        grew = False
        for name, size in _sizes(RunFolder(folder)):
            read = files.get(name, 0)
            if read is not None and size > read and self._tried.get((folder.name, name)) != size:
                self._tried[folder.name, name] = size
                grew = True
        return grew


def _sizes(folder: RunFolder) -> Iterator[tuple[str, int]]:
    """The size of each journal; none of a folder that cannot be looked at."""
    with contextlib.suppress(OSError):
        for path in folder.journals():
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                yield f"journal/{path.name}", status.st_size


def _lately(read: Read) -> _Read:
    return _known(read, _ended(read, _ENDED_SINCE, read.now - LATELY, _RUNS))


def _ended(read: Read, sql: str, since: Any, most: int) -> list[str]:
    return [row["run_id"] for row in read.rows(sql, [sorted(ENDED), since, most])]


def _known(read: Read, run_ids: list[str]) -> _Read:
    files: dict[str, dict[str, int | None]] = {run_id: {} for run_id in run_ids}
    mine, given = among(run_ids)
    for row in read.rows(f"SELECT run_id, file, bytes, replaced FROM offsets WHERE {mine}", given):
        files[row["run_id"]][row["file"]] = None if row["replaced"] else row["bytes"]
    unread = read.rows(f'SELECT run_id FROM runs WHERE {mine} AND (pins IS NULL OR "after" IS NULL)', given)
    return {**files, **{row["run_id"]: None for row in unread}}
