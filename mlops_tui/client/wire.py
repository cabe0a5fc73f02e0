"""HTTP over the home's Unix socket."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.address import check_folders
from mlops_tui.client.decoding import decode

CONNECT_TIMEOUT = 5.0

# what a connection meets when the daemon goes to sleep or hands over: ask the next one
GONE = (ConnectionError, FileNotFoundError, http.client.BadStatusLine, http.client.IncompleteRead)


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection to a socket in the file system."""

    def __init__(self, home: Home, timeout: float) -> None:
        super().__init__("daemon", timeout=timeout)
        self._home = home
        self._wanted = timeout

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
        self.sock.settimeout(self._wanted)


class Answer(msgspec.Struct, frozen=True):
    """A whole response."""

    status: int
    body: bytes
    exit_code: int


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
    """One question on a connection that is kept open."""
    connection.request(
        method, path, body=body or None, headers={"Content-Type": "application/json", **headers}
    )
    response = connection.getresponse()
    content = response.read()
    code = response.headers.get("X-Exit-Code", "1")
    return Answer(response.status, content, int(code) if code.isdigit() else 1)


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
