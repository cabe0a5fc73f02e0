"""The app and the signals of its terminal: stopped, continued, continued while it ends."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pty_app import PtyApp

from mlops_store.home import Home

OpenApp = Callable[..., PtyApp]
PATIENCE = 40.0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_who_was_stopped_unasked_draws_again_and_ends_when_told(
    shared_home: Home, tmp_path: Path, open_app: OpenApp
) -> None:
    app = open_app(tmp_path)
    app.see("live")
    app.settle(0.3)
    os.kill(app.pid, signal.SIGSTOP)
    _until(lambda: _state(app.pid) == "T")
    seen = len(app.written)
    os.kill(app.pid, signal.SIGCONT)
    app.see("looks after no project")
    assert b"\x1b[?1049h" in app.written[seen:]
    app.press("q")
    assert app.ended(20) == 0


def test_ctrl_z_lends_the_terminal_and_takes_it_back(
    shared_home: Home, tmp_path: Path, open_app: OpenApp
) -> None:
    app = open_app(tmp_path)
    app.see("live")
    app.settle(0.3)
    seen = len(app.written)
    os.kill(app.pid, signal.SIGTSTP)
    _until(lambda: _state(app.pid) == "T")
    app.read(0.2)
    assert b"\x1b[?1049l" in app.written[seen:]
    os.kill(app.pid, signal.SIGCONT)
    app.see("looks after no project")
    app.press("q")
    assert app.ended(20) == 0


@pytest.mark.parametrize("how", ["SIGHUP", "SIGTERM"])
def test_being_continued_while_it_ends_keeps_nothing_alive(
    shared_home: Home, tmp_path: Path, open_app: OpenApp, how: str
) -> None:
    """A dropped line sends SIGHUP and SIGCONT together."""
    app = open_app(tmp_path)
    app.see("live")
    app.settle(0.2)
    os.kill(app.pid, getattr(signal, how))
    end = time.monotonic() + 20
    while (found := os.waitpid(app.pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < end, "it does not end"
        os.kill(app.pid, signal.SIGCONT)
        app.read(0.002)
    app.code = os.waitstatus_to_exitcode(found[1])
    assert app.code == 128 + getattr(signal, how)
