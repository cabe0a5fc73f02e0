"""Started from where nothing is as in a terminal: cron, containers, other umasks, long paths, closed terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.client.presence import held
from mlops_tui.client.spawn import daemon_command, daemon_environment

CLI = [sys.executable, "-m", "mlops_tui"]


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_cron_with_nothing_in_its_environment_and_a_long_home(tmp_path: Path, mask: int) -> None:
    """No HOME, PATH, TERM or LANG, no standard input, SIGHUP ignored (`nohup`), a home of 200 characters, any umask."""
    long = tmp_path / ("h" * (200 - len(str(tmp_path)) - 1))
    assert len(str(long)) >= 200 or len(str(tmp_path)) > 199
    home = Home(long)
    env = {"MLOPS_TUI_HOME": str(long), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *CLI, "run", "list", "--json"],
            env=env, umask=mask, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["items"] == []
        assert len(str(home.socket)) < 100
        modes = {
            path: stat.S_IMODE(path.lstat().st_mode)
            for top in (home.path, home.socket.parent)
            for path in (top, *top.rglob("*"))
        }
        assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}
        with connect(home, autostart=False) as client:
            os.kill(client.ping().pid, signal.SIGHUP)
            assert client.call("daemon status").running, (
                "a closed terminal is no concern of a detached daemon"
            )
    finally:
        subprocess.run([*CLI, "daemon", "stop"], env=env, check=True, capture_output=True, timeout=60)


def test_a_container_whose_user_has_no_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "MLOPS_TUI_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_uid: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(Problem, match="has no home folder") as caught:
        Home.locate()
    assert caught.value.status == 2 and "MLOPS_TUI_HOME" in caught.value.hint
    assert Home.locate("/data/home").path == Path("/data/home")


def test_a_terminal_that_closes_ends_what_is_in_its_foreground_cleanly(served_home: Home) -> None:
    process = subprocess.Popen(
        daemon_command(served_home, "serve", "--foreground", "--idle-exit", "0"), env=daemon_environment(),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert any("serves" in line for line in process.stderr)
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()


def test_what_lies_where_the_socket_belongs_is_replaced_if_it_is_ours(served_home: Home) -> None:
    """A dead socket, a plain file. (A folder of another user's is refused: tests/daemon/test_daemon_socket.py.)"""
    served_home.create()
    served_home.socket.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(served_home.socket))
    with connect(served_home) as client:
        pid = client.ping().pid
        os.kill(pid, signal.SIGKILL)
        with open(served_home.lock_file, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
        served_home.socket.unlink()
        served_home.socket.write_text("a file")
        assert client.ping().pid != pid
    assert held(served_home)


def test_a_socket_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started and nothing asked: who listens there could be anyone."""
    home = Home(tmp_path / "home").create()
    theirs = os.getuid() + 1
    lstat = os.lstat

    def foreign(path: object, **named: object) -> os.stat_result:
        found = lstat(path, **named)  # type: ignore[arg-type, call-overload]
        if str(path).startswith("/tmp/mlops-tui-"):
            fields = list(found)
            fields[4] = theirs
            return os.stat_result(fields)
        return found

    monkeypatch.setattr("mlops_tui.address.os.lstat", foreign)
    with pytest.raises(Problem, match=f"belongs to uid {theirs}") as caught:
        connect(home, autostart=False)
    assert (caught.value.code, caught.value.status) == ("socket_folder", 2)
