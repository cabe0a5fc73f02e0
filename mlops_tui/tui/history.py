"""What was asked in SQL, kept with the home. A history that cannot be read or written is no reason to stop asking."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.redact import redact_text

LONGEST = 200


def path_of(home: Home) -> Path:
    """Where it is kept."""
    return home.path / "tui" / "sql_history.json"


def load(home: Home) -> list[str]:
    """The queries, oldest first; none where there is no file, or one that is no history."""
    try:
        return msgspec.json.decode(path_of(home).read_bytes(), type=list[str])[-LONGEST:]
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        return []


def save(home: Home, queries: list[str]) -> bool:
    """Keeps the newest, what looks like a secret masked; False where the disk does not take it."""
    try:
        path_of(home).parent.mkdir(mode=0o700, exist_ok=True)
        write_json(path_of(home), [redact_text(query) for query in queries[-LONGEST:]])
    except OSError:
        return False
    return True
