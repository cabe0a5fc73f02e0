"""Copying artifacts out of a run: all of them or none, each with the bytes that were recorded, nothing outside the folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from mlops_store.atomic import fsync_dir, sha256_file
from mlops_store.errors import Problem
from mlops_tui.verbs._shapes import Artifact
from mlops_tui.verbs.run import ArtifactList

_CHUNK = 1 << 20
_NAMED = 5
"""Files in the way that a message names."""
Progress = Callable[[int, int], None]
"""Called with (files that are begun, bytes that are copied)."""


def export(
    found: ArtifactList, to: Path, *, force: bool = False, progress: Progress = lambda _files, _bytes: None
) -> ArtifactList:
    """Copies what is listed into `to`. Nothing is in its place before all is copied and checked.

    Files that are there with the same bytes are left as they are. Raises Problem `artifact_exists` (without `force`),
    `artifact_damaged`, `path_escapes`; OSError of the disk.
    """
    places = {each.path: _place(to, each.path) for each in found.artifacts}
    wanted = _missing(found.artifacts, places, force=force)
    if not wanted:
        return msgspec.structs.replace(found, to=os.fspath(to), unchanged=len(found.artifacts))
    new = not to.is_dir()
    above = to.parent if new else to
    above.mkdir(parents=True, exist_ok=True)
    staging = above / f".{to.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    staging.mkdir()
    try:
        copied = 0
        for number, each in enumerate(wanted, start=1):
            before = copied
            copied += _copy(
                Path(found.folder),
                each,
                staging / each.path,
                lambda size, number=number, before=before: progress(number, before + size),  # type: ignore[misc]
            )
        if new:
            os.rename(staging, to)
            fsync_dir(to.parent)
        else:
            for each in wanted:
                _put(staging / each.path, places[each.path])
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return msgspec.structs.replace(
        found, to=os.fspath(to), copied=len(wanted), unchanged=len(found.artifacts) - len(wanted)
    )


def _place(to: Path, name: str) -> Path:
    """Where a file goes. A recorded path may be from anywhere, and a link below `to` may lead anywhere."""
    logical = PurePosixPath(name)
    place = to / logical
    inside = not logical.is_absolute() and logical.parts and ".." not in logical.parts and "\0" not in name
    if not inside or not place.parent.resolve().is_relative_to(to.resolve()):
        raise Problem(
            "path_escapes",
            f"the artifact {name[:200]!r} would lead out of {to}",
            "choose another folder, or name the files to copy",
        )
    return place


def _missing(artifacts: list[Artifact], places: dict[str, Path], *, force: bool) -> list[Artifact]:
    """Those that are not there yet. Raises Problem where something else is in the way."""
    wanted = [each for each in artifacts if not _same(places[each.path], each)]
    ends = [places[each.path] for each in wanted]
    folders = [place for place in ends if place.is_dir() and not place.is_symlink()]
    in_the_way = folders or [place for place in ends if not force and os.path.lexists(place)]
    if in_the_way:
        more = f" and {len(in_the_way) - _NAMED} more" if len(in_the_way) > _NAMED else ""
        raise Problem(
            "artifact_exists",
            f"already there, with other content: {', '.join(map(str, in_the_way[:_NAMED]))}{more}",
            "choose another folder" if folders else "--force replaces them; or choose another folder",
            status=2,
        )
    return wanted


def _same(place: Path, artifact: Artifact) -> bool:
    try:
        at = place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(at.st_mode) and at.st_size == artifact.size and sha256_file(place) == artifact.sha256


def _copy(source: Path, artifact: Artifact, target: Path, progress: Callable[[int], None]) -> int:
    """Copies one file, durable, and returns its bytes; `progress` is told after each piece. Raises Problem `artifact_damaged`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with _opened(source, artifact.path) as reader, open(target, "xb") as writer:
        while piece := reader.read(_CHUNK):
            digest.update(piece)
            writer.write(piece)
            size += len(piece)
            progress(size)
        writer.flush()
        os.fsync(writer.fileno())
    if digest.hexdigest() != artifact.sha256:
        raise _damaged(source, artifact.path, "its bytes are not those that the run recorded")
    return size


def _opened(source: Path, name: str) -> BinaryIO:
    """A plain file of the run: no link that leads elsewhere, no pipe that nothing comes out of."""
    path = source / name
    try:
        if path.resolve(strict=True).is_relative_to(source.resolve()):
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return open(handle, "rb")
            os.close(handle)
    except OSError as error:
        raise _damaged(source, name, error.strerror or str(error)) from error
    raise _damaged(source, name, "it is no plain file of the run any more")


def _damaged(source: Path, name: str, why: str) -> Problem:
    return Problem(
        "artifact_damaged",
        f"{source / name}: {why}; nothing was copied",
        "a run that goes on may still write it: ask again when it has ended; or name the others",
    )


def _put(copy: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    os.replace(copy, place)
    fsync_dir(place.parent)
