"""The process that forks one for each question in SQL: what they all need is imported once, which is two thirds of what a short question costs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import mlops_store
import mlops_tui
from mlops_tui.services.sql_process import HERE

IDLE = 60.0
"""Seconds that it is kept after a question, at 16 MB of its own."""
_START = 20.0
"""Seconds in which it has started and forked: one that was stopped, or hangs, is replaced."""


class Forks:
    """At most one such process, started by the first question. It ends when nobody has asked for a while, and with this process, however
    that ends; questions under way are no children of it in that, they end with the channel."""

    def __init__(self, idle: float = IDLE) -> None:
        self._idle = idle
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._timer: threading.Timer | None = None
        self._used = 0.0

    @property
    def pid(self) -> int | None:
        """None where there is none."""
        return None if self._process is None else self._process.pid

    def channel(self) -> socket.socket:
        """A line to a new process: it answers one question, and ends with the channel, or before it. At the end of what can be received,
        it is gone."""
        with self._lock:
            found = self._fork()
            if found is None:  # none was started yet, or it was killed
                self._end()
                self._start()
                found = self._fork()
            if found is None:
                raise RuntimeError(
                    "the process that forks others ended at once; it says why in the daemon's log"
                )
            self._used = time.monotonic()
            if self._timer is None:
                self._wait(self._idle)
        return found

    def close(self) -> None:
        """Ends it; questions under way are answered."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._control, others = socket.socketpair()
        with others:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mlops_tui.services.sql_process"],
                stdin=others.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
            )

    def _fork(self) -> socket.socket | None:
        """The channel of a process that has said that it is there; None where nobody forks."""
        if self._control is None:
            return None
        mine, others = socket.socketpair()
        mine.settimeout(_START)
        try:
            with others:
                socket.send_fds(self._control, [b"?"], [others.fileno()])
            if mine.recv(len(HERE)) == HERE:
                mine.settimeout(None)
                return mine
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass  # killed before it was sent, or before it was taken
        mine.close()
        return None

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        with self._lock:
            if threading.current_thread() is not self._timer:
                return  # somebody was faster
            left = self._used + self._idle - time.monotonic()
            if left > 0:
                self._wait(left)
            else:
                self._end()


def _environment() -> dict[str, str]:
    """Where the program is, and nothing else: SQL that reads the environment finds nothing there."""
    roots = dict.fromkeys(
        str(Path(package.__file__ or "").resolve().parents[1]) for package in (mlops_tui, mlops_store)
    )
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(roots)}
