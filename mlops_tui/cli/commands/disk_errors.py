"""What the system says of files outside the home, as problems with a reason: these commands read and write where somebody else's disks are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_store.atomic import DISK_FULL
from mlops_store.errors import Problem


@contextmanager
def told(code: str, path: Path, fix: str) -> Iterator[None]:
    """Raises Problem `disk_refused` (try again, with room) or `code` (usage) in place of an OSError; `path` where that names no file."""
    try:
        yield
    except OSError as error:
        reason = f"{error.filename or path}: {error.strerror or error}"
        if error.errno in DISK_FULL:
            raise Problem("disk_refused", f"{reason}; nothing is finished there", "make room (`df -h`, `ulimit -f`), then try again", status=3) from error  # fmt: skip
        raise Problem(code, reason, fix, status=2) from error
