"""Content-addressed files and trees of files: `objects/<aa>/<sha256>`."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

import msgspec

from mlops_store.atomic import canonical, copy_file, sha256_bytes, sha256_file, write_atomic
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

    def put_bytes(self, data: bytes) -> str:
        digest = sha256_bytes(data)
        if not self.has(digest):
            write_atomic(self.path(digest), data, mode=0o400)
        return digest

    def put_file(self, path: Path) -> str:
        digest = sha256_file(path)
        if not self.has(digest):
            copy_file(path, self.path(digest))
        return digest

    def read(self, sha256: str) -> bytes:
        """The bytes, checked against their name. Raises Problem where missing or damaged."""
        try:
            data = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise Problem(
                "object_missing",
                f"object {sha256} is not in the home",
                "restore it from a backup; `mlops-tui doctor` lists what needs it",
            ) from None
        if sha256_bytes(data) != sha256:
            raise Problem(
                "object_damaged",
                f"object {sha256} does not have the bytes of its name",
                "restore it from a backup",
            )
        return data

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
            if pure.is_absolute() or ".." in pure.parts or "\\" in name or not name:
                raise Problem(
                    "path_escapes",
                    f"tree {digest} names {name!r}, which leads out of it",
                    "do not use this tree",
                )
        return files

    def checkout(self, digest: str, target: Path) -> Path:
        """The tree as a folder, every byte checked; whole or not at all. Returns `target`."""
        if target.is_dir():
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
