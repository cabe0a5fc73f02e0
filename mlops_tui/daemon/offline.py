"""Rebuild and doctor, for when no daemon runs or can run. Their process holds the daemon's lock."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index import packs
from mlops_store.index import rebuild as store_rebuild
from mlops_store.index.database import Database
from mlops_store.index.tx import Read
from mlops_store.index.writer import Writer
from mlops_tui.services import doctor as service
from mlops_tui.verbs.top import Doctor, Health, Rebuilt

_FOLDERS = 500


def rebuild(home: Home) -> Rebuilt:
    """Makes the index anew and says whether it is the same. Raises Problem."""
    start = time.monotonic()
    _catch_up(home)
    old = _keep_old(home)
    try:
        result = store_rebuild.rebuild(home)
        differences = _compare(old, home.index) if old is not None else []
    finally:
        if old is not None:
            old.unlink(missing_ok=True)
    return Rebuilt(
        entries=result.entries,
        runs=result.runs,
        seconds=round(time.monotonic() - start, 3),
        same=None if old is None else not differences,
        differences=differences,
    )


def _catch_up(home: Home) -> None:
    """Brings the index to where a daemon would, so that what a killed one did not come to is no difference. One that cannot be is compared
    as it is. Raises Problem `index_locked`."""
    try:
        writer = Writer.open(home)
    except Problem as problem:
        if problem.code == "index_locked":
            raise
        return
    try:
        with closing(writer.database.cursor()) as con:
            folders = store_rebuild.whole_folders(home, con)
        for start in range(0, len(folders), _FOLDERS):
            part = folders[start : start + _FOLDERS]
            while writer.ingest(part) and writer.more:
                pass
    finally:
        writer.close()


def _keep_old(home: Home) -> Path | None:
    """A second name for the old index, its log folded in; None where it cannot be opened."""
    try:
        with closing(Database.open(home.index, fill=packs.FILL)) as database:
            database.checkpoint()  # closing leaves a log as it is that was replayed into a table with an index
    except Problem as problem:
        if problem.code == "index_locked":
            raise
        return None
    old = home.index.with_name("before-rebuild.duckdb")
    old.unlink(missing_ok=True)
    os.link(home.index, old)
    return old


def _compare(old: Path, new: Path) -> list[str]:
    a = Database.open(old, readonly=True)
    try:
        b = Database.open(new, readonly=True)
        try:
            return store_rebuild.compare(a, b)
        finally:
            b.close()
    finally:
        a.close()


def doctor(home: Home, deep: bool = False) -> Health:
    """The checks that the state of the home allows: without a readable index, those of files alone."""
    try:
        database = Database.open(home.index, readonly=True)
    except Problem as problem:
        # the next daemon makes or migrates it by itself: nothing is damaged
        say = service.warning if problem.code in ("index_missing", "index_old") else service.error
        findings = [
            *service.file_findings(home),
            say("index", str(home.index), problem.message, problem.hint),
        ]
        return service.health(findings, [*service.WITHOUT_INDEX, "index"])
    try:
        with Read(home, database.cursor()) as read:
            return service.doctor(read, Doctor(deep=deep))
    finally:
        database.close()
