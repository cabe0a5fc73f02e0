"""The protocol on the wire, and what the client makes of it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import Client, connect
from mlops_tui.client.here import environment
from mlops_tui.client.spawn import daemon_environment
from mlops_tui.client.wire import UnixConnection, problem_in
from mlops_tui.daemon.options import BODY_LIMIT


@pytest.fixture
def client(shared_home: Home) -> Any:
    with connect(shared_home) as made:
        yield made


def post(
    home: Home, path: str, body: bytes = b"{}", headers: dict[str, str] | None = None, method: str = "POST"
) -> tuple[int, Any, Any]:
    connection = UnixConnection(home, 30)
    try:
        with contextlib.suppress(BrokenPipeError):  # refused before all of it was there
            connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        text = response.read()
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = text
        return response.status, decoded, response.headers
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "body", "code", "status"),
    [
        ("/v1/run/fly", b"{}", "unknown_verb", 404),
        ("/v1/../etc", b"{}", "unknown_verb", 404),
        ("/v1/run/list", b"{", "bad_request", 400),
        ("/v1/run/list", b"[]", "bad_request", 400),
        ("/v1/run/list", b'{"limit": "many"}', "bad_request", 400),
        ("/v1/run/list", b'{"limti": 3}', "bad_request", 400),
        ("/v1/run/list", b'{"limit": 100000}', "bad_request", 400),
        ("/v1/run/list", b"\xff\xfe", "bad_request", 400),
        ("/v1/run/list?dry_run=1", b"{}", "no_dry_run", 400),
        ("/v1/run/list", b" " * (BODY_LIMIT + 1), "too_large", 400),
    ],
)
def test_wrong_requests_have_one_shape_of_error(
    client: Client, path: str, body: bytes, code: str, status: int
) -> None:
    found, answer, headers = post(client.home, path, body)
    assert found == status
    assert set(answer["error"]) == {"code", "message", "hint"}
    assert answer["error"]["code"] == code
    assert headers["X-Exit-Code"] == "2"


def test_an_empty_body_means_the_defaults(client: Client) -> None:
    status, answer, _ = post(client.home, "/v1/project/list", b"")
    assert (status, set(answer)) == (200, {"items", "next", "total"})


def test_other_methods_and_pages_are_refused(client: Client) -> None:
    assert post(client.home, "/v1/run/list", method="GET")[0] == 405
    assert post(client.home, "/elsewhere")[0] == 404
    assert post(client.home, "/v1/events?seq=x", method="GET")[0] == 400
    assert post(client.home, "/v1/project/list", headers={"Idempotency-Key": "a b\t"})[0] == 400
    assert post(client.home, "/v1/ping", method="GET", headers={"X-Actor": "bot\x07"})[0] == 400


def test_a_claim_with_control_characters_is_made_text(
    client: Client, monkeypatch: pytest.MonkeyPatch, make_project: Any
) -> None:
    monkeypatch.setenv("MLOPS_TUI_ACTOR", "b\x07o\tt ü\r\nX-Evil: 1")
    client.call("project add", {"dir": str(make_project("claimed"))})
    assert client.call("ledger list", {"subject": "claimed"}).items[0].actor.endswith("/b?o?t ???X-Evil: 1")


def test_a_key_makes_twice_once_and_belongs_to_its_verb(client: Client, make_project: Any) -> None:
    folder = str(make_project("keyed"))
    body = json.dumps({"dir": folder}).encode()
    key = {"Idempotency-Key": "k1", "X-Actor": "bot"}
    first = post(client.home, "/v1/project/add", body, key)[1]
    removed = post(client.home, "/v1/project/remove", b'{"name": "keyed"}', key)[1]
    again = post(client.home, "/v1/project/add", body, key)[1]
    assert first == again == {name: removed[name] for name in first}
    entries = client.call("ledger list", {"subject": "keyed"}).items
    assert [entry.verb for entry in entries] == ["project.remove", "project.add"]
    assert entries[0].actor.endswith("/bot")
    assert [project.name for project in client.call("project list").items].count("keyed") == 0


def test_pages_follow_each_other(client: Client, make_project: Any) -> None:
    for name in ("page-a", "page-b", "page-c"):
        client.call("project add", {"dir": str(make_project(name))})
    names: list[str] = []
    page = client.call("project list", {"limit": 1})
    while True:
        assert len(page.items) == 1
        names += [project.name for project in page.items]
        if page.next is None:
            break
        page = client.call("project list", {"limit": 1, "page": page.next})
    assert names == sorted(names)
    assert {"page-a", "page-b", "page-c"} <= set(names)


def test_ping_and_description(client: Client) -> None:
    pong = client.ping()
    assert pong.version == mlops_tui.__version__
    assert client.openapi()["info"]["version"] == mlops_tui.__version__
    assert "/v1/run/start" in client.openapi()["paths"]


def test_what_changes_is_told(client: Client, make_project: Any) -> None:
    events = client.events(follow=True)
    hello = next(events)
    assert hello is not None
    assert hello.type == "hello"
    client.call("project add", {"dir": str(make_project("told"))})
    event = next(event for event in events if event is not None)
    assert (event.type, event.subject, event.data["verb"], event.seq) == (
        "ledger",
        "told",
        "project.add",
        hello.seq + 1,
    )
    events.close()
    later = [
        event for event in client.events(follow=False, epoch=hello.epoch, seq=hello.seq) if event is not None
    ]
    assert [event.type for event in later][:2] == ["hello", "ledger"]
    reset = [event for event in client.events(follow=False, epoch="other", seq=0) if event is not None]
    assert [event.type for event in reset] == ["hello", "reset"]


def test_a_fault_in_a_service_is_an_error_with_the_log(client: Client) -> None:
    # a name that JSON can carry and DuckDB cannot compare is the program's to handle, never a broken connection
    status, answer, _ = post(client.home, "/v1/project/show", json.dumps({"name": "\ud800"}).encode())
    assert status in (400, 500)
    assert answer["error"]["code"]
    assert client.call("project list").items is not None


def test_without_a_daemon_and_without_starting_one(served_home: Home) -> None:
    with pytest.raises(Problem) as raised:
        connect(served_home, autostart=False)
    assert (raised.value.code, raised.value.status) == ("daemon_not_running", 3)
    assert not served_home.path.exists()


def test_answers_that_make_no_sense_are_problems() -> None:
    assert problem_in(b"<html>").code == "bad_answer"
    assert problem_in(b'{"error": {"code": "x", "message": "m"}}', 3).status == 3


def test_what_the_app_sets_for_its_drawing_reaches_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ("ESCDELAY", "TEXTUAL_ANIMATIONS", "TEXTUAL_SMOOTH_SCROLL", "TEXTUAL_FPS")
    for name in (*own, "MINE"):
        monkeypatch.setenv(name, "1")
    given = environment().env
    assert given["MINE"] == "1" and not given.keys() & set(own)
    assert not daemon_environment(Home.locate(tmp_path)).keys() & set(own)


def test_a_daemon_and_its_children_find_the_home_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLOPS_TUI_HOME", "records")
    assert daemon_environment(Home.locate(None))["MLOPS_TUI_HOME"] == str(tmp_path / "records")
