"""Real daemons: election, sleep, signals, crashes, hand-over."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import mlops_tui
from mlops_store.atomic import read_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ledger import Ledger
from mlops_tui import processes
from mlops_tui.client import connect
from mlops_tui.client.presence import held
from mlops_tui.client.spawn import daemon_command, daemon_environment
from mlops_tui.daemon.server import DaemonFile


def wait_for_end(home: Home) -> None:
    """Until no process holds the lock: the kernel tells, no sleeping."""
    with open(home.lock_file, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)


def test_many_clients_at_once_get_the_same_daemon_detached_from_all(served_home: Home) -> None:
    def ask(_number: int) -> tuple[int, int]:
        with connect(served_home) as client:
            return client.ping().pid, client.call("daemon status").pid

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(4)))
    assert len(answers) == 1
    pid, same = answers.pop()
    assert pid == same
    row = processes.read(pid)
    assert row is not None
    assert row.ppid != os.getpid()
    assert row.session not in (os.getsid(0), pid)
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/fd/2") == str(served_home.log_file)
    record = read_json(served_home.daemon_file, DaemonFile)
    assert (record.pid, record.version, record.start_ticks) == (pid, mlops_tui.__version__, row.start_ticks)


def test_sigterm_ends_it_cleanly(served_home: Home, tmp_path: Path) -> None:
    with connect(served_home) as client:
        pid = client.ping().pid
    os.kill(pid, signal.SIGTERM)
    wait_for_end(served_home)
    assert not served_home.socket.parent.exists()
    assert not served_home.daemon_file.exists()
    assert served_home.lock_file.exists()
    assert not served_home.index.with_name("metadata.duckdb.wal").exists()
    assert "stopping: SIGTERM" in served_home.log_file.read_text()


def test_nothing_acknowledged_is_lost_when_it_is_killed(served_home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "mlops.toml").write_text('[project]\nname = "p"\n')
    with connect(served_home) as client:
        client.call("project add", {"dir": str(folder)})
        first = client.ping().pid
        os.kill(first, signal.SIGKILL)
        wait_for_end(served_home)
        assert served_home.socket.exists()
        # the same client goes on: its next question starts another daemon
        assert [project.name for project in client.call("project list").items] == ["p"]
        assert client.ping().pid != first
    assert Ledger.open(served_home.ledger, readonly=True).seq == 1


def test_the_first_answer_knows_what_was_logged_without_a_daemon(served_home: Home) -> None:
    code = "import mlops_tui\nwith mlops_tui.start_run(project='p') as run:\n    run.log_metric('loss', 0.5)"
    env = {**os.environ, "MLOPS_TUI_HOME": str(served_home.path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    with connect(served_home) as client:
        [run] = client.call("run list").items
    assert (run.state, run.metrics["loss"].last) == ("FINISHED", 0.5)


def test_it_falls_asleep_when_nothing_is_to_do_and_not_before(served_home: Home) -> None:
    with connect(served_home, idle_exit=1) as client:
        events = client.events(follow=True)
        assert next(events) is not None
        # a listener keeps it awake: three times the limit go by on its own clock
        deadline = client.call("sql", {"query": "SELECT sleep_ms(3000)", "timeout": 20000})
        assert deadline.rows is not None
        assert held(served_home)
        events.close()  # type: ignore[attr-defined]
    wait_for_end(served_home)
    assert "nothing to do for 1 s" in served_home.log_file.read_text()
    with connect(served_home) as client:
        assert client.call("project list").items == []


def test_a_watched_project_keeps_it_awake(served_home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    (folder / "data").mkdir(parents=True)
    (folder / "mlops.toml").write_text(
        '[project]\nname = "p"\n[source.s]\npath = "data/*.csv"\nkey = ["k"]\n'
    )
    with connect(served_home, idle_exit=1) as client:
        client.call("project add", {"dir": str(folder)})
        client.call("sql", {"query": "SELECT sleep_ms(3000)", "timeout": 20000})
        assert client.call("daemon status").busy == "watching for data and schedules"
        client.call("project remove", {"name": "p"})
    wait_for_end(served_home)


def copy_of_program(target: Path, version: str) -> None:
    """The program as another version of it."""
    root = Path(mlops_tui.__file__).parents[1]
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "mlops_tui", target / "mlops_tui", ignore=ignore)
    init = target / "mlops_tui" / "__init__.py"
    init.write_text(init.read_text().replace(f'"{mlops_tui.__version__}"', f'"{version}"'))


def test_an_older_daemon_hands_over_and_an_older_client_is_told(served_home: Home, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    copy_of_program(newer, "99.1.0")
    with connect(served_home) as client:
        old = client.ping().pid
    code = "import sys; from mlops_tui.client import connect; from mlops_store.home import Home; " \
        "c = connect(Home.locate(sys.argv[1])); print(c.ping().version, c.ping().pid)"  # fmt: skip
    path = os.pathsep.join([str(newer), *(entry for entry in sys.path if entry)])
    result = subprocess.run(
        [sys.executable, "-P", "-c", code, str(served_home.path)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=True, timeout=120,
    )  # fmt: skip
    version, pid = result.stdout.split()
    assert version == "99.1.0"
    assert int(pid) != old
    assert "stopping: handed over" in served_home.log_file.read_text()
    with pytest.raises(Problem, match=r"the daemon is version 99\.1\.0") as raised:
        connect(served_home)
    assert (raised.value.code, raised.value.status) == ("client_older", 3)


def test_why_it_cannot_start_is_told_to_who_asked(served_home: Home) -> None:
    served_home.create()
    served_home.index.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(Problem) as raised:
        connect(served_home)
    assert raised.value.code == "index_damaged"
    assert "rebuild" in raised.value.hint
    served_home.index.unlink()
    with connect(served_home) as client:
        assert client.ping().pid


def test_a_process_that_dies_at_start_shows_the_end_of_the_log(
    served_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mlops_tui.client.spawn.daemon_command",
        lambda *_words: [sys.executable, "-c", "import no_such_module"],
    )
    with pytest.raises(Problem, match="no_such_module") as raised:
        connect(served_home)
    assert raised.value.code == "daemon_not_started"


def test_in_the_foreground_it_ends_on_interrupt(served_home: Home) -> None:
    process = subprocess.Popen(
        daemon_command(served_home, "serve", "--foreground", "--idle-exit", "0"), env=daemon_environment(served_home),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert any("serves" in line for line in process.stderr)
        with connect(served_home, autostart=False) as client:
            assert client.ping().pid == process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
