"""A journal of the shim's own, in the same form as those of training: standard library only."""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from collections.abc import Sequence


def open_journal(run_dir: str, attempt: int, label: str) -> int:
    """A new journal `<attempt>-<host>-<pid>-<label>.jsonl` for appending, with its header. Raises OSError."""
    host = "".join(c if c.isalnum() else "_" for c in os.uname().nodename)[:32] or "host"
    folder = os.path.join(run_dir, "journal")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    path = os.path.join(folder, f"{attempt}-{host}-{os.getpid()}-{label}.jsonl")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    header = {
        "run_id": os.path.basename(run_dir),
        "attempt": attempt,
        "pid": os.getpid(),
        "time": time.time_ns() // 1_000_000,
    }
    write_rows(handle, [["h", header]])
    return handle


def write_rows(handle: int, rows: Sequence[Sequence[object]]) -> bool:
    """All rows in one write. False where the disk did not take them."""
    block = b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
    try:
        return os.write(handle, block) == len(block)
    except OSError:
        return False
