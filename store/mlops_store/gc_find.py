"""What nobody needs any more, found while everything else goes on. `gc_sweep` takes it away.

What is kept is decided before (`Keep`, from ledger and index). What is swept is older than `cutoff`, which lies before the beginning of
whatever is under way. Who takes an object or a cached stage into use marks it as new first (`atomic.touch`). A sweep looks at that time,
renames, and looks again: if the mark came in between, the thing goes back; if it comes later, its user finds nothing and writes it anew.
So neither waits for the other, and a process that dies at any point has lost nothing that is named anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from mlops_store.atomic import sha256_file
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import RUN_ID, run_time
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder, run_folders
from mlops_store.usage import files, own_bytes, tree_bytes
from mlops_store.usage import taken as taken_by_class

KEEP_FILE = "keep.json"
Kind = Literal["objects", "cache", "logs", "code copies", "trash", "tmp"]
KINDS: tuple[Kind, ...] = ("objects", "cache", "logs", "code copies", "trash", "tmp")

_SHA = re.compile(rb"[0-9a-f]{64}")
_NAME = re.compile(r"^[0-9a-f]{64}$")
_TEMPORARY = re.compile(r"^\..+\.\d+\.[0-9a-f]{8}\.tmp$")
_RECORD = 4 << 20
_DAY = 86_400_000


class Keep(msgspec.Struct, kw_only=True):
    """What a collection may not touch, and how far it goes; `keep.json` in its run's folder. Times are UTC milliseconds.

    `digests`: objects that the ledger, or an outcome not yet in it, names. `needed`: runs whose logs stay. `purged`: deleted runs whose
    folders go. `cutoff`: what was used since is not touched, and `because` says why it lies where it does. `budget`: bytes that the
    home may take, for which the cache is shrunk.
    """

    made: int
    cutoff: int
    because: str = ""
    digests: list[str] = []
    needed: list[str] = []
    purged: list[str] = []
    keep_ms: int = 30 * _DAY
    log_ms: int = 180 * _DAY
    cache: int = 10_000_000_000
    budget: int | None = None


@dataclass(frozen=True)
class Sweep:
    """One thing to be collected: `move` to the trash, `drop`, or `link` (a copy becomes a second name of the object)."""

    kind: Kind
    path: Path
    bytes: int
    act: Literal["move", "drop", "link"] = "move"
    stamp: Path | None = None
    """The file whose time says when the thing was last used, where it is not the thing itself."""


# --- finding ------------------------------------------------------------------------------------------------------------


def find(home: Home, keep: Keep, *, exact: bool = True) -> Iterator[Sweep]:
    """All that may go, class by class. Without `exact`, code copies are found by their size alone, which is no more than a guess."""
    sizes: dict[int, set[str]] = {}
    yield from _objects(home, keep, sizes)
    yield from _cache(home, keep)
    for folder in map(RunFolder, run_folders(home)):
        yield from _log(folder, keep)
        yield from _code(folder, keep, sizes, exact)
    yield from _trash(home, keep)
    yield from _tmp(home, keep)


def marked(home: Home, digests: list[str]) -> set[str]:
    """The objects that are named, and those that named ones name: trees their files, a version's record its code."""
    found: set[str] = set()
    pending = [digest for digest in digests if _NAME.match(digest)]
    while pending:
        digest = pending.pop()
        if digest in found:
            continue
        found.add(digest)
        path = home.objects / digest[:2] / digest
        try:
            with open(path, "rb") as file:
                head = file.read(1)
                data = file.read(_RECORD + 1) if head in (b"{", b"[") else b""
        except FileNotFoundError:
            continue
        pending += [match.decode() for match in _SHA.findall(data)]
    return found


def _objects(home: Home, keep: Keep, sizes: dict[int, set[str]]) -> Iterator[Sweep]:
    """Fills `sizes` with what stays: size → names."""
    named = marked(home, keep.digests)
    for entry in files(home.objects):
        status = _stat(entry)
        if status is None:
            continue
        if entry.name in named:
            sizes.setdefault(status.st_size, set()).add(entry.name)
        elif _NAME.match(entry.name) and ms(status) < keep.cutoff:
            yield Sweep("objects", Path(entry.path), own_bytes(entry))


def _cache(home: Home, keep: Keep) -> Iterator[Sweep]:
    """The least recently used, until the rest fits."""
    entries = []
    for folder, stamp in _cached(home):
        try:
            entries.append((ms(stamp.stat()), folder, stamp, tree_bytes(folder)))
        except FileNotFoundError:
            continue
    total = sum(entry[3] for entry in entries)
    room = keep.cache
    if keep.budget is not None:
        others = sum(taken.bytes for taken in taken_by_class(home).values()) - total
        room = min(room, max(0, keep.budget - others))
    for used, folder, stamp, size in sorted(entries, key=lambda entry: entry[:2]):
        if total <= room:
            return
        if used < keep.cutoff:
            total -= size
            yield Sweep("cache", folder, size, "drop", stamp)


def _cached(home: Home) -> Iterator[tuple[Path, Path]]:
    """(folder, what carries the time of its last use) of every kept stage and checked-out version."""
    if not home.cache.is_dir():
        return
    for record in sorted(home.cache.glob("*/*/*/stage.json")):
        yield record.parent, record
    versions = home.cache / "versions"
    for folder in sorted(versions.iterdir()) if versions.is_dir() else []:
        if _NAME.match(folder.name) and folder.is_dir():
            yield folder, folder


def _log(folder: RunFolder, keep: Keep) -> Iterator[Sweep]:
    """Logs of runs that ended long ago and that nothing stands on."""
    try:
        status = folder.log.stat()
    except FileNotFoundError:
        return
    if not status.st_size or folder.run_id in keep.needed or ms(status) >= keep.made - keep.log_ms:
        return
    if ms(status) < keep.cutoff and _ended(folder):
        yield Sweep("logs", folder.log, status.st_blocks * 512)


def _code(folder: RunFolder, keep: Keep, sizes: dict[int, set[str]], exact: bool) -> Iterator[Sweep]:
    """Files of the code copies of ended runs whose bytes are an object's."""
    if not folder.code.is_dir() or not sizes or not _ended(folder):
        return
    for entry in files(folder.code):
        status = _stat(entry)
        if (
            status is None
            or status.st_nlink > 1
            or status.st_mode & 0o111
            or not entry.is_file(follow_symlinks=False)
        ):
            continue
        if status.st_size in sizes and status.st_size and ms(status) < keep.cutoff:
            path = Path(entry.path)
            if not exact or sha256_file(path) in sizes[status.st_size]:
                yield Sweep("code copies", path, status.st_blocks * 512, "link")


def _trash(home: Home, keep: Keep) -> Iterator[Sweep]:
    """Deleted runs whose time is up, and what collections put here that long ago; what they were about to drop goes at once."""
    purged = set(keep.purged)
    for path in children(home.trash / "runs"):
        if path.name in purged:
            yield Sweep("trash", path, tree_bytes(path), "drop")
    for path in children(home.trash / "gc"):
        if not RUN_ID.match(path.name):
            continue
        if run_time(path.name) < keep.made - keep.keep_ms:
            yield Sweep("trash", path, tree_bytes(path), "drop")
        elif (path / "drop").is_dir():
            yield Sweep("trash", path / "drop", tree_bytes(path / "drop"), "drop")


def _tmp(home: Home, keep: Keep) -> Iterator[Sweep]:
    """Beginnings of writers that died."""
    for path in children(home.tmp):
        newest = max((ms(status) for status in _stats(path)), default=0)
        if newest < keep.cutoff:
            yield Sweep(
                "tmp", path, tree_bytes(path) if path.is_dir() else path.lstat().st_blocks * 512, "drop"
            )
    for place in (home.objects, home.data, home.aliases):
        for entry in files(place):
            status = _stat(entry) if _TEMPORARY.match(entry.name) else None
            if status is not None and ms(status) < keep.cutoff:
                yield Sweep("tmp", Path(entry.path), own_bytes(entry), "drop")


# --- small questions ------------------------------------------------------------------------------------------------------


def _ended(folder: RunFolder) -> bool:
    try:
        return folder.state()[0] in ENDED
    except (msgspec.DecodeError, Problem, OSError):
        return False  # damaged: nothing of it is touched


def children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stats(path: Path) -> Iterator[os.stat_result]:
    yield path.lstat()
    for entry in files(path) if path.is_dir() else ():
        status = _stat(entry)
        if status is not None:
            yield status


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def ms(status: os.stat_result) -> int:
    return status.st_mtime_ns // 1_000_000
