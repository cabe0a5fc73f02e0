"""HTTP over the home's Unix socket."""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Mapping
from typing import BinaryIO

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.address import check_folders
from mlops_tui.client.decoding import decode

CONNECT_TIMEOUT = 5.0
_LINE = 64 << 10

# what a connection meets when the daemon goes to sleep or hands over: ask the next one
GONE = (ConnectionError, FileNotFoundError, http.client.BadStatusLine, http.client.IncompleteRead)


class Answer(msgspec.Struct, frozen=True):
    """A whole response."""

    status: int
    body: bytes
    exit_code: int


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket in the file system."""

    def __init__(self, home: Home, timeout: float) -> None:
        super().__init__("daemon", timeout=timeout)
        self._home = home
        self._wanted = timeout
        self._lines: BinaryIO | None = None

    def connect(self) -> None:
        """Raises Problem where the socket's folder is not ours; OSError where no one listens."""
        if not check_folders(self._home, create=False):
            raise FileNotFoundError(self._home.socket)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CONNECT_TIMEOUT)
        try:
            self.sock.connect(str(self._home.socket))
        except BaseException:
            self.sock.close()
            raise
        self.over(self.sock)

    def over(self, connected: socket.socket) -> None:
        """Speaks over this socket from now on."""
        self.sock = connected
        self.sock.settimeout(self._wanted)
        self._lines = self.sock.makefile("rb")

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
        super().close()

    def answer(self) -> Answer:
        """The next response, whole. Raises what `http.client` does: of GONE, where it breaks off or is none."""
        lines = self._lines
        assert lines is not None
        head = lines.readline(_LINE)
        if not head:
            raise http.client.RemoteDisconnected("no answer")
        try:
            version, status, *_ = head.split()
            headers = {}
            while (line := lines.readline(_LINE)) not in (b"\r\n", b"\n"):
                name, value = line.split(b":", 1)
                headers[name.lower()] = value.strip()
            code, length = int(status), int(headers[b"content-length"])
            if length < 0:
                raise ValueError(length)
        except (ValueError, KeyError) as error:
            raise http.client.BadStatusLine(repr(head)) from error
        body = lines.read(length)
        if len(body) < length:
            raise http.client.IncompleteRead(body, length - len(body))
        if version != b"HTTP/1.1" or headers.get(b"connection") == b"close":
            self.close()
        exit_code = headers.get(b"x-exit-code", b"")
        return Answer(code, body, int(exit_code) if exit_code.isdigit() else 1)


class _ErrorBody(msgspec.Struct):
    code: str
    message: str
    hint: str = ""
    status: int = 1


class _Failure(msgspec.Struct):
    error: _ErrorBody


def ask(
    connection: UnixConnection, method: str, path: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    """One question on a connection that is kept open. What `http.client` does for any server takes three times as long as the few lines that
    our daemon's answers need. Raises ValueError where a header has more than a line of text."""
    lines = [f"{method} {path} HTTP/1.1", "Host: daemon", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not all(line.isprintable() for line in lines):
        raise ValueError(f"a header that is no text: {headers!r}")
    try:
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}\r\n\r\n"]).encode("latin-1")
        with contextlib.suppress(
            BrokenPipeError
        ):  # it may have refused before it had all of it, and said why
            connection.send(head + body)
        return connection.answer()
    except BaseException:
        connection.close()  # or what is left of this answer would be taken for the next one
        raise


def header_text(claim: str) -> str:
    """Text that a header takes: ASCII in one line, `?` for what is none."""
    return "".join(
        letter if letter.isprintable() else "?" for letter in claim.encode("ascii", errors="replace").decode()
    )


def problem_in(body: bytes, status: int | None = None) -> Problem:
    """The error that an answer carries; `status` overrides the one inside."""
    try:
        error = decode(body, _Failure).error
    except msgspec.DecodeError:
        text = body[:200].decode("utf-8", errors="replace")
        return Problem(
            "bad_answer", f"the daemon's answer is not understood: {text!r}", "`mlops-tui daemon logs`"
        )
    return Problem(error.code, error.message, error.hint, error.status if status is None else status)
