"""Started from where nothing is as in a terminal: cron, containers, other umasks, long paths, closed terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import pwd
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from run_box import Box, lives, until

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.run_folder import RunFolder
from mlops_tui.client import connect
from mlops_tui.client.presence import held
from mlops_tui.client.spawn import daemon_command, daemon_environment

CLI = [sys.executable, "-m", "mlops_tui"]
PATHS = os.pathsep.join(path for path in sys.path if path)


@pytest.fixture(autouse=True)
def told_of_closed_terminals() -> Iterator[None]:
    """SIGHUP as terminals give it: who runs the tests may ignore it (`nohup`), and children inherit that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


GOES_ON = """
import os, sys, time
import mlops_tui
with mlops_tui.start_run("quick") as run:
    step = 0
    while not os.path.exists(sys.argv[1]):
        run.log_metric("x", step, step)
        step += 1
        time.sleep(0.005)
"""


def long_home(tmp_path: Path) -> Home:
    """Of 200 characters, which is twice of what a socket's path may have."""
    home = Home(tmp_path / ("h" * max(1, 200 - len(str(tmp_path)) - 1)))
    assert len(str(home.path)) >= 200
    return home


def modes(home: Home) -> dict[str, str]:
    """What of a home, and of its socket's folder, others might enter or read."""
    found = {path: stat.S_IMODE(path.lstat().st_mode) for top in (home.path, home.socket.parent) for path in (top, *top.rglob("*"))}  # fmt: skip
    return {str(path): oct(mode) for path, mode in found.items() if mode & 0o077}


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_cron_with_nothing_in_its_environment_and_a_long_home(tmp_path: Path, mask: int) -> None:
    """No HOME, PATH, TERM or LANG, no standard input, SIGHUP ignored (`nohup`), a home of 200 characters, any umask."""
    home = long_home(tmp_path)
    env = {"MLOPS_TUI_HOME": str(home.path), "PYTHONPATH": PATHS}
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *CLI, "run", "list", "--json"],
            env=env, umask=mask, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120, cwd="/",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["items"] == []
        assert len(str(home.socket)) < 100
        assert modes(home) == {}
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
        daemon_command(served_home, "serve", "--foreground", "--idle-exit", "0"), env=daemon_environment(served_home),
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


def test_a_terminal_that_goes_away_takes_the_client_and_nothing_else(
    tmp_path: Path, make_project: Callable[..., Path]
) -> None:
    """A command that waits for its run, in a real terminal with umask 000 and no home folder; daemon, shim and trainer go on."""
    home, go = long_home(tmp_path), tmp_path / "go"
    folder = make_project(code=GOES_ON)
    config = folder / "mlops.toml"
    config.write_text(config.read_text().replace('"python train.py"', f'"{sys.executable} train.py {go}"'))
    env = {"MLOPS_TUI_HOME": str(home.path), "HOME": "/nonexistent", "TERM": "xterm", "PYTHONPATH": PATHS}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.umask(0)
        os.execve(CLI[0], [*CLI, "run", "start", "fast", "--wait"], env)
    try:
        until(lambda: held(home) and home.socket.exists())
        with connect(home) as client:
            [run] = until(lambda: client.call("run list").items)
            shown = until(lambda: (run_ := client.call("run show", {"run_id": run.run_id})).metrics.get("x") and run_)  # fmt: skip
            daemon = client.ping().pid
            os.close(terminal)
            assert os.waitpid(pid, 0)[1] != 0, "the client has lost its terminal"
            shim = RunFolder(home.run_dir(run.run_id)).shim(1)
            assert shim is not None
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
                os.kill(shim.pid, number)
            before = shown.metrics["x"].count
            until(lambda: client.call("run show", {"run_id": run.run_id}).metrics["x"].count > before)
            assert client.ping().pid == daemon and lives(shim)
            go.touch()
            over = until(lambda: (run_ := client.call("run show", {"run_id": run.run_id})).ended and run_)
            assert (over.state, over.exit_code) == ("FINISHED", 0)
        assert modes(home) == {}
    finally:
        go.touch()
        subprocess.run([*CLI, "daemon", "stop"], env=env, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("nohup", [False, True])
def test_a_script_of_ones_own_in_a_terminal_that_closes(home: Home, tmp_path: Path, nohup: bool) -> None:
    """It is nobody's but the terminal's: SIGHUP ends it, and its run is LOST with all that it had logged; with `nohup` it goes on."""
    go = tmp_path / "go"
    words = ["/bin/sh", "-c", ("trap '' HUP; " if nohup else "") + 'exec "$@"', "sh", sys.executable, "-c", GOES_ON, str(go)]  # fmt: skip
    script = subprocess.Popen(words, env={"MLOPS_TUI_HOME": str(home.path), "PYTHONPATH": PATHS})
    box = Box(home)
    try:
        row = until(
            lambda: box.writer.read(lambda read: read.one("SELECT run_id FROM last_values WHERE count > 5"))
        )
        script.send_signal(signal.SIGHUP)
        if nohup:
            go.touch()
        assert script.wait(30) == (0 if nohup else -signal.SIGHUP)
        run = box.wait(row["run_id"], "FINISHED" if nohup else "LOST")
        assert run["exit_code"] == (0 if nohup else None)
    finally:
        script.kill()
        script.wait()
        box.close()


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


STRANGER = """
import os, sys
from pathlib import Path
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.run_folder import RunFolder
from mlops_tui.client import connect
home = Home(Path(sys.argv[1])).create()
uid = int(sys.argv[2])
for place, _, names in os.walk(home.path):
    for name in ("", *names):
        os.chown(os.path.join(place, name), uid, uid)
os.setgroups([]); os.setgid(uid); os.setuid(uid)
try:
    connect(home)
except Problem as problem:
    print(problem.code, problem.status, problem)
"""


@pytest.mark.skipif(
    os.getuid() != 0, reason="only root can become two users; the test below says the same of one"
)
def test_a_socket_folder_that_another_user_made_first_is_refused() -> None:
    """Really: root has made the folder in /tmp that belongs to a user, who then starts a command."""
    uid = 20_000 + os.getpid() % 40_000
    trap = Path(f"/tmp/mlops-tui-{uid}")
    trap.mkdir(mode=0o755)
    try:
        with tempfile.TemporaryDirectory(dir="/tmp") as place:
            os.chmod(place, 0o711)
            done = subprocess.run(
                [sys.executable, "-c", STRANGER, f"{place}/home", str(uid)],
                capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": PATHS}, timeout=60,
            )  # fmt: skip
        assert done.stdout.startswith("socket_folder 2") and "belongs to uid 0" in done.stdout, done.stderr
        assert list(trap.iterdir()) == []
    finally:
        trap.rmdir()


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
