"""A run's output in pieces."""

from __future__ import annotations

import os

from mlops_store.index.tx import Read
from mlops_store.records import ENDED
from mlops_store.redact import redact_text
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_rows
from mlops_tui.verbs.run import LogChunk, RunLogs

CHUNK = 1 << 20


def logs(read: Read, request: RunLogs) -> LogChunk:
    """At most 1 MB from `offset` (from the end where negative), or the last `tail` lines of the last 1 MB.

    Secrets are masked before they reach the log, and once more here: a log may come from elsewhere, or from an older version.
    """
    run_id = run_rows.find_run(read, request.run_id, request.project)
    state = run_rows.row_of(read, run_id)["state"]
    path = RunFolder(read.home.run_dir(run_id)).log
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            asked = _start(request, size)
            start, end = _written(file.fileno(), asked, size)
            file.seek(start)
            data = file.read(min(CHUNK, end - start))
    except FileNotFoundError:
        data, size, asked, start = b"", 0, 0, 0
    note = f"[{start - asked} bytes were dropped here: a log is capped]\n" if start > asked else ""
    if request.tail is not None and request.offset is None:
        kept = _last_lines(data, request.tail)
        start, data = start + len(data) - len(kept), kept
    if start + len(data) < size or state not in ENDED:
        data = data[: _whole(data)]
    end = start + len(data)
    text = note + redact_text(data.decode("utf-8", errors="replace"))
    return LogChunk(
        run_id=run_id, text=text, offset=start, next=end, size=size, ended=state in ENDED and end >= size
    )


def _written(handle: int, start: int, size: int) -> tuple[int, int]:
    """The next piece from `start` on that was not given back to the file system (see worker/log_cap.py)."""
    if start >= size or not hasattr(os, "SEEK_DATA"):
        return start, size
    try:
        begin = os.lseek(handle, start, os.SEEK_DATA)
        return begin, os.lseek(handle, begin, os.SEEK_HOLE)
    except OSError:
        return start, size  # a file system without holes


def _start(request: RunLogs, size: int) -> int:
    if request.offset is not None:
        return max(0, size + request.offset) if request.offset < 0 else min(request.offset, size)
    return max(0, size - CHUNK) if request.tail is not None else 0


def _last_lines(data: bytes, count: int) -> bytes:
    if count == 0:
        return b""
    place = len(data) - 1 if data.endswith(b"\n") else len(data)
    for _ in range(count):
        place = data.rfind(b"\n", 0, place)
        if place < 0:
            return data
    return data[place + 1 :]


def _whole(data: bytes) -> int:
    """The length without a character of UTF-8 that is cut off at the end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if need > back else len(data)
        if byte < 0x80:
            break
    return len(data)
