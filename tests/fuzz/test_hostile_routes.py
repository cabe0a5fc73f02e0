"""Every route with hostile bodies, and the socket with what is no HTTP: an answer or a refusal in words, never a fault or a hang."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hostile import Stand, bodies, budget, texts
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.client import connect
from mlops_tui.client.wire import UnixConnection
from mlops_tui.verbs import Verb, all_verbs

TIMEOUT = 40.0
"""Seconds until a question counts as hanging: the daemon's own deadline is 30."""
VERBS = [verb for verb in all_verbs() if verb.service]


def ask(stand: Stand, path: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    connection = UnixConnection(stand.home, TIMEOUT)
    try:
        connection.request("POST", path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


AGAIN = {
    "alias_moved", "changed_since", "conflict", "gc_running", "home_changed", "run_unsettled", "verdict_changed",
    "disk_full", "index_busy", "sql_too_slow", "too_slow",
}  # fmt: skip
"""Decided otherwise meanwhile; too little room for a `--floor` that somebody set; a question that took too long."""


def check(status: int, answer: bytes) -> None:
    """Good, or a Problem with a code and words; 503 is `ask again` for a reason that such questions can have, and no fault."""
    assert status in (200, 400, 404, 409, 412, 503), (status, answer[:2000])
    found: Any = msgspec.json.decode(answer)
    if status != 200:
        error = found["error"]
        assert error["code"] not in ("", "internal") and error["message"], error
        assert status != 503 or error["code"] in AGAIN, error
        assert "Traceback" not in error["message"]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.key.replace(" ", "-"))
def test_every_route_answers_or_says_why_not(stand: Stand, verb: Verb) -> None:
    @budget(6)
    @given(body=bodies(verb.input, stand.known), dry=st.booleans())
    def question(body: bytes, dry: bool) -> None:
        check(*ask(stand, f"/v1/{verb.path}{'?dry_run=1' if dry else ''}", body))

    question()


def test_filters_and_sorts_of_any_text_are_answered_or_refused(stand: Stand) -> None:
    words = st.sampled_from(
        ["state", "=", "!=", "~", ":", "in", "(", ")", "and", "or", "not", "best(score)", "params.lr", "tags.'", "age <", "2d", "1e400", "is null", "has:", '"', "-", ","]
    )  # fmt: skip
    languages = st.lists(words | texts(stand.known), max_size=7).map(" ".join)

    @budget(60)
    @given(filter=languages, sort=st.sampled_from(["-created", "metrics.score"]) | texts(("-metrics.",)))
    def question(filter: str, sort: str) -> None:
        body = msgspec.json.encode(
            {"filter": filter.encode(errors="ignore").decode(), "sort": sort.encode(errors="ignore").decode()}
        )
        check(*ask(stand, "/v1/run/list", body))

    question()


def test_headers_and_paths_of_any_text(stand: Stand) -> None:
    @budget(40)
    @given(path=texts(("run/show", "events")), actor=texts(), key=texts())
    def question(path: str, actor: str, key: str) -> None:
        clean = {
            name: value.encode("latin-1", errors="ignore").decode("latin-1").translate({10: None, 13: None})
            for name, value in (("X-Actor", actor), ("Idempotency-Key", key))
        }
        try:
            status, _ = ask(stand, "/v1/" + quote(path.encode(errors="ignore")), b"{}", clean)
        except (BrokenPipeError, ConnectionResetError):
            return  # a header that is none costs the connection before the body is there
        assert status < 500 and status != 101

    question()


def test_events_from_anywhere(stand: Stand) -> None:
    @budget(25)
    @given(epoch=texts(), seq=texts() | st.integers().map(str))
    def question(epoch: str, seq: str) -> None:
        connection = UnixConnection(stand.home, TIMEOUT)
        query = f"epoch={quote(epoch.encode(errors='ignore'))}&seq={quote(seq.encode(errors='ignore'))}"
        connection.request("GET", f"/v1/events?{query}&follow=0")
        response = connection.getresponse()
        assert response.status in (200, 400)
        response.read()
        connection.close()

    question()


def test_what_is_no_http_costs_its_sender_the_connection(stand: Stand) -> None:
    lines = st.sampled_from(
        [b"POST /v1/run/list HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n",
         b"\r\n", b"ffffffffffffffff\r\n", b"{}", b"GET / HTTP/9.9\r\n", b"Expect: 100-continue\r\n", b"X: " + b"a" * 70_000 + b"\r\n", b"Upgrade: websocket\r\n"]
    )  # fmt: skip

    @budget(40)
    @given(parts=st.lists(lines | st.binary(max_size=80), max_size=8))
    def noise(parts: list[bytes]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(stand.home.socket))
            try:
                connection.sendall(b"".join(parts))
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while part := connection.recv(65_536):
                    answer += part
            except (BrokenPipeError, ConnectionResetError):
                return
            assert b" 500 " not in answer.split(b"\r\n", 1)[0], answer[:500]

    noise()
    with connect(stand.home, autostart=False) as client:
        assert client.ping().pid == stand.pid


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /v1/ping HTTP/1.1\r\nX: ",
        b"GET /",
        b"POST /v1/run/list HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ",
    ],
    ids=["header", "path", "trailer"],
)
def test_a_head_without_end_is_cut_off(stand: Stand, begin: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(stand.home.socket))
        connection.sendall(begin)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                connection.sendall(b"a" * 10_000)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /v1/ping HTTP/9.9", 400),
        (b"\x16\x03\x01\x02", 400),
        (b"GET /v1/run/list HTTP/1.1", 405),
        (b"GET /etc/passwd HTTP/1.1", 404),
    ],
)
def test_every_refusal_is_an_error_in_json(stand: Stand, request_line: bytes, status: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(stand.home.socket))
        connection.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == status
        assert response.headers["content-type"] == "application/json"
        assert msgspec.json.decode(response.read())["error"].keys() == {"code", "message", "hint"}


def test_a_body_beyond_the_limit_is_refused_in_words(stand: Stand) -> None:
    status, answer = ask(stand, "/v1/run/list", b'{"filter": "' + b"x" * (9 << 20) + b'"}')
    assert status == 400
    assert msgspec.json.decode(answer)["error"]["code"] == "too_large"
