"""Which runs people have said something of, by tags or a note: most of a large home's have nothing, and of those nothing need be asked."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_store.index.asking import Rows
from mlops_store.index.changes import Changes

MOST = 20_000
"""Runs that are remembered. Where more of them are marked, all are asked about."""
_ALL = "SELECT DISTINCT run_id FROM mark_log LIMIT ?"


class Marked:
    """For all reader threads. What it knows is never too little: each run that was marked when the changes stood at a version, and some
    that were not."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._known: tuple[int, frozenset[str] | None] | None = None

    def among(self, read: Rows, run_ids: Iterable[str]) -> list[str]:
        """Those of these runs that may be marked, as of now."""
        marked = self._current(read)
        return [run_id for run_id in run_ids if marked is None or run_id in marked]

    def _current(self, read: Rows) -> frozenset[str] | None:
        """None stands for all."""
        version, known = (
            self._changes.version,
            self._known,
        )  # before asking: it may see more than this, never less
        changed = None if known is None else self._changes.since(known[0], points=False)
        if known is not None and changed is not None:
            marked = known[1]
            if marked is None or changed <= marked:
                self._known = (version, marked)
                return marked
            if len(marked) + len(changed) <= MOST:
                self._known = (version, marked | changed)
                return marked | changed
        found = read.rows(_ALL, [MOST + 1])
        marked = frozenset(row["run_id"] for row in found) if len(found) <= MOST else None
        self._known = (version, marked)
        return marked
