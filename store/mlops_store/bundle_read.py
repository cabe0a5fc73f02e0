"""Unpacks a bundle into a scratch folder of the home, believing nothing that it says before it was checked."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from mlops_store.bundle import (
    BUNDLE_FILE,
    ENTRIES_FILE,
    MOST_BYTES,
    Bundle,
    Line,
    check_member,
    entry_lines,
    read_bundle,
    unsafe,
)
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ledger import entry_hash

_CHUNK = 1 << 20
_MOST_FILES = 5_000_000
_SPARE = 200_000_000
_OURS = (".bundle",)
Say = Callable[[int, int], None]


def unpack(home: Home, source: Path, staging: Path, say: Say = lambda _files, _bytes: None) -> Bundle:
    """Copies what the bundle lists to `staging`, each file checked by size and sha256; objects that the home has are left out.

    Raises Problem: `no_bundle`, `bundle_newer`, `bundle_unsafe` (names or kinds of files that no bundle of ours has), `bundle_damaged`,
    `disk_full`.
    """
    if source.is_dir():
        bundle = read_bundle(source / BUNDLE_FILE)
        _require_room(home, sum(file.size for file in bundle.files.values()))
        _copy_all(home, source, staging, bundle, say)
    else:
        _extract(home, source, staging, say)
        bundle = read_bundle(staging / BUNDLE_FILE)
        _check_all(staging, bundle)
    if ENTRIES_FILE not in bundle.files:
        raise Problem(
            "bundle_damaged",
            "the bundle has no ledger entries file",
            "make it again: `mlops-tui home export`",
        )
    return bundle


def staged_lines(staging: Path, bundle: Bundle) -> list[Line]:
    """The entries of an unpacked bundle; each has the hash that it claims, and those of a whole home form its chain. Raises Problem."""
    lines = list(entry_lines([staging / ENTRIES_FILE], whole=bundle.whole))
    prev, seq = "", 0
    for line in lines:
        entry = line.entry
        follows = entry.prev == prev and entry.seq == seq + 1 if bundle.whole else entry.seq > seq
        if entry_hash(entry) != entry.hash or not follows:
            raise Problem("bundle_damaged", f"entry {entry.seq} of the bundle was changed after it was written, or does not follow the one before",
                          "use another copy of the bundle")  # fmt: skip
        prev, seq = entry.hash, entry.seq
    if len(lines) != bundle.entries:
        raise Problem("bundle_damaged", f"the bundle has {len(lines)} entries instead of {bundle.entries}", "use another copy of the bundle")  # fmt: skip
    return lines


def _require_room(home: Home, size: int) -> None:
    free = shutil.disk_usage(home.path).free
    if size > free - _SPARE:
        raise Problem("disk_full", f"the bundle needs {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free on the disk of the home", "make room: `mlops-tui home gc --dry-run`", status=3)  # fmt: skip


def _copy_all(home: Home, source: Path, staging: Path, bundle: Bundle, say: Say) -> None:
    done = size = 0
    for name, file in bundle.files.items():
        if name.startswith("objects/") and (home.path / name).is_file():
            continue
        try:
            descriptor = os.open(source / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _damaged(name, str(error.strerror)) from error
        with open(descriptor, "rb") as reader:
            digest, count = _write(reader, staging / name, file.size)
        if (digest, count) != (file.sha256, file.size):
            raise _damaged(name, "it does not have the bytes that the bundle lists")
        done, size = done + 1, size + count
        if done % 200 == 0:
            say(done, size)
    say(done, size)


def _opened(source: Path) -> io.FileIO:
    """The archive; nothing waits for a pipe. Raises Problem `no_bundle`."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Problem("no_bundle", f"{source}: {error.strerror}", "name a bundle: a folder with a bundle.json, or a .tar file", status=2) from error  # fmt: skip
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Problem("no_bundle", f"{source} is no regular file", "name a bundle: a folder with a bundle.json, or a .tar file", status=2)  # fmt: skip
    return io.FileIO(descriptor)


def _extract(home: Home, source: Path, staging: Path, say: Say) -> None:
    """Plain files alone, each once, no more bytes than the archive has: so nothing can unfold into more than it is."""
    total, seen = 0, set[str]()
    try:
        with _Bounded(_opened(source)) as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
            limit = os.fstat(raw.fileno()).st_size
            _require_room(home, limit)
            for member in archive:
                name = member.name
                if member.isdir() or name in _OURS:
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
                    raise unsafe(name, "only plain files may be in it")
                if name != BUNDLE_FILE:
                    check_member(name)
                total += member.size
                if name in seen or len(seen) >= _MOST_FILES or member.size < 0 or total > limit:
                    raise unsafe(name, "it is there twice, or the archive claims to hold more than it can")
                seen.add(name)
                content = archive.extractfile(member)
                if content is None:
                    raise unsafe(name, "it has no content")
                with content:
                    _, count = _write(content, staging / name, member.size)
                if count != member.size:
                    raise _damaged(name, "the archive ends in the middle of it")
                if len(seen) % 200 == 0:
                    say(len(seen), total)
    except tarfile.TarError as error:
        raise Problem("no_bundle", f"{source} is no plain tar file: {error}", "unpack a compressed one first, and import the folder", status=2) from error  # fmt: skip
    say(len(seen), total)


def _check_all(staging: Path, bundle: Bundle) -> None:
    """What the list has is there; what it has not (damaged in the home already) is taken away."""
    for name, file in bundle.files.items():
        path = staging / name
        if not path.is_file():
            raise _damaged(name, "it is missing")
        with open(path, "rb") as reader:
            digest = hashlib.file_digest(reader, "sha256").hexdigest()
        if (digest, path.stat().st_size) != (file.sha256, file.size):
            raise _damaged(name, "it does not have the bytes that the bundle lists")
    for path in staging.rglob("*"):
        name = path.relative_to(staging).as_posix()
        if path.is_file() and name not in bundle.files and name != BUNDLE_FILE:
            path.unlink()


def _write(reader: IO[bytes], target: Path, size: int) -> tuple[str, int]:
    """At most `size` bytes and one more, which shows that there are too many. Returns (sha256, bytes)."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest, count = hashlib.sha256(), 0
    with open(target, "xb") as writer:
        while count <= size and (chunk := reader.read(min(_CHUNK, size + 1 - count))):
            digest.update(chunk)
            writer.write(chunk)
            count += len(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest(), count


def _damaged(name: str, why: str) -> Problem:
    return Problem(
        "bundle_damaged",
        f"{name[:200]} of the bundle: {why}",
        "use another copy of the bundle, or make it again",
    )


class _Bounded(io.BufferedReader):
    """A file that refuses to be read in pieces that no header of ours has: a crafted one would fill the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MOST_BYTES:
            raise unsafe("a header", "it is larger than any of ours")
        return super().read(size)
