"""The app on a bare pseudo-terminal: every byte that it writes, the CPU time that it uses, how it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 40.0
TICK = os.sysconf("SC_CLK_TCK")
QUERY, REPLY = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class PtyApp:
    """`mlops-tui` in a terminal of so many cells, which this object plays."""

    def __init__(
        self, *words: str, cwd: Path, env: Mapping[str, str], width: int = 80, height: int = 24
    ) -> None:
        self.written = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            given = {
                name: value
                for name, value in os.environ.items()
                if name not in ("NO_COLOR", "TMUX", "COLUMNS", "LINES", "SSH_TTY", "SSH_CONNECTION")
            }
            os.execve(sys.executable, [sys.executable, "-m", "mlops_tui", *words],
                      {**given, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **env})  # fmt: skip
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.code: int | None = None

    def read(self, seconds: float) -> bytes:
        """What it writes within so many seconds."""
        before, end = len(self.written), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # nobody holds the other end any more
                    break
                self.written += data
                if QUERY in data:
                    os.write(self.fd, REPLY)
        return self.written[before:]

    def see(self, text: str, timeout: float = PATIENCE) -> None:
        """Reads until a text that is drawn in one piece has come."""
        end, since = time.monotonic() + timeout, len(self.written)
        while text.encode() not in self.written[max(0, since - 10) :]:
            assert time.monotonic() < end, f"{text!r} was not written: …{self.written[-3000:]!r}"
            self.read(0.1)

    def settle(self, quiet: float = 1.5, timeout: float = PATIENCE) -> None:
        """Reads until nothing comes for a while."""
        end = time.monotonic() + timeout
        while self.read(quiet):
            assert time.monotonic() < end, "it does not stop drawing"

    def press(self, keys: str) -> PtyApp:
        """Types."""
        os.write(self.fd, keys.encode())
        return self

    def cpu(self) -> float:
        """CPU seconds of the process until now."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def ended(self, timeout: float = PATIENCE) -> int:
        """Waits until it has ended; gives the exit code, below 0 the signal."""
        end = time.monotonic() + timeout
        while self.code is None:
            assert time.monotonic() < end, "it does not end"
            if self.fd >= 0:
                self.read(0.05)
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
            elif self.fd < 0:
                time.sleep(0.05)
        if self.fd >= 0:
            self.read(0.1)
        return self.code

    def hang_up(self) -> None:
        """The line is dropped."""
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        """Ends it where it still runs."""
        if self.code is None and os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            self.hang_up()
