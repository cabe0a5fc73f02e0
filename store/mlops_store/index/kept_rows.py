"""Answers about single runs, kept as bytes until something says that the run has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

from mlops_store.index.changes import Changes
from mlops_store.index.marked import Marked

T = TypeVar("T")

BUDGET = 8 << 20
"""Bytes that the kept answers take together, nearly: some 6,000 runs with all their fields."""
_OVERHEAD = 250
"""Bytes of one entry besides its answer and what its shape says, which may be anybody's text."""


class KeptRows:
    """For all reader threads. `shape` says which form of the answer it is, such as the fields that it has."""

    def __init__(self, changes: Changes, budget: int = BUDGET) -> None:
        self.changes = changes
        self.marked = Marked(changes)
        self._budget = budget
        self._lock = threading.Lock()
        self._version = 0
        self._rows: OrderedDict[str, dict[Hashable, bytes]] = OrderedDict()  # of each run, by shape
        self._nbytes = 0
        self._facts: dict[str, tuple[int, Any]] = {}

    @property
    def nbytes(self) -> int:
        return self._nbytes

    def fact(self, name: str, ask: Callable[[], T]) -> T:
        """What `ask` says of something that changes only where any run may have changed, such as the models that there are."""
        era = self.changes.era  # before asking: it may see more than this, never less
        known = self._facts.get(name)
        if known is None or known[0] != era:
            known = self._facts[name] = (era, ask())
        found: T = known[1]
        return found

    def get(self, shape: Hashable, run_ids: Iterable[str]) -> dict[str, bytes]:
        """What is kept of these runs and still holds."""
        with self._lock:
            self._forget()
            found = {}
            for run_id in run_ids:
                row = self._rows.get(run_id, {}).get(shape)
                if row is not None:
                    self._rows.move_to_end(run_id)
                    found[run_id] = row
            return found

    def put(self, shape: Hashable, rows: Mapping[str, bytes], version: int) -> None:
        """Keeps answers that were asked for when the changes stood at `version` or later."""
        with self._lock:
            self._forget()
            # only now: what is written after this, the next `_forget` is told of
            changed = self.changes.since(version)
            if changed is None:
                return
            one = _weight(shape)
            for run_id, row in rows.items():
                if run_id not in changed:
                    shapes = self._rows.setdefault(run_id, {})
                    self._nbytes += len(row) - len(shapes[shape]) if shape in shapes else one + len(row)
                    shapes[shape] = row
                    self._rows.move_to_end(run_id)
            while self._nbytes > self._budget:
                self._drop(next(iter(self._rows)))

    def _forget(self) -> None:
        """Drops the answers about runs that have changed since the last time."""
        version = self.changes.version
        if version == self._version:
            return
        changed = self.changes.since(self._version)
        self._version = version
        if changed is None:
            self._rows.clear()
            self._nbytes = 0
            return
        for run_id in changed:
            self._drop(run_id)

    def _drop(self, run_id: str) -> None:
        self._nbytes -= sum(_weight(shape) + len(row) for shape, row in self._rows.pop(run_id, {}).items())


def _weight(shape: Hashable) -> int:
    return len(str(shape)) + _OVERHEAD
