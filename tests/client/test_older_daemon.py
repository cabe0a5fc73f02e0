"""A daemon of another version: who is told what, over a daemon that is none but speaks like an old one."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.address import check_folders
from mlops_tui.client import Client, connect

UNKNOWN = {"code": "unknown_verb", "message": "there is no verb 'run list'", "hint": "see /v1/openapi.json"}


def lacking(field: str) -> dict[str, str]:
    return {"code": "bad_request", "message": f"Object contains unknown field `{field}`", "hint": ""}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers a ping with a version and all else with an error."""

    daemon_threads = True
    version, error = "", UNKNOWN
    asked: list[str]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def address_string(self) -> str:
        return "here"

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _send(self, status: int, body: Any) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Exit-Code", "2")
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        self._send(200, {"version": self.server.version, "pid": 1, "epoch": "e"})

    def do_POST(self) -> None:
        self._send(400, {"error": self.server.error})


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Callable[..., tuple[Server, Home]]]:
    """Serves a home as a daemon of `version` that answers every verb with `error`."""
    made: list[Server] = []

    def serve(version: str = mlops_tui.__version__, error: dict[str, str] = UNKNOWN) -> tuple[Server, Home]:
        home = Home(tmp_path / "home").create()
        check_folders(home, create=True)
        server = Server(str(home.socket), Handler)
        server.version, server.error, server.asked = version, error, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.append(server)
        return server, home

    yield serve
    for server in made:
        path = Path(str(server.server_address))
        server.shutdown()
        server.server_close()
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def told(ask: Callable[[Client], Any], home: Home, **how: Any) -> Problem:
    with connect(home, **how) as client, pytest.raises(Problem) as caught:
        ask(client)
    return caught.value


def test_what_an_older_daemon_does_not_know_names_both_and_the_remedy(older: Any) -> None:
    _, home = older("0.0.1")
    problem = told(lambda client: client.call("run list"), home, autostart=False)
    assert (problem.code, problem.status) == ("daemon_older", 3)
    assert all(
        word in problem.message
        for word in ("`run list`", "version 0.0.1", f"version {mlops_tui.__version__}")
    )
    assert "mlops-tui daemon restart" in problem.hint


def test_code_that_changed_under_one_version_is_told_too(older: Any) -> None:
    _, home = older()
    for ask in (
        lambda client: client.call("run list"),
        lambda client: client.plan("run stop", {"run_id": "a"}),
    ):
        problem = told(ask, home)
        assert problem.code == "daemon_older" and "an older one" in problem.message


def test_a_field_that_it_does_not_know_is_named(older: Any) -> None:
    _, home = older(error=lacking("more"))
    asked = {"run_id": "a", "more": ["b"]}
    assert "`more` of `run stop`" in told(lambda client: client.call("run stop", asked), home).message


def test_a_field_that_nobody_knows_is_the_askers_fault(older: Any) -> None:
    _, home = older(error=lacking("mroe"))
    assert told(lambda client: client.call("run stop", {"run_id": "a"}), home).code == "bad_request"


def test_a_newer_program_asks_it_to_hand_over(older: Any) -> None:
    server, home = older("0.0.1")
    said: list[str] = []
    client = Client(home, autostart=True, idle_exit=None, version=mlops_tui.__version__, say=said.append)
    with client, pytest.raises(Problem):  # this one says yes and stays
        client.ping()
    assert "/v1/daemon/handover" in server.asked and "version 0.0.1 hands over" in said[0]
