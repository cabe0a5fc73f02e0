"""Lists what a program left in its run's artifacts folder without saying so: standard library only, after its end."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time

from mlops_tui.worker.shim_journal import open_journal, write_rows

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES = 1000
MAX_SECONDS = 30.0
"""For reading all of them: the end of the run is not told before."""
_MAX_LOOKED_AT = 100_000
_CHUNK = 1 << 20


class _TooLate(Exception):
    """The time is over."""


def list_artifacts(run_dir: str, attempt: int) -> int:
    """Journals (path, size, sha256) of every file that this attempt's own journals do not list at its size.

    Returns how many are left out: more than 1,000, not read within 30 s, not readable, or with a name that is no text.
    """
    deadline = time.monotonic() + MAX_SECONDS
    rows: list[list[object]] = []
    root = os.path.join(run_dir, "artifacts")
    if not os.path.isdir(root):
        return 0
    known, left = _listed(os.path.join(run_dir, "journal"), attempt), 0
    for path in _files(root):
        logical = os.path.relpath(path, root)
        try:
            logical.encode()
            if known.get(logical) == os.lstat(path).st_size:
                continue
            if len(rows) >= MAX_FILES:
                raise _TooLate
            size, digest = _read(path, deadline)
        except (OSError, UnicodeEncodeError, _TooLate):
            left += 1
            continue
        rows.append(["a", logical, size, digest])
    if rows:
        handle = open_journal(run_dir, attempt, "files")
        try:
            left += 0 if write_rows(handle, rows) else len(rows)
            os.fsync(handle)
        finally:
            os.close(handle)
    return left


def _listed(journals: str, attempt: int) -> dict[str, int]:
    """Path → size of the artifacts that the attempt has told of."""
    found: dict[str, int] = {}
    try:
        names = [name for name in sorted(os.listdir(journals)) if name.startswith(f"{attempt}-")]
    except FileNotFoundError:
        return found
    for name in names:
        with open(os.path.join(journals, name), "rb") as file:
            for line in file:
                if not line.startswith(b'["a",'):
                    continue
                try:
                    _, path, size, _ = json.loads(line)
                except ValueError:
                    continue  # torn: the file counts as not told of
                found[str(path)] = size
    return found


def _files(root: str) -> Iterator[str]:
    """Regular files in order of their names; links are not followed, files that were being written are left out."""
    count = 0
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            count += 1
            if count > _MAX_LOOKED_AT:
                return
            if not (name.startswith(".") and name.endswith(".tmp")) and stat.S_ISREG(os.lstat(path).st_mode):
                yield path


def _read(path: str, deadline: float) -> tuple[int, str]:
    """(size, sha256). Raises OSError, _TooLate."""
    digest, size = hashlib.sha256(), 0
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:
        while time.monotonic() < deadline:
            block = file.read(_CHUNK)
            if not block:
                return size, digest.hexdigest()
            digest.update(block)
            size += len(block)
    raise _TooLate
