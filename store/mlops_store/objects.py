"""Content-addressed files and trees of files: `objects/<aa>/<sha256>`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

import msgspec

from mlops_store.atomic import canonical, copy_file, sha256_bytes, sha256_file, touch, write_atomic
from mlops_store.errors import Problem
from mlops_store.home import Home, scratch

_SHA = re.compile(r"^[0-9a-f]{64}$")


class TreeFile(msgspec.Struct):
    """A file of a tree."""

    sha256: str
    size: int
    mode: int = 0o600


class Objects:
    """Files named by their sha256. Immutable: what is there is never written again."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def path(self, sha256: str) -> Path:
        if not _SHA.match(sha256):
            raise Problem(
                "bad_digest", f"{sha256!r} is not a sha256", "the record is damaged: run `mlops-tui doctor`"
            )
        return self._home.objects / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def wanted(self, sha256: str) -> bool:
        """Whether the object is there; if so it counts as new, and no collection takes it before somebody names it."""
        return touch(self.path(sha256))

    def put_bytes(self, data: bytes) -> str:
        digest = sha256_bytes(data)
        if not self.wanted(digest):
            write_atomic(self.path(digest), data, mode=0o400)
        return digest

    def put_file(self, path: Path) -> str:
        digest = sha256_file(path)
        if not self.wanted(digest):
            copy_file(path, self.path(digest))
        return digest

    def read(self, sha256: str) -> bytes:
        """The bytes, checked against their name. Raises Problem where missing or damaged."""
        data = self._bytes(sha256)
        if data is None:
            raise Problem(
                "object_missing",
                f"object {sha256} is not in the home",
                "restore it from a backup; `mlops-tui doctor` lists what needs it",
            )
        if sha256_bytes(data) != sha256:
            raise Problem(
                "object_damaged",
                f"object {sha256} does not have the bytes of its name",
                "restore it from a backup",
            )
        return data

    def _bytes(self, sha256: str) -> bytes | None:
        """From its place; else from the trash, where a collection may have it for the moment in which somebody took it into use."""
        path = self.path(sha256)
        for _ in range(3):
            for place in (path, *self._home.trash.glob(f"gc/*/objects/{sha256}")):
                try:
                    return place.read_bytes()
                except FileNotFoundError:
                    continue
        return None

    def put_tree(self, folder: Path) -> str:
        """All regular files under `folder` (links are refused); returns the digest of the tree."""
        files: dict[str, TreeFile] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_symlink():
                raise Problem("link_in_tree", f"{path} is a link", "a tree holds plain files only")
            if path.is_file():
                size = path.stat().st_size
                mode = 0o700 if os.access(path, os.X_OK) else 0o600
                files[path.relative_to(folder).as_posix()] = TreeFile(self.put_file(path), size, mode)
        return self.put_bytes(canonical(files))

    def tree(self, digest: str) -> dict[str, TreeFile]:
        """Logical path → file. Raises Problem where a path would leave the tree."""
        files = msgspec.json.decode(self.read(digest), type=dict[str, TreeFile])
        for name in files:
            pure = PurePosixPath(name)
            nameless = not pure.parts or "\0" in name or any(len(part.encode()) > 255 for part in pure.parts)
            if pure.is_absolute() or ".." in pure.parts or "\\" in name or nameless:
                raise Problem(
                    "path_escapes",
                    f"tree {digest} names {name[:200]!r}, which leads out of it or is no name",
                    "do not use this tree",
                )
        return files

    def checkout(self, digest: str, target: Path) -> Path:
        """The tree as a folder, every byte checked; whole or not at all. Returns `target`."""
        if touch(target):
            return target
        folder = scratch(self._home, "checkout")
        try:
            for name, file in self.tree(digest).items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.write_bytes(self.read(file.sha256))
                path.chmod(file.mode)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                os.rename(folder, target)
            except OSError:
                if not target.is_dir():
                    raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return target
