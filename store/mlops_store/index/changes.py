"""Which runs changed, and when: so that whoever keeps an answer about runs can bring it up to date instead of asking again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from mlops_store.records import LedgerEntry

_KEPT = 4096
"""Changed run ids that are remembered; who was away for longer asks anew."""

_OTHER_NOUNS = ("alias.", "data.", "firing.", "gate.look", "gate.waive", "policy.", "prediction.", "proposal.", "schema.", "source.", "view.")  # fmt: skip
"""Ledger verbs of these say nothing of runs, nor of how they are ordered (as `model.register` does: a metric's direction)."""


class Changes:
    """A counter of commits that touched runs, with the ids. The writer notes, readers ask; safe between threads.

    Noted after the commit: who reads `version` before it queries sees at least what that version stands for, and perhaps a commit more,
    which it will then be told of once more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._era = 0
        self._log: deque[tuple[int, frozenset[str], bool]] = deque()
        self._ids = 0
        self._oldest = 0  # versions after this one are in the log
        self._entries: dict[str, int] = {}

    @property
    def version(self) -> int:
        return self._version

    @property
    def era(self) -> int:
        """How often anything may have changed: what does not speak of single runs holds as long as this does."""
        return self._era

    def entries_of(self, noun: str) -> int:
        """How many entries of the ledger with verbs of this noun were noted."""
        return self._entries.get(noun, 0)

    def note(self, run_ids: Iterable[str], *, points_only: bool = False) -> None:
        """These runs changed; `points_only`: nothing but their metrics did."""
        ids = frozenset(run_ids)
        if not ids:
            return
        with self._lock:
            self._version += 1
            self._log.append((self._version, ids, points_only))
            self._ids += len(ids)
            while self._ids > _KEPT and self._log:
                self._oldest, gone, _ = self._log.popleft()
                self._ids -= len(gone)

    def note_all(self) -> None:
        """Any run may have changed."""
        with self._lock:
            self._version += 1
            self._era += 1
            self._oldest, self._ids = self._version, 0
            self._log.clear()

    def note_entries(self, entries: Sequence[LedgerEntry]) -> None:
        """What entries of the ledger changed. An unknown verb may have changed anything."""
        ids: set[str] = set()
        for entry in entries:
            noun = entry.verb.partition(".")[0]
            self._entries[noun] = self._entries.get(noun, 0) + 1
        for entry in entries:
            run_id = entry.data.get("run_id")
            if (entry.verb.startswith("run.") or entry.verb == "gate.verdict") and isinstance(run_id, str):
                ids.add(run_id)
            elif not entry.verb.startswith((*_OTHER_NOUNS, "project.")):
                self.note_all()
                return
        self.note(ids)

    def since(self, version: int, *, points: bool = True) -> frozenset[str] | None:
        """The runs that changed after a version; None where nobody remembers. Without `points` those that got metrics only are left out."""
        with self._lock:
            if version < self._oldest:
                return None
            return frozenset[str]().union(
                *(ids for at, ids, points_only in self._log if at > version and (points or not points_only))
            )
