"""Which files of a folder are deliveries of a source, by name alone."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path

_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".filepart", ".swp", "~")
_MAGIC = re.compile(r"[*?\[]")


def is_temporary(name: str) -> bool:
    """Names under which files are written before they get their own: dotfiles, `x.tmp`, `x.part`, `x~`."""
    return name.startswith(".") or name.lower().endswith(_TEMPORARY)


def glob_root(project_dir: Path, pattern: str) -> Path:
    """The folder below which everything that a source's glob matches lies."""
    parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if _MAGIC.search(part):
            break
        parts.append(part)
    return project_dir.joinpath(*parts)


def is_recursive(project_dir: Path, pattern: str) -> bool:
    """Whether folders below the root can hold deliveries."""
    full = project_dir / pattern
    return full.parent != glob_root(project_dir, pattern)


class Matcher:
    """A source's glob: `*`, `?`, `[…]` within a name, `**` for any folders. Hidden and temporary names never match."""

    def __init__(self, project_dir: Path, pattern: str) -> None:
        self.root = glob_root(project_dir, pattern)
        self.recursive = is_recursive(project_dir, pattern)
        rest = (project_dir / pattern).relative_to(self.root)
        self._parts = rest.parts

    def matches(self, path: Path) -> bool:
        """`path` as the project sees it (links not followed)."""
        if is_temporary(path.name) or not path.is_relative_to(self.root):
            return False
        return _match(path.relative_to(self.root).parts, self._parts)

    def find(self) -> Iterator[Path]:
        """All files there are now that match; folders that vanish or may not be read are passed over."""
        yield from self._walk(str(self.root))

    def _walk(self, folder: str) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = Path(entry.path)
            try:
                if entry.is_dir(follow_symlinks=False):
                    if self.recursive and not entry.name.startswith("."):
                        yield from self._walk(entry.path)
                elif self.matches(path) and not entry.is_dir():
                    yield path
            except OSError:
                continue


def _match(names: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    if not patterns:
        return not names
    if patterns[0] == "**":
        return _match(names, patterns[1:]) or (
            bool(names) and not names[0].startswith(".") and _match(names[1:], patterns)
        )
    return (
        bool(names)
        and (patterns[0].startswith(".") or not names[0].startswith("."))
        and fnmatch.fnmatchcase(names[0], patterns[0])
        and _match(names[1:], patterns[1:])
    )
