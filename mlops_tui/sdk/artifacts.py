"""Copying files into a run: logical paths that stay inside, bytes that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlops_store.atomic import copy_file, sha256_file


def logical_path(text: str) -> PurePosixPath:
    """A path below the run's artifacts. Raises ValueError where it would lead out or is no name at all."""
    path = PurePosixPath(text.replace(os.sep, "/"))
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in text:
        raise ValueError(f"{text!r} cannot be the path of an artifact: give a relative path without '..'")
    return path


def files_of(source: Path, logical: PurePosixPath) -> Iterator[tuple[Path, PurePosixPath]]:
    """The file itself, or every file of a folder with its place. Raises FileNotFoundError."""
    if source.is_file():
        yield source, logical
        return
    if not source.is_dir():
        raise FileNotFoundError(f"no such artifact: {source}")
    for folder, _, names in sorted(os.walk(source)):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file():
                yield path, logical / PurePosixPath(path.relative_to(source).as_posix())


def add(source: Path, target: Path) -> tuple[int, str]:
    """Copies; returns (size in bytes, sha256) of what is there now. Raises OSError."""
    copy_file(source, target)
    return target.stat().st_size, sha256_file(target)
