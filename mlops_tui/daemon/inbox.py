"""`runs/.inbox/<run_id>`: who begins a run folder leaves word there first, so that nobody ever has to list all folders.

Word of a run whose process died before its folder was whole, or before the ledger had it, is word of nothing: nobody was told of that
run. What it left is removed.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import wait

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.home import Home
from mlops_store.ids import RUN_ID
from mlops_store.index.tx import Read
from mlops_store.records import Identity
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.daemon.run_table import OpenRun, open_runs
from mlops_tui.daemon.writer import WriterThread

LOG = logging.getLogger("mlops_tui.daemon")

PATIENCE = 1.0
"""Seconds that a question waits for what is new."""


def waiting(home: Home) -> list[str]:
    """The ids of the runs of which there is word."""
    try:
        return sorted(entry.name for entry in home.inbox.iterdir() if RUN_ID.match(entry.name))
    except FileNotFoundError:
        return []


def take(home: Home, read: Read, run_ids: Sequence[str]) -> list[str]:
    """Those of the runs that can be read now; `done` with them comes after. Clears away what is known, and what came to nothing."""
    if not run_ids:
        return []
    rows = read.rows(
        "SELECT run_id, settled FROM runs WHERE submitted IS NOT NULL AND run_id IN (SELECT unnest(?))",
        [list(run_ids)],
    )
    # settled, and there is word of it: it was restored or imported, or somebody wrote into its journal after its end
    over = {row["run_id"] for row in rows if row["settled"] is not None}
    followed = {row["run_id"] for row in rows} - over
    done(home, sorted(followed))
    there = {run_id for run_id in over if os.path.exists(RunFolder(home.run_dir(run_id)).spec_file)}
    known = followed | over
    return [run_id for run_id in run_ids if run_id in there or (run_id not in known and _whole(home, run_id))]


def catch_up(writer: WriterThread, read: Read) -> None:
    """Reads what scripts began and ended that the loop has not come to yet: a few looks at the disk where there is nothing.
    A busy writer holds up the question for a moment only; the loop's turn follows all the same."""
    home = writer.home
    told = waiting(home)
    arrived = take(home, read, told) if told else []
    over = [run.folder.path for run in writer.recall(open_runs) if _has_ended(run)]
    if not arrived and not over:
        return
    ingested = writer.ingest([*over, *map(home.run_dir, arrived)])
    if ingested in wait([ingested], PATIENCE).done and ingested.exception() is None:
        done(home, arrived)


def _has_ended(run: OpenRun) -> bool:
    """A script has written its end since its folder was last read. Nobody launches those: there is one attempt."""
    if not run.sdk or run.ended:
        return False
    try:
        return run.folder.exit(max(1, run.attempts)) is not None
    except (OSError, msgspec.DecodeError):
        return False  # the loop tells of the damage


def done(home: Home, run_ids: Sequence[str]) -> None:
    """The index has them."""
    for run_id in run_ids:
        (home.inbox / run_id).unlink(missing_ok=True)


def _whole(home: Home, run_id: str) -> bool:
    """Whether the folder is a run by itself: a script's, or one that was brought here. Removes the beginnings of the dead."""
    by = _by(home, run_id)
    alive = by is None or processes.alive(by.pid, by.start_ticks, by.boot_id, by.pid_ns) is not False
    folder = RunFolder(home.run_dir(run_id))
    try:
        kind = folder.spec().kind
    except FileNotFoundError:
        kind = None
    except msgspec.DecodeError:
        return True  # the index tells of the damage
    except OSError:
        return False  # it is there, and cannot be read for now: `doctor` names it
    if kind == "sdk" or (kind is not None and by is None):
        return True
    if not alive:
        LOG.info("run %s was begun by a process that died, and nobody was told of it: removed", run_id)
        shutil.rmtree(folder.path, ignore_errors=True)
        done(home, [run_id])
    return False


def _by(home: Home, run_id: str) -> Identity | None:
    """Who left word; None where it does not say."""
    try:
        return read_json_if(home.inbox / run_id, Identity)
    except (OSError, msgspec.DecodeError):
        return None
