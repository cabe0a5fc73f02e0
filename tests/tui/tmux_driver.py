"""A terminal to test the app in: a tmux server of the test's own, driven by keys, read as text."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

PATIENCE = 40.0
"""Seconds until something expected has to be on the screen; a busy machine is slow, a wrong screen stays wrong."""

CONFIG = """\
set -g default-terminal xterm-256color
set -g status off
set -g mouse off
set -g escape-time 0
set -g remain-on-exit on
"""


def need_tmux() -> None:
    """Skips where tmux cannot be had; in CI it has to be there."""
    if shutil.which("tmux") is None:
        if os.environ.get("CI"):
            pytest.fail("tmux is missing: .ci/run installs it with apt-get")
        pytest.skip("tmux is not installed")


class Terminal:
    """A shell in a terminal of so many cells; `$ ` is its prompt. The server and all that runs in it end with `close`."""

    def __init__(
        self, place: Path, *, cwd: Path, env: Mapping[str, str], width: int = 80, height: int = 24
    ) -> None:
        """`place`: a folder of this terminal's own, for the socket of its server. `env` is added to the shell's."""
        need_tmux()
        self._place = place
        place.mkdir(parents=True)
        (place / "tmux.conf").write_text(CONFIG)
        given = {
            name: value
            for name, value in os.environ.items()
            if name not in ("TMUX", "TMUX_PANE", "NO_COLOR", "COLUMNS", "LINES", "SSH_TTY", "SSH_CONNECTION")
        }
        self._env = {**given, "LC_ALL": "C.UTF-8", "HISTFILE": "", **env}
        self._do(
            "new-session",
            "-d",
            "-x",
            str(width),
            "-y",
            str(height),
            "-c",
            str(cwd),
            "exec env PS1='$ ' bash --norc --noprofile",
        )
        self.see("$")

    def _do(self, *words: str) -> str:
        """One order to the server. The path of the socket is relative: that of a test's folder is too long for a socket."""
        done = subprocess.run(["tmux", "-S", "socket", "-f", "tmux.conf", *words], cwd=self._place, env=self._env,
                              capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
        assert done.returncode == 0, f"tmux {words}: {done.stderr}"
        return done.stdout

    def keys(self, *names: str) -> Terminal:
        """Presses keys by tmux's names: `a`, `Enter`, `C-p`, `F2`, `Escape`."""
        self._do("send-keys", "--", *names)
        return self

    def type(self, text: str) -> Terminal:
        """Types a text as it is."""
        self._do("send-keys", "-l", "--", text)
        return self

    def frame(self) -> str:
        """What is on the screen now, line by line, without colours."""
        return self._do("capture-pane", "-p").rstrip("\n")

    def coloured(self) -> str:
        """What is on the screen now, with the sequences of its colours."""
        return self._do("capture-pane", "-p", "-e")

    def see(self, *texts: str, timeout: float = PATIENCE) -> str:
        """Waits until all these texts are on the screen; gives the frame that has them."""
        return self._until(lambda frame: all(text in frame for text in texts), f"sees {texts}", timeout)

    def gone(self, *texts: str, timeout: float = PATIENCE) -> str:
        """Waits until none of these texts is on the screen; gives the frame."""
        return self._until(lambda frame: not any(text in frame for text in texts), f"loses {texts}", timeout)

    def line(self, *texts: str, timeout: float = PATIENCE) -> str:
        """Waits until one line of the screen has all these texts; gives the frame."""
        return self._until(
            lambda frame: any(all(text in line for text in texts) for line in frame.splitlines()),
            f"has a line with {texts}", timeout,
        )  # fmt: skip

    def _until(self, holds: Callable[[str], bool], what: str, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while not holds(frame := self.frame()):
            assert time.monotonic() < deadline, f"the screen never {what}:\n{frame}"
            time.sleep(0.05)
        return frame

    def asks(self, words: str) -> str:
        """What the terminal says of itself: a format of tmux, such as `#{alternate_on}`."""
        return self._do("display-message", "-p", words).strip()

    def resize(self, width: int, height: int) -> Terminal:
        """Makes the window that many cells."""
        self._do("resize-window", "-x", str(width), "-y", str(height))
        return self

    def restored(self) -> None:
        """The screen of before is back, with a cursor; nothing reads the mouse."""
        found = self.asks("#{alternate_on} #{cursor_flag} #{mouse_any_flag}")
        assert found == "0 1 0", f"alternate screen, cursor, mouse: {found}"

    def close(self) -> None:
        """Ends this server and what runs in it; no other."""
        if (self._place / "socket").exists():
            subprocess.run(["tmux", "-S", "socket", "kill-server"], cwd=self._place, env=self._env, capture_output=True, check=False)  # fmt: skip
