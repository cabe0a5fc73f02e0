"""`mlops-tui daemon …`: the daemon from outside."""

from __future__ import annotations

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
from mlops_tui.client.presence import held
from mlops_tui.client.spawn import daemon_command, daemon_environment, log_tail
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.daemon import (
    DaemonEnable,
    DaemonLog,
    DaemonLogs,
    DaemonOpenapi,
    DaemonRestart,
    DaemonStart,
    DaemonStatus,
    DaemonStatusInput,
    DaemonStop,
    OpenApi,
)

_FOLLOW_PAUSE = 0.3
_PATIENCE = 5.0
_PAUSE = 0.05


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
                "daemon_running", f"a daemon runs for {home.path}", "`mlops-tui daemon stop`", status=3
            )
        words = ["serve", "--foreground"]
        if request.idle_exit is not None:
            words += ["--idle-exit", str(request.idle_exit)]
        command = daemon_command(home, *words)
        sys.stdout.flush()
        os.execve(command[0], command, daemon_environment(home))
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
    return _silent(session.home)


def stop(session: Session, request: DaemonStop) -> DaemonStatus:
    """Ends it; harmless where none runs. Then `pid` is the one that was. Raises Problem `daemon_stuck`."""
    known = _known(session.home)
    ended = stop_daemon(session.home, request.timeout / 1000)
    found = _silent(session.home)
    if ended and known is not None and not found.running:
        found.pid = known.pid
    return found


def restart(session: Session, request: DaemonRestart) -> DaemonStatus:
    """Ends it where it runs, and starts one of this program. Raises Problem `daemon_stuck`."""
    stop_daemon(session.home, request.timeout / 1000)
    return start(session, DaemonStart())


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


def openapi(_session: Session, _request: DaemonOpenapi) -> OpenApi:
    """The protocol's description."""
    from mlops_tui.verbs._openapi import document  # imports every verb, for which no other command has a use

    return msgspec.convert(document(), OpenApi)


def stop_daemon(home: Home, timeout: float) -> bool:
    """Ends the home's daemon and waits until it has let go of everything. False where none runs.

    Asks first; one that does not answer (it may be starting) gets SIGTERM after a while, once it is sure that the
    process is the one meant. Raises Problem `daemon_stuck`.
    """
    if not held(home):
        return False
    started, asked, told = time.monotonic(), False, False
    while held(home):
        waited = time.monotonic() - started
        if waited > timeout:
            raise Problem(
                "daemon_stuck",
                f"the daemon has not ended within {timeout:g} s",
                f"look at {home.log_file}; runs do not depend on it",
                status=3,
            )
        asked = asked or _ask_to_end(home)
        if not asked and not told and waited > _PATIENCE:
            told = _terminate(home)
        time.sleep(_PAUSE)
    return True


def _ask_to_end(home: Home) -> bool:
    try:
        with connect(home, autostart=False) as client:
            client.shutdown()
    except (OSError, Problem):
        return False
    return True


def _known(home: Home) -> _Identity | None:
    """The process that `daemon.json` names, where it lives."""
    try:
        known = read_json_if(home.daemon_file, _Identity)
    except msgspec.DecodeError:
        return None
    row = processes.read(known.pid) if known is not None else None
    return known if known is not None and row is not None and row.start_ticks == known.start_ticks else None


def _terminate(home: Home) -> bool:
    known = _known(home)
    return known is not None and processes.send(known.pid, known.start_ticks, signal.SIGTERM)


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


def _silent(home: Home) -> DaemonStatus:
    """No one answers: none runs, or it is on its way up or down."""
    known = _known(home)
    running = held(home)
    return DaemonStatus(
        running=running,
        pid=known.pid if known is not None and running else None,
        home=str(home.path),
        socket=str(home.socket),
        busy="starting or stopping" if running else None,
    )
