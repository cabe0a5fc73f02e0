"""Which files of a project are its code: the copy that a run works from, the tree of a version and the cache go by it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (
    ".py", ".pyi", ".sql", ".toml", ".txt", ".lock", ".cfg", ".ini", ".yaml", ".yml", ".json", ".sh", ".r", ".jl",
)  # fmt: skip
SKIPPED = frozenset(
    [
        "__pycache__",
        "node_modules",
        "venv",
        "env",
        "site-packages",
        "build",
        "dist",
        "data",
        "datasets",
        "artifacts",
    ]
)
MAX_ONE = 2 << 20


def code_files(source: Path) -> Iterator[tuple[Path, Path]]:
    """Each code file below a folder, with its path inside it, in a fixed order.

    Code is what has a code suffix and at most 2 MB, outside data and hidden folders; links to folders are not followed.
    """
    for folder, folders, names in os.walk(source):
        if "home.json" in names and "ledger" in folders:
            folders.clear()  # a home inside the project: it holds other runs' copies
            continue
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(SUFFIXES):
                continue
            path = Path(folder) / name
            try:
                status = path.stat()
            except OSError:
                continue  # a dangling link
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_ONE:
                yield path, path.relative_to(source)
