"""Starting a daemon: detached, with a clean environment, and told from a pipe when it serves."""

from __future__ import annotations

import os
import select
import site
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import mlops_store
import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client.wire import problem_in

START_TIMEOUT = 60.0
_SAY_AFTER = 3.0
_KEPT = frozenset(
    [
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "SHELL",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "XDG_RUNTIME_DIR",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "DBUS_SESSION_BUS_ADDRESS",
    ]
)
# of whoever happens to start it, not of the home
_DROPPED = frozenset(f"MLOPS_TUI_{name}" for name in ("ACTOR", "RUN_ID", "RUN_DIR", "ATTEMPT"))


def daemon_command(home: Home, *words: str) -> list[str]:
    """The command line of a process of the daemon package."""
    return [sys.executable, "-P", "-m", "mlops_tui.daemon", *words, "--home", str(home.path)]


def daemon_environment(home: Home, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a daemon inherits: enough to find programs and this package, nothing of the terminal it was started from. Its own children, hooks
    among them, find the same home by it, wherever they stand."""
    kept = {
        key: value
        for key, value in environment.items()
        if key in _KEPT or key.startswith("LC_") or (key.startswith("MLOPS_TUI_") and key not in _DROPPED)
    }
    paths = [os.path.abspath(path) for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path]
    installed = {*site.getsitepackages(), site.getusersitepackages()}
    for package in (mlops_tui, mlops_store):
        root = str(Path(package.__file__ or "").resolve().parents[1])
        if root not in installed and root not in paths:
            paths.append(root)
    kept["MLOPS_TUI_HOME"] = str(home.path)
    if paths:
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def start_daemon(
    home: Home, *, idle_exit: int | None = None, say: Callable[[str], None] = lambda _text: None
) -> None:
    """Starts a daemon and returns when one serves, this or another. Raises Problem with the reason, or with the log's end."""
    home.create()
    words = ["serve"] if idle_exit is None else ["serve", "--idle-exit", str(idle_exit)]
    reading, writing = os.pipe()
    try:
        try:
            log = os.open(home.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            os.close(writing)
            raise home.not_writable(error) from error
        try:
            process = subprocess.Popen(
                [*daemon_command(home, *words), "--ready-fd", str(writing)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=daemon_environment(home),
                pass_fds=(writing,), start_new_session=True, umask=0o077,
            )  # fmt: skip
        finally:
            os.close(log)
            os.close(writing)
        line = _read_line(reading, say)
    finally:
        os.close(reading)
    process.wait()
    if line is None:
        raise _not_started(home, f"it did not serve within {START_TIMEOUT:g} s", status=3)
    if not line:
        raise _not_started(home, "it ended before it served", status=1)
    if line != b"{}":
        raise problem_in(line)


def _read_line(fd: int, say: Callable[[str], None]) -> bytes | None:
    """What the new process says; empty where it died silently, None after the time-out."""
    started, said, parts = time.monotonic(), False, b""
    while True:
        waited = time.monotonic() - started
        if waited > START_TIMEOUT:
            return None
        if not said and waited > _SAY_AFTER:
            say("starting the daemon …")
            said = True
        if not select.select([fd], [], [], 0.5)[0]:
            continue
        part = os.read(fd, 65536)
        parts += part
        if not part or parts.endswith(b"\n"):
            return parts.strip()


def _not_started(home: Home, why: str, status: int) -> Problem:
    tail = "\n".join(log_tail(home, 5).splitlines())
    message = f"the daemon cannot be started: {why}"
    return Problem(
        "daemon_not_started",
        f"{message}; the end of its log:\n{tail}" if tail else message,
        f"the whole log is {home.log_file}",
        status=status,
    )


def log_tail(home: Home, lines: int) -> str:
    """The last lines of the daemon's log, at most 1 MB of them."""
    try:
        with open(home.log_file, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - (1 << 20)))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines else ""
