"""SQL over the index, each question in a process of its own: its memory and its time are not the daemon's."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home, scratch
from mlops_store.index.copied import checkpoints_held
from mlops_store.index.query import too_large
from mlops_store.index.tx import Read
from mlops_tui.services.sql_forks import Forks
from mlops_tui.verbs.top import Sql

PREFIX = "sql"
LONGEST = 29.0
"""Seconds that a process lives at most, starting and copying included: a bit less than whoever asked will wait."""
_GONE = 5.0
"""Seconds in which a process that was told to end has ended."""
_ONE_COPY = threading.Lock()
_FORKS = Forks()


class Question(msgspec.Struct):
    """What the process is told, on its standard input. `longest` is in seconds: the kernel ends it then."""

    index: str
    folder: str
    query: str
    limit: int
    timeout: int
    longest: float


class _Asked:
    """A process that answers one question."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.lines = channel.makefile("rb")
        self.late = False

    def give_up(self) -> None:
        """It took too long. It ends, and so does what can be read of it."""
        self.late = True
        self.tell_to_end()

    def tell_to_end(self) -> None:
        try:
            self.channel.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has ended

    def close(self) -> None:
        """When this returns it is gone, and writes nothing any more."""
        self.tell_to_end()
        self.channel.settimeout(_GONE)
        try:
            while self.channel.recv(1 << 16):
                continue
        except OSError:  # ended while it was writing
            return
        finally:
            self.lines.close()
            self.channel.close()


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
        question = Question(
            str(read.home.index), str(folder), request.query, request.limit, request.timeout, LONGEST + 1
        )
        with _process(LONGEST) as asked:
            return _answer(read, asked, question)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(home: Home) -> None:
    """Removes what questions of a daemon that was killed have left."""
    for folder in home.tmp.glob(f"{PREFIX}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _answer(read: Read, asked: _Asked, question: Question) -> msgspec.Raw:
    """The lines of the process: `copied`, then one with the answer, or with why there is none."""
    try:
        with _ONE_COPY, checkpoints_held(read):
            asked.channel.sendall(msgspec.json.encode(question) + b"\n")
            line = asked.lines.readline()
        if line == b"copied\n":
            line = asked.lines.readline()
    except (BrokenPipeError, ConnectionResetError):
        line = b""
    kind, _, body = line.partition(b" ")
    if not line.endswith(b"\n"):
        raise (
            _too_slow()
            if asked.late
            else too_large("the query's process died, most likely for want of memory")
        )
    if kind == b"answer":
        return msgspec.Raw(body)
    if kind == b"refused":
        problem = msgspec.json.decode(body, type=Refusal)
        raise Problem(problem.code, problem.message, problem.hint, problem.status)
    raise RuntimeError("the process of the query failed; it says why in the daemon's log")


@contextmanager
def _process(seconds: float) -> Iterator[_Asked]:
    """A process, which is gone when the block ends, and after `seconds` whatever happens."""
    asked = _Asked(_FORKS.channel())
    timer = threading.Timer(seconds, asked.give_up)
    timer.start()
    try:
        yield asked
    finally:
        timer.cancel()
        asked.close()


def _too_slow() -> Problem:
    return Problem("sql_too_slow", "the query was stopped: it took too long", "ask for less", status=3)
