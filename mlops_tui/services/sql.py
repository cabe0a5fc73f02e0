"""SQL over the index, each question in a process of its own: its memory and its time are not the daemon's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import mlops_store
import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home, scratch
from mlops_store.index.copied import checkpoints_held
from mlops_store.index.query import too_large
from mlops_store.index.tx import Read
from mlops_tui.verbs.top import Sql

PREFIX = "sql"
LONGEST = 29.0
"""Seconds that a process lives at most, starting and copying included: a bit less than whoever asked will wait."""
_ONE_COPY = threading.Lock()


class Question(msgspec.Struct):
    """What the process is told, on its standard input."""

    index: str
    folder: str
    query: str
    limit: int
    timeout: int


class Refusal(msgspec.Struct):
    """An answer that is none."""

    code: str
    message: str
    hint: str
    status: int


def sql(read: Read, request: Sql) -> msgspec.Raw:
    """One SELECT, read-only, capped in time, memory and rows: the JSON of a SqlResult, which the daemon hands on unread.
    Raises Problem."""
    folder = scratch(read.home, PREFIX)
    try:
        question = Question(str(read.home.index), str(folder), request.query, request.limit, request.timeout)
        with _process(LONGEST) as process:
            return _answer(read, process, question)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(home: Home) -> None:
    """Removes what questions of a daemon that was killed have left."""
    for folder in home.tmp.glob(f"{PREFIX}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _answer(read: Read, process: subprocess.Popen[bytes], question: Question) -> msgspec.Raw:
    """The lines of the process: `copied`, then one with the answer, or with why there is none."""
    assert process.stdin is not None and process.stdout is not None
    try:
        with _ONE_COPY, checkpoints_held(read):
            process.stdin.write(msgspec.json.encode(question) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if line == b"copied\n":
            line = process.stdout.readline()
    except BrokenPipeError:
        line = b""
    kind, _, body = line.partition(b" ")
    if kind == b"answer":
        return msgspec.Raw(body)
    if kind == b"refused":
        problem = msgspec.json.decode(body, type=Refusal)
        raise Problem(problem.code, problem.message, problem.hint, problem.status)
    raise _died(process.wait())


@contextmanager
def _process(seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which is gone when the block ends, and after `seconds` whatever happens."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlops_tui.services.sql_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        env=_environment(),
    )
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        process.wait()


def _close(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except BrokenPipeError:
        return  # what it was to be told no longer matters


def _environment() -> dict[str, str]:
    """Where the program is, and nothing else: SQL that reads the environment finds nothing there."""
    roots = dict.fromkeys(
        str(Path(package.__file__ or "").resolve().parents[1]) for package in (mlops_tui, mlops_store)
    )
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(roots)}


def _died(code: int) -> Problem:
    if code == -signal.SIGKILL:
        return Problem(
            "sql_too_slow",
            "the query was stopped: it took too long, or the machine ran out of memory",
            "ask for less",
            status=3,
        )
    if code < 0:
        return too_large(f"the query's process died of signal {-code}, most likely for want of memory")
    raise RuntimeError(f"the process of the query ended with {code} and without an answer")
