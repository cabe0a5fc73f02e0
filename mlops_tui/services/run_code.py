"""Which lines of which files differ between the code of two runs."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

_MAX_BYTES = 1 << 19
_MAX_TEXT = 200


def code_files(folder: Path) -> dict[str, bytes]:
    """Relative path → content of a run's copy of the code; empty where there is none."""
    found: dict[str, bytes] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            if path.is_file() and path.stat().st_size <= _MAX_BYTES:
                found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def line_changes(before: Path, after: Path, limit: int) -> list[tuple[str, str | None, str | None]]:
    """(`file line N`, text before, text after) for up to `limit` places where the code differs."""
    old, new = code_files(before), code_files(after)
    changes: list[tuple[str, str | None, str | None]] = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        if name not in old or name not in new:
            changes.append((name, "there" if name in old else None, "there" if name in new else None))
            continue
        changes += [(f"{name} line {number}", a, b) for number, a, b in _lines(old[name], new[name])]
    return changes[:limit]


def _lines(old: bytes, new: bytes) -> list[tuple[int, str | None, str | None]]:
    """The first line of each place that differs, numbered as in `new`."""
    a, b = old.decode(errors="replace").splitlines(), new.decode(errors="replace").splitlines()
    found = []
    for kind, start, end, other, until in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind != "equal":
            was = a[start].strip()[:_MAX_TEXT] if end > start else None
            now = b[other].strip()[:_MAX_TEXT] if until > other else None
            found.append((other + 1, was, now))
    return found
