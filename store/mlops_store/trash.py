"""The folders of deleted runs: moved to `trash/runs/` and back by renames, after the ledger has said so.

What the ledger says is put into effect once it is durable, and again whenever a daemon starts: each move is a rename on one
file system, so a process that dies leaves a folder in one place or the other, and the next start puts it where it belongs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mlops_store.atomic import fsync_dir
from mlops_store.home import Home


def put_away(home: Home, run_id: str) -> bool:
    """Moves the folder of a deleted run to the trash; False where there is none to move. Raises OSError."""
    moved = _move(home.run_dir(run_id), home.trashed_run(run_id))
    (home.inbox / run_id).unlink(missing_ok=True)
    return moved


def bring_back(home: Home, run_id: str) -> bool:
    """Moves it back, and leaves a marker in the inbox so that it is read. Raises OSError."""
    moved = _move(home.trashed_run(run_id), home.run_dir(run_id))
    home.inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home.inbox / run_id).touch(mode=0o600)
    return moved


def reconcile(home: Home, deleted: Iterable[str]) -> list[str]:
    """Puts folders where the ledger says they are. `deleted`: all runs that are. Returns the ids that were moved. Raises OSError."""
    gone = set(deleted)
    moved = [run_id for run_id in sorted(gone) if home.run_dir(run_id).is_dir() and put_away(home, run_id)]
    folder = home.trash / "runs"
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return moved + [run_id for run_id in there if run_id not in gone and bring_back(home, run_id)]


def _move(source: Path, target: Path) -> bool:
    """A rename that never replaces: where both are there, both stay."""
    if not source.is_dir() or target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.rename(source, target)
    fsync_dir(target.parent)
    fsync_dir(source.parent)
    return True
