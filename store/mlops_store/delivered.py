"""The names of delivered files as text that JSON can hold, and back.

A file name is bytes. One that is no UTF-8 would break JSON (lone surrogates), so it is written as
`file:` + percent-encoding; so is a name that begins with `file:`. All other names are written as they are.
Nothing here makes a name safe to print: that is for whoever prints.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

_PREFIX = "file:"


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as reversible, valid Unicode text."""
    raw = os.fspath(path)
    if raw.startswith(_PREFIX) or any("\ud800" <= letter <= "\udfff" for letter in raw):
        return _PREFIX + quote(os.fsencode(raw), safe="/")
    return raw


def path_of(text: str) -> Path:
    """The path that `path_text` wrote."""
    if text.startswith(_PREFIX):
        return Path(os.fsdecode(unquote_to_bytes(text[len(_PREFIX) :])))
    return Path(text)


def delivered_text(path: Path, project_dir: Path) -> str:
    """How a delivery is named in records: relative to the project where it lies inside it, else absolute."""
    plain = Path(os.path.abspath(path))
    base = Path(os.path.abspath(project_dir))
    return path_text(plain.relative_to(base) if plain.is_relative_to(base) else plain)


def delivered_path(text: str, project_dir: Path) -> Path:
    """Where a recorded delivery lies (or lay)."""
    return project_dir / path_of(text)
