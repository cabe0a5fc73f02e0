"""All of it with a real daemon and a training under way: nothing that runs is disturbed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mlops_store.home import Home
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.cli.main import main
from mlops_tui.client import connect

DEADLINE = 60.0
TRAINING = """
import os, time
from mlops_tui.sdk import start_run
stop = os.path.join(os.path.dirname(os.environ["MLOPS_TUI_RUN_DIR"]), "stop-" + os.environ["MLOPS_TUI_RUN_ID"])
with start_run() as run:
    step = 0
    while not os.path.exists(stop):
        run.log_metric("loss", 1 / (step + 1), step)
        step += 1
        time.sleep(0.001)
    run.log_param("steps", step)
"""


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "second")
    yield home
    stop_daemon(home, 20.0)


def until(what: Callable[[], Any], why: str) -> Any:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {DEADLINE:.0f} s: {why}")


def ask(home: Home, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """A command with `--json`, as a script types it."""
    found = main(["--home", str(home.path), "--json", *words])
    out = capsys.readouterr()
    assert found == code, out
    return msgspec.json.decode(out.out or out.err)


def test_care_beside_a_training(
    served_home: Home,
    second: Home,
    make_project: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = make_project(code=TRAINING)
    config = folder / "mlops.toml"
    config.write_text(config.read_text().replace('"python train.py"', f'"{sys.executable} train.py"'))
    monkeypatch.chdir(folder)
    with connect(served_home) as client:
        live = ask(served_home, capsys, "run", "start", "fast")["run_id"]
        until(lambda: client.call("run show", {"run_id": live}).metrics.get("loss"), "it logs")
        over = _ended(served_home, client, capsys, tmp_path)
        refused = ask(served_home, capsys, "run", "delete", live, code=1)
        assert refused["error"]["code"] == "runs_refused"
        assert ask(served_home, capsys, "run", "delete", over, "--dry-run")["undo"].startswith(
            "mlops-tui run restore"
        )
        ask(served_home, capsys, "run", "delete", over)
        assert not served_home.run_dir(over).exists()
        ask(served_home, capsys, "home", "backup", str(tmp_path / "backup"))
        ask(served_home, capsys, "run", "restore", over)
        until(lambda: client.call("run show", {"run_id": over}).metrics.get("loss"), "it is read again")
        done = ask(served_home, capsys, "home", "gc", "--grace", "0s", "--log-days", "0", "--wait")
        assert done["state"] == "FINISHED" and done["result"]["problems"] == []
        steps = client.call("run show", {"run_id": live}).metrics["loss"].count
        until(
            lambda: client.call("run show", {"run_id": live}).metrics["loss"].count > steps,
            "it goes on logging",
        )
        ask(served_home, capsys, "home", "backup", str(tmp_path / "backup"))
        _stop(served_home, live)
        until(
            lambda: client.call("run show", {"run_id": live}).state == "FINISHED", "it ends as it would have"
        )
        until(lambda: client.call("run show", {"run_id": live}).settled, "it is settled")
    assert ask(served_home, capsys, "doctor", "--deep")["ok"]

    found = ask(second, capsys, "home", "import", str(tmp_path / "backup"))
    assert found["restored"] and found["unfinished"] == [live]
    with connect(second) as client:
        assert client.call("run show", {"run_id": over}).state == "FINISHED"
        assert until(lambda: client.call("run show", {"run_id": live}).state == "LOST", "nobody runs it here")
        until(lambda: client.call("run show", {"run_id": live}).settled, "it is settled")
    health = ask(second, capsys, "doctor", "--deep")
    assert health["ok"] and health["findings"] == []
    assert ask(second, capsys, "rebuild")["same"]
    marker = [msgspec.json.decode(home.marker.read_bytes())["id"] for home in (served_home, second)]
    assert marker[0] == marker[1]


def _ended(home: Home, client: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> str:
    """A short run that is over; it may have to wait for a place."""
    monkey = {"MLOPS_TUI_HOME": str(home.path)}
    from mlops_tui import sdk

    before = {key: os.environ.get(key) for key in monkey}
    os.environ.update(monkey)
    try:
        with sdk.start_run(project="quick") as run:
            run.log_metric("loss", 0.5, 1)
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
    run_id: str = run.run_id
    until(lambda: _known(client, run_id), "the script's run is read")
    return run_id


def _known(client: Any, run_id: str) -> bool:
    found = client.call("run list", {"all_kinds": True})
    return any(run.run_id == run_id and run.state == "FINISHED" for run in found.items)


def _stop(home: Home, run_id: str) -> None:
    (home.run_dir(run_id).parent / f"stop-{run_id}").touch()


def test_a_restored_home_starts_nothing_by_itself(
    served_home: Home, second: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its project's folder is there, and data arrives in it: that is for the home that it is a copy of, until somebody says so."""
    folder = tmp_path / "shop"
    (folder / "in").mkdir(parents=True)
    (folder / "mlops.toml").write_text(
        '[project]\nname = "shop"\n\n[source.orders]\npath = "in/*.csv"\nevent_time = "at"\nkey = ["id"]\n'
    )
    (folder / "in" / "a.csv").write_text("id,at,amount\n1,2024-01-01 10:00,1.5\n")
    ask(served_home, capsys, "project", "add", str(folder))
    with connect(served_home) as client:
        until(lambda: client.call("data list").items, "the file is taken in")
    ask(served_home, capsys, "home", "backup", str(tmp_path / "backup"))
    stop_daemon(served_home, 20.0)

    (folder / "in" / "b.csv").write_text("id,at,amount\n2,2024-01-02 10:00,2.5\n")
    found = ask(second, capsys, "home", "import", str(tmp_path / "backup"))
    assert found["projects"] == ["shop"]
    with connect(second) as client:
        assert client.call("project list").items == []
        assert len(client.call("data list").items) == 1, "what it had it has"
        assert ask(second, capsys, "doctor")["ok"]
        ask(second, capsys, "project", "add", str(folder))
        until(lambda: len(client.call("data list").items) == 2, "now it is looked after")
        verbs = [entry.verb for entry in client.call("ledger list", {"limit": 100}).items][::-1]
    restored = verbs.index("project.remove")
    assert verbs[restored + 1] == "project.add" and "run.submit" in verbs[restored + 2 :]
    assert ask(second, capsys, "ledger", "verify")["ok"]
