"""A question and its answer on a connection that is kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlops_store.home import Home
from mlops_tui.client.wire import GONE, Answer, UnixConnection, ask


@contextmanager
def answering(*answers: bytes) -> Iterator[UnixConnection]:
    """A connection whose other end says these, one for each question, and then ends."""
    connection = UnixConnection(Home(Path("unused")), 5.0)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            for answer in answers:
                if not theirs.recv(65_536):
                    return
                theirs.sendall(answer)

    connection.connect = lambda: connection.over(ours)  # type: ignore[method-assign]
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield connection
    finally:
        connection.close()
        thread.join()


def question(connection: UnixConnection) -> Answer:
    return ask(connection, "POST", "/v1/run/list", b"{}", {})


def test_answers_follow_each_other_on_one_connection() -> None:
    head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\ncontent-length: 2\r\n"
    with answering(head % 200 + b"\r\n{}", head % 400 + b"X-Exit-Code: 3\r\n\r\n[]") as connection:
        assert question(connection) == Answer(200, b"{}", 1)
        assert question(connection) == Answer(400, b"[]", 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"no http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_breaks_off_or_is_none_is_a_daemon_that_is_gone(answer: bytes) -> None:
    with answering(answer) as connection:
        with pytest.raises(GONE):
            question(connection)
        assert connection.sock is None, "nothing of it is taken for the next answer"


def test_a_connection_that_the_daemon_closes_is_not_used_again() -> None:
    with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n") as connection:
        question(connection)
        assert connection.sock is None


def test_a_header_cannot_smuggle_another_one() -> None:
    with answering() as connection, pytest.raises(ValueError, match="no text"):
        ask(connection, "POST", "/v1/run/list", b"", {"X-Actor": "me\r\nIdempotency-Key: 1"})
