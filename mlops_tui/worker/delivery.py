"""A delivered file: a private copy first, or the reason why it is refused."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mlops_store.atomic import copy_file
from mlops_store.delivered import path_text
from mlops_store.machine import memory

ROW_LIMIT = 1000  # offending rows kept with a refused file
REASON_LIMIT = 1000  # a header may be one name of many megabytes
_COPY_TRIES = 5
MEMORY = memory()
"""Bytes of this machine: what unpacks to more is refused before the system has to kill whoever reads it."""


class Refused(Exception):
    """A file that cannot be admitted; `rows` are the offending ones where it comes down to rows."""

    def __init__(
        self, reason: str, details: list[dict[str, Any]] | None = None, rows: pl.DataFrame | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason if len(reason) <= REASON_LIMIT else f"{reason[:REASON_LIMIT]} …"
        self.details = details or []
        self.rows = rows


class Unsettled(Exception):
    """A file that changed or vanished while it was read: not refused, to be looked at again."""


@dataclass(frozen=True)
class Delivery:
    """A delivered file, copied: what was there at one moment. `copy` is private, so nothing changes under us."""

    path: Path
    copy: Path
    sha256: str
    size: int
    mtime_ns: int
    inode: int


def take(path: Path, folder: Path, allowed: Sequence[Path] = ()) -> Delivery:
    """Copies a delivered file (a reflink where possible) and proves that it did not change meanwhile.

    `allowed` are the folders a symlink may lead into; empty = any. Raises Refused, Unsettled.
    """
    _refuse_escape(path, allowed)
    for attempt in range(_COPY_TRIES):
        target = folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}-{attempt}"
        try:
            before = os.stat(path)
            if not stat.S_ISREG(before.st_mode):
                raise Refused("it is not a regular file")
            copy_file(path, target)
            after = os.stat(path)
        except FileNotFoundError as error:
            raise Unsettled(f"{path_text(path)} is gone") from error
        except PermissionError as error:
            raise Refused(f"it cannot be read: {error.strerror}") from error
        size = target.stat().st_size
        if _same(before, after) and size == after.st_size:
            with open(target, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Delivery(path, target, digest, size, after.st_mtime_ns, after.st_ino)
        target.unlink(missing_ok=True)
    raise Unsettled(f"{path_text(path)} kept changing while it was read")


def _same(a: os.stat_result, b: os.stat_result) -> bool:
    return (a.st_size, a.st_mtime_ns, a.st_ino) == (b.st_size, b.st_mtime_ns, b.st_ino)


def _refuse_escape(path: Path, allowed: Sequence[Path]) -> None:
    if not allowed:
        return
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
        raise Refused(f"it is a symbolic link that leads out of the project, to {path_text(real)}")


def refuse_more_than_memory(size: int) -> None:
    if MEMORY is not None and size > MEMORY:
        raise Refused(
            f"it unpacks to {size / 1e9:,.1f} GB or more, and this machine has {MEMORY / 1e9:,.1f} GB of memory"
        )


def first_line(error: BaseException) -> str:
    """The first line of what an error says, for a reason."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
