"""What the folders of a home take on the disk, by class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlops_store.home import Home


class Taken(msgspec.Struct):
    """Files and the bytes that they take on the disk (hard links once)."""

    files: int = 0
    bytes: int = 0


_RUN_PARTS = {"artifacts": "artifacts", "code": "code copies", "journal": "journals", "log.txt": "logs"}
_TOP = {"ledger", "data", "quarantine", "objects", "cache", "index", "trash", "tmp"}


def taken(home: Home) -> dict[str, Taken]:
    """By class, in the order of their size. Walks all folders; what vanishes meanwhile is left out."""
    found: dict[str, Taken] = {}
    seen: set[tuple[int, int]] = set()
    for entry in files(home.path):
        parts = os.path.relpath(entry.path, home.path).split(os.sep)
        count = found.setdefault(_class(parts), Taken())
        count.files += 1
        count.bytes += own_bytes(entry, seen)
    return dict(sorted(found.items(), key=lambda item: -item[1].bytes))


def files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All that is no folder below a folder, links not followed."""
    pending = [os.fspath(folder)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        yield entry
        except (FileNotFoundError, NotADirectoryError):
            continue


def own_bytes(entry: os.DirEntry[str], seen: set[tuple[int, int]] | None = None) -> int:
    """Bytes that a file takes. One with several names counts once with `seen`, and without it not at all: removing one name frees nothing."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    if status.st_nlink > 1:
        key = (status.st_dev, status.st_ino)
        if seen is None or key in seen:
            return 0
        seen.add(key)
    return status.st_blocks * 512


def tree_bytes(folder: Path) -> int:
    """Bytes that removing a folder frees."""
    return sum(own_bytes(entry) for entry in files(folder))


def _class(parts: list[str]) -> str:
    if parts[0] == "runs":
        return _RUN_PARTS.get(parts[3], "run records") if len(parts) > 3 else "run records"
    return parts[0] if parts[0] in _TOP and len(parts) > 1 else "other"
