"""Someone is told, by command or webhook; a failure is recorded and holds nobody up."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from card_desk import TOML, Desk

from mlops_tui.daemon.notifier import Notifier, NotifyFile
from mlops_tui.services.doctor import NOTIFY_FILE
from mlops_tui.services.notify import NotSent, notices, send


class Server(http.server.BaseHTTPRequestHandler):
    got: list[dict[str, Any]] = []
    code = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(body))
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Server.got, Server.code = [], 200
    yield f"http://127.0.0.1:{server.server_port}/hook?token=s3cret"
    server.shutdown()


def told(tmp_path: Path, config: str) -> Desk:
    desk = Desk(tmp_path, TOML + f"\n[notify]\n{config}\n").with_champion()
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.drifted(run, 500)
    return desk


def test_command_gets_the_event_on_stdin_and_no_shell(tmp_path: Path) -> None:
    script = tmp_path / "note.py"
    script.write_text(
        "import sys, pathlib; pathlib.Path('got.json').write_text(sys.stdin.read() + sys.argv[1])"
    )
    desk = told(tmp_path, f"command = '{sys.executable} {script} \"a; $(b)\"'")
    found, until = notices(desk.reader, 0)
    assert [n.event["event"] for n in found] == ["proposal"]
    send(found[0])
    text = (desk.project / "got.json").read_text()
    event = msgspec.json.decode(text.removesuffix("a; $(b)"))
    assert text.endswith("a; $(b)") and event["model"] == "late" and "500" in event["text"]
    assert notices(desk.reader, until) == ([], until)
    desk.close()


def test_verdicts_and_failures_are_told(tmp_path: Path, url: str) -> None:
    desk = told(tmp_path, f'webhook = "{url}"')
    from mlops_tui.services import proposal
    from mlops_tui.verbs.proposal import ProposalApprove

    card = desk.do(lambda tx: proposal.approve(tx, ProposalApprove(project="shop", id="late")))
    assert card.run_id is not None
    desk.trained(card.run_id, "FAIL")
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.finish(run, None, code=1)
    for notice in notices(desk.reader, 0)[0]:
        send(notice)
    assert [event["event"] for event in Server.got] == ["proposal", "verdict", "run_failed"]
    assert Server.got[1]["verdict"] == "FAIL" and Server.got[2]["kind"] == "drift"
    desk.close()


@pytest.mark.parametrize(("config", "why"), [
    (f'command = "{sys.executable} -c \'import sys; sys.exit(3)\'"', "exit code 3"),
    ('command = "/no/such/program"', "cannot be started"),
    ('command = "unclosed \\" quote"', "cannot be started"),
    ('webhook = "http://127.0.0.1:9/x?token=s3cret"', "127.0.0.1 cannot be reached"),
    ('webhook = "file:///etc/passwd"', "no http"),
])  # fmt: skip
def test_failures_say_why_and_tell_no_secrets(tmp_path: Path, config: str, why: str) -> None:
    desk = told(tmp_path, config)
    with pytest.raises(NotSent) as problem:
        send(notices(desk.reader, 0)[0][0], command_timeout=20, webhook_timeout=5)
    assert why in str(problem.value) and "s3cret" not in str(problem.value)
    desk.close()


def test_a_slow_command_is_killed(tmp_path: Path) -> None:
    desk = told(tmp_path, f"command = \"{sys.executable} -c 'import time; time.sleep(60)'\"")
    with pytest.raises(NotSent, match="longer than"):
        send(notices(desk.reader, 0)[0][0], command_timeout=0.5)
    desk.close()


def test_the_notifier_remembers_where_it_was(tmp_path: Path, url: str) -> None:
    Server.code = 500
    desk = Desk(tmp_path, TOML + f'\n[notify]\nwebhook = "{url}"\n').with_champion()

    class Writes:
        home = desk.home

        def read(self, fn: Any) -> Any:
            return fn(desk.reader)

        recall = read

        def call(self, fn: Any, **_: Any) -> Any:
            return desk.do(fn)

    notifier = Notifier(Writes())
    notifier.start()
    notifier.tick()
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.drifted(run, 500)
    notifier.tick()
    notifier.stop()
    file = msgspec.json.decode((desk.home.path / NOTIFY_FILE).read_bytes(), type=NotifyFile)
    assert "answered 500" in str(file.failures[0]["why"]) and len(Server.got) == 1
    again = Notifier(Writes())
    again.tick()
    assert len(Server.got) == 1 and not again.busy()
    desk.close()
