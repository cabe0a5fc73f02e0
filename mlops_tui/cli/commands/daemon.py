"""`mlops-tui daemon …`: the daemon from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui import processes
from mlops_tui.cli.commands import enabling
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.session import Session
from mlops_tui.client import connect
from mlops_tui.client.presence import held, wait_until_free
from mlops_tui.client.spawn import daemon_command, daemon_environment, log_tail
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.daemon import (
    DaemonEnable,
    DaemonLog,
    DaemonLogs,
    DaemonStart,
    DaemonStatus,
    DaemonStatusInput,
    DaemonStop,
)

_FOLLOW_PAUSE = 0.3


class _Identity(msgspec.Struct):
    """What we need of `daemon.json`."""

    pid: int
    start_ticks: int


def start(session: Session, request: DaemonStart) -> DaemonStatus:
    """Starts one, unless it runs. In the foreground this process becomes it."""
    home = session.home
    if request.foreground:
        if held(home):
            raise Problem(
                "daemon_running", f"a daemon runs for {home.path}", "`mlops-tui daemon stop`", status=1
            )
        words = ["serve", "--foreground"]
        if request.idle_exit is not None:
            words += ["--idle-exit", str(request.idle_exit)]
        command = daemon_command(home, *words)
        sys.stdout.flush()
        os.execve(command[0], command, daemon_environment())
    with connect(home, idle_exit=request.idle_exit) as client:
        found: DaemonStatus = client.call("daemon status")
        return found


def status(session: Session, _request: DaemonStatusInput) -> DaemonStatus:
    """What it does; never starts one."""
    try:
        with connect(session.home, autostart=False) as client:
            found: DaemonStatus = client.call("daemon status")
            return found
    except Problem as problem:
        if problem.code != "daemon_not_running":
            raise
    return _stopped(session.home)


def stop(session: Session, request: DaemonStop) -> DaemonStatus:
    """Ends it; harmless where none runs. Raises Problem `daemon_stuck`."""
    stop_daemon(session.home, request.timeout / 1000)
    return _stopped(session.home)


def logs(session: Session, request: DaemonLogs) -> DaemonLog:
    """The end of the log."""
    home = session.home
    text = log_tail(home, request.tail)
    if not request.follow:
        return DaemonLog(path=str(home.log_file), text=text)
    screen = Screen()
    screen.block(text)
    place = home.log_file.stat().st_size if home.log_file.exists() else 0
    while True:
        time.sleep(_FOLLOW_PAUSE)
        place = _follow(home, place, screen)


def enable(_session: Session, request: DaemonEnable) -> Plan:
    """Start at boot, or not any more."""
    return enabling.enable(_session.home, remove=request.remove, dry_run=request.dry_run)


def stop_daemon(home: Home, timeout: float) -> bool:
    """Ends the home's daemon and waits until it has let go of everything. False where none runs.

    Asks first; one that does not answer gets SIGTERM, after a check that the process is the one meant.
    """
    if not held(home):
        return False
    deadline = time.monotonic() + timeout
    try:
        with connect(home, autostart=False, version="0") as client:
            client.shutdown()
    except (OSError, Problem):
        _terminate(home)
    if not wait_until_free(home, max(0.0, deadline - time.monotonic())):
        raise Problem(
            "daemon_stuck",
            f"the daemon has not ended within {timeout:g} s",
            f"look at {home.log_file}; runs do not depend on it",
            status=3,
        )
    return True


def _terminate(home: Home) -> None:
    with contextlib.suppress(msgspec.DecodeError):
        known = read_json_if(home.daemon_file, _Identity)
        if known is not None:
            processes.send(known.pid, known.start_ticks, signal.SIGTERM)


def _follow(home: Home, place: int, screen: Screen) -> int:
    """Prints what the log has grown by; a log that was rotated is read from its start."""
    try:
        size = home.log_file.stat().st_size
    except FileNotFoundError:
        return 0
    if size < place:
        place = 0
    if size > place:
        with open(home.log_file, "rb") as file:
            file.seek(place)
            text = file.read(size - place)
        screen.piece(text.decode("utf-8", errors="replace"))
        sys.stdout.flush()
    return size


def _stopped(home: Home) -> DaemonStatus:
    return DaemonStatus(running=False, home=str(home.path), socket=str(home.socket))
