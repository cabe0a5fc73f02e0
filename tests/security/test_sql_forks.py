"""The process that forks one for each question in SQL: what becomes of it, and of them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from mlops_store.index.database import Database
from mlops_tui.services.sql import Question
from mlops_tui.services.sql_forks import Forks


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forks") / "metadata.duckdb"
    Database.open(path).close()
    return path


@pytest.fixture
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()


def ask(channel: socket.socket, index: Path, folder: Path, query: str, longest: float = 20.0) -> None:
    folder.mkdir()
    question = Question(str(index), str(folder), query, limit=10, timeout=20_000, longest=longest)
    channel.sendall(msgspec.json.encode(question) + b"\n")


def told(channel: socket.socket) -> list[bytes]:
    """All that a process says, until it is gone."""
    with channel, channel.makefile("rb") as lines:
        return lines.readlines()


def children_of(forks: Forks) -> list[str]:
    return Path(f"/proc/{forks.pid}/task/{forks.pid}/children").read_text().split()


def test_several_at_once_by_one_that_is_replaced_when_it_was_killed(
    forks: Forks, index: Path, tmp_path: Path
) -> None:
    channels = [forks.channel() for _ in range(3)]
    first = forks.pid
    assert first is not None
    for number in (2, 0, 1):
        ask(channels[number], index, tmp_path / str(number), f"SELECT {number} AS n")
    for number, channel in enumerate(channels):
        copied, answer = told(channel)
        assert copied == b"copied\n"
        assert msgspec.json.decode(answer.removeprefix(b"answer "))["rows"] == [[number]]
    end = time.monotonic() + 10
    while children_of(forks) and time.monotonic() < end:
        time.sleep(0.01)
    assert not children_of(forks), "nobody is left, not even as a zombie"
    os.kill(first, signal.SIGKILL)
    channel = forks.channel()
    ask(channel, index, tmp_path / "again", "SELECT 7")
    assert forks.pid != first
    assert b"[[7]]" in told(channel)[1]


def test_who_is_asked_answers_though_the_one_that_forked_it_is_killed(
    forks: Forks, index: Path, tmp_path: Path
) -> None:
    channel = forks.channel()
    ask(channel, index, tmp_path / "q", "SELECT count(*) FROM range(300000000)")
    with channel.makefile("rb") as lines:
        assert lines.readline() == b"copied\n"
        assert forks.pid is not None
        os.kill(forks.pid, signal.SIGKILL)
        assert b"[[300000000]]" in lines.readline()
    channel.close()


def test_a_question_ends_with_its_channel_and_after_its_time(
    forks: Forks, index: Path, tmp_path: Path
) -> None:
    slow = "SELECT count(*) FROM range(1000000000) a, range(1000) b"
    given_up, late = forks.channel(), forks.channel()
    ask(given_up, index, tmp_path / "given_up", slow)
    ask(late, index, tmp_path / "late", slow, longest=0.7)
    given_up.shutdown(socket.SHUT_WR)
    for channel in (given_up, late):
        assert not any(line.startswith((b"answer", b"failed")) for line in told(channel))


def test_a_question_ends_with_a_reader_that_has_not_read_all(
    forks: Forks, index: Path, tmp_path: Path
) -> None:
    slow = "SELECT count(*) FROM range(1000000000) a, range(1000) b"
    channel = forks.channel()
    ask(channel, index, tmp_path / "q", slow)
    end = time.monotonic() + 20
    while channel.recv(1, socket.MSG_PEEK) != b"c" and time.monotonic() < end:
        time.sleep(0.01)
    (working,) = map(int, children_of(forks))
    channel.close()  # of a killed daemon, say: the other end is reset, not just ended
    while children_of(forks) and time.monotonic() < end:
        time.sleep(0.01)
    assert not Path(f"/proc/{working}").exists()


def test_what_is_no_question_is_said_to_have_failed(forks: Forks) -> None:
    channel = forks.channel()
    channel.sendall(b"{}\n")
    assert told(channel) == [b"failed\n"]


def test_it_ends_when_nobody_asks(index: Path, tmp_path: Path) -> None:
    forks = Forks(idle=0.1)
    channel = forks.channel()
    pid = forks.pid
    assert pid is not None
    ask(channel, index, tmp_path / "q", "SELECT 1")
    assert b"[[1]]" in told(channel)[1], "it was ended, but who answers was not"
    end = time.monotonic() + 10
    while forks.pid is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert forks.pid is None and not Path(f"/proc/{pid}").exists()
    forks.channel().close()
    again = forks.pid
    assert again is not None
    forks.close()
    assert forks.pid is None and not Path(f"/proc/{again}").exists()
