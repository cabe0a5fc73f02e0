"""`python -m mlops_tui.services.sql_process`: forks a process for each channel that it is sent, which answers one question from a copy of the
index, and ends.

That one writes a dot to say that it is there; reads a `Question` from the channel; writes `copied`, then `answer <SqlResult>` or `refused <Refusal>`, a line each, or `failed`. Both end
when what they read ends: no daemon, no question.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.copied import copy_index, open_copy
from mlops_store.index.database import memory_cap
from mlops_store.index.query import user_query
from mlops_tui import parent

HERE = b"."
"""What a forked process says first."""
_NICE = 19
_ASIDE = 512 << 20
"""Bytes beside what DuckDB counts: the interpreter, the libraries, texts that a query makes up."""


def main() -> int:
    """Waits for channels, each of a question, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever asked sees the end of the channel
    gc.freeze()
    control = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    while True:
        _, channels, _, _ = socket.recv_fds(control, 1, 1)
        if not channels:
            return 0
        if os.fork() == 0:
            control.close()
            _take(channels[0])
        os.close(channels[0])


def _take(channel: int) -> NoReturn:
    """In a process of its own: the question of this channel."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for standard in (sys.stdin, sys.stdout):
            os.dup2(channel, standard.fileno())
        os.close(channel)
        os.write(sys.stdout.fileno(), HERE)
        answer()
        code = 0
    except Exception:  # noqa: BLE001 - it is told here and to whoever asked, and the process ends
        traceback.print_exc()
        _say(b"failed")
    finally:
        os._exit(code)  # nothing of the process that it comes from is its to end


def answer() -> None:
    """Reads the question, says what came of it."""
    question = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict)
    folder = Path(question["folder"])
    parent.end_with_it()
    try:
        _step_back(question["timeout"], question["longest"])
        copy = folder / "metadata.duckdb"
        _copy(Path(question["index"]), copy)
        _say(b"copied")
        con = open_copy(copy, folder / "spill", max(1, (os.cpu_count() or 2) // 2))
        found = user_query(con, question["query"], limit=question["limit"], timeout_ms=question["timeout"])
        columns = [{"name": name, "type": kind} for name, kind in found.columns]
        _say(
            b"answer "
            + msgspec.json.encode({"columns": columns, "rows": found.rows, "truncated": found.truncated})
        )
    except Problem as problem:
        refusal = {name: getattr(problem, name) for name in ("code", "message", "hint", "status")}
        _say(b"refused " + msgspec.json.encode(refusal))


def _copy(index: Path, target: Path) -> None:
    try:
        copy_index(index, target)
    except OSError as error:
        raise Problem(
            "sql_no_copy",
            f"the index cannot be copied: {error.strerror or error}",
            "free some space (`df -h`)",
            status=3,
        ) from error


def _step_back(timeout_ms: int, longest: float) -> None:
    """Behind all others for the processor, first to go where memory is short, and with an end in any case."""
    signal.setitimer(signal.ITIMER_REAL, longest)
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    cap = memory_cap() + _ASIDE
    resource.setrlimit(resource.RLIMIT_DATA, (cap, cap))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = 60 + timeout_ms // 1000 * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000")


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
