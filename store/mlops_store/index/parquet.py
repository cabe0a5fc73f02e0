"""Small Parquet files as rows: the index itself has no access to files, so they are read beside it."""

from __future__ import annotations

import math
import re
import threading
from pathlib import Path
from typing import Any

import duckdb

from mlops_store.errors import Problem
from mlops_store.index.database import Connection

MOST_ROWS = 100_000
_MOST_BYTES = 16 << 20

_lock = threading.Lock()
_root: Connection | None = None


def read(path: Path) -> dict[str, list[Any]]:
    """The columns of a file by name; NaN and infinities are None. Raises Problem `file_missing`, `file_damaged`, `file_too_large`."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Problem(
            "file_missing", f"there is no file {path}", "the run's folder was moved or cleaned"
        ) from error
    con = _cursor()
    try:
        # a path is a pattern to DuckDB; in brackets its signs stand for themselves
        name = re.sub(r"([*?\[\]])", r"[\1]", str(path))
        found = con.execute("SELECT * FROM read_parquet(?, hive_partitioning = false)", [name])
        names = [column[0] for column in found.description or []]
        rows = found.fetchmany(MOST_ROWS + 1) if size <= _MOST_BYTES else None
    except duckdb.Error as error:
        what = str(error).splitlines()[0]
        raise Problem(
            "file_damaged",
            f"{path} cannot be read: {what}",
            "`mlops-tui run show RUN` names the file's sha256",
        ) from error
    finally:
        con.close()
    if rows is None or len(rows) > MOST_ROWS:
        raise Problem(
            "file_too_large",
            f"{path} has more than {MOST_ROWS:,} rows or {_MOST_BYTES >> 20} MB",
            "read it with polars or DuckDB",
        )
    return {name: [_plain(row[place]) for row in rows] for place, name in enumerate(names)}


def _cursor() -> Connection:
    """A cursor of one database in memory, which is made once: that costs 100 ms."""
    global _root
    with _lock:
        if _root is None:
            _root = duckdb.connect(
                ":memory:",
                config={"threads": 1, "memory_limit": "128MiB", "autoload_known_extensions": False},
            )
        return _root.cursor()


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
