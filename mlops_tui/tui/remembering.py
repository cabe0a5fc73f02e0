"""What was answered once and holds on this machine: how the app looks over SSH."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlops_store.atomic import write_atomic


def answers_file(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_STATE_HOME/mlops-tui/profiles.json`: profiles by machine, since several may share the folder."""
    base = environ.get("XDG_STATE_HOME") or os.path.join(environ.get("HOME", "~"), ".local", "state")
    return Path(base).expanduser() / "mlops-tui" / "profiles.json"


def machine() -> str:
    """What this machine calls itself."""
    return os.uname().nodename


def remembered(path: Path) -> str:
    """The profile that was chosen for SSH to this machine; empty where nobody was asked, or the answer cannot be read."""
    return _read(path).get(machine(), "")


def remember(path: Path, profile: str) -> None:
    """Keeps the answer. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, msgspec.json.encode({**_read(path), machine(): profile}))


def _read(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):  # asked again
        return {}
