"""`python -m mlops_tui.services.sql_process`: answers one question from a copy of the index, and ends.

Reads a `Question` from standard input; writes `copied`, then `answer <SqlResult>` or `refused <Refusal>`, a line each. It ends when
its standard input does: no daemon, no question.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.copied import copy_index, open_copy
from mlops_store.index.database import memory_cap
from mlops_store.index.query import user_query
from mlops_tui import parent

_NICE = 19
_ASIDE = 512 << 20
"""Bytes beside what DuckDB counts: the interpreter, the libraries, texts that a query makes up."""


def main() -> int:
    question = msgspec.json.decode(sys.stdin.buffer.readline(), type=dict)
    folder = Path(question["folder"])
    parent.end_with_it()
    try:
        _step_back(question["timeout"])
        copy = folder / "metadata.duckdb"
        _copy(Path(question["index"]), copy)
        _say(b"copied")
        con = open_copy(copy, folder / "spill", max(1, (os.cpu_count() or 2) // 2))
        found = user_query(con, question["query"], limit=question["limit"], timeout_ms=question["timeout"])
        columns = [{"name": name, "type": kind} for name, kind in found.columns]
        answer = {"columns": columns, "rows": found.rows, "truncated": found.truncated}
        _say(b"answer " + msgspec.json.encode(answer))
    except Problem as problem:
        refusal = {name: getattr(problem, name) for name in ("code", "message", "hint", "status")}
        _say(b"refused " + msgspec.json.encode(refusal))
    return 0


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


def _step_back(timeout_ms: int) -> None:
    """Behind all others for the processor, first to go where memory is short, and with an end in any case."""
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
