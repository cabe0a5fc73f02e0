"""A copy of the index for another process: DuckDB lets nobody else open the file that the daemon has open.

Between two checkpoints the file only grows and its log is only appended to. So a copy of the log and then of the file is what a
process leaves behind that is killed at that moment: DuckDB opens it as it opens that, with all that was committed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import duckdb

from mlops_store.errors import Problem
from mlops_store.index.database import Connection, memory_cap

if TYPE_CHECKING:
    from mlops_store.index.tx import Read

_HEADERS = 3 * 4096
"""Bytes at the beginning of the file, rewritten by each checkpoint and by nothing else."""
_TRIES = 3
_CHUNK = 1 << 30
_MIB = 1 << 20


@contextmanager
def checkpoints_held(read: Read) -> Iterator[None]:
    """The daemon writes its log on while somebody copies. For one copy at a time."""
    read._con.execute("SET GLOBAL wal_autocheckpoint = '1TiB'")
    try:
        yield
    finally:
        read._con.execute("RESET GLOBAL wal_autocheckpoint")


def copy_index(source: Path, target: Path) -> None:
    """Copies file and log (a reflink where the file system has them). Not for the process that has the index open: closing
    the file there would give up DuckDB's lock on it.

    Raises Problem `index_busy` where checkpoints go on all the time; OSError.
    """
    log, copied_log = _log(source), _log(target)
    for _ in range(_TRIES):
        with source.open("rb", buffering=0) as file:
            before = os.pread(file.fileno(), _HEADERS, 0)
            copied_log.unlink(missing_ok=True)
            if log.exists():
                shutil.copyfile(log, copied_log)
            _copy(file, target)
            # a checkpoint that was under way when they were held has moved what the log speaks of
            if os.pread(file.fileno(), _HEADERS, 0) == before:
                return
    raise Problem("index_busy", "the index changes too fast to be copied", "ask again", status=3)


def open_copy(path: Path, temp: Path, threads: int) -> Connection:
    """A connection that can read this copy and nothing else: no files, no network, no extensions. Nothing of the copy is left
    in the folder, however this process ends. `temp` is for what does not fit into memory, at most as much as the copy and 1 GiB."""
    size = path.stat().st_size
    config = {
        "threads": threads,
        "memory_limit": f"{memory_cap() // _MIB}MiB",
        "temp_directory": str(temp),
        "max_temp_directory_size": f"{1024 + size // _MIB}MiB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    con = duckdb.connect(str(path), read_only=True, config=config)
    con.execute("SET GLOBAL enable_external_access = false")
    path.unlink()
    _log(path).unlink(missing_ok=True)
    return con


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _copy(source: BinaryIO, target: Path) -> None:
    source.seek(0)
    with open(target, "wb", buffering=0) as file:
        if hasattr(os, "copy_file_range"):
            while os.copy_file_range(source.fileno(), file.fileno(), _CHUNK):
                continue
        else:
            shutil.copyfileobj(source, file, _MIB)
