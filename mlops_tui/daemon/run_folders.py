"""Run folders follow the ledger: those of deleted runs into the trash, those of restored ones back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from mlops_store import trash
from mlops_store.home import Home
from mlops_store.index.tx import Read
from mlops_store.records import LedgerEntry

LOG = logging.getLogger("mlops_tui.daemon")

_MOVES = {"run.delete": trash.put_away, "run.restore": trash.bring_back}


def follow(home: Home, entries: Sequence[LedgerEntry]) -> list[Path]:
    """Carries out what new entries say. Returns the folders that are back, to be read. A move that fails is made at the next start."""
    back = []
    for entry in entries:
        move = _MOVES.get(entry.verb)
        if move is None:
            continue
        run_id = str(entry.data.get("run_id", ""))
        try:
            moved = move(home, run_id)
        except OSError as error:
            LOG.error("the folder of run %s cannot be moved: %s", run_id, error)
            continue
        if moved and entry.verb == "run.restore":
            back.append(home.run_dir(run_id))
    return back


def reconcile(read: Read) -> None:
    """Makes the moves that a daemon before this one did not come to. Raises OSError."""
    rows = read.rows("SELECT run_id FROM runs WHERE deleted IS NOT NULL")
    for run_id in trash.reconcile(read.home, [row["run_id"] for row in rows]):
        LOG.info("the folder of run %s is where the ledger says", run_id)
