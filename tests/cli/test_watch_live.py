"""`watch` in a terminal, live and once, and through a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mlops_store.home import Home


def test_watch_in_a_terminal_and_in_a_pipe(shared_home: Home, make_project: Callable[..., Path]) -> None:
    folder = make_project("watched", code="import time\ntime.sleep(1)\nprint('said so')")
    env = {
        **os.environ,
        "MLOPS_TUI_HOME": str(shared_home.path),
        "TERM": "xterm-256color",
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "mlops_tui", *words], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)  # fmt: skip

    run = json.loads(cli("run", "start", "fast", "--json").stdout)["run_id"]
    ours, theirs = pty.openpty()
    live = subprocess.Popen([sys.executable, "-m", "mlops_tui", "watch", run], cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)  # fmt: skip
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # nobody holds the other end any more
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert live.wait(60) == 0
    assert b"\x1b[?1049h" not in written, "it stays in the lines where it was typed"
    assert "✓ finished" in written.decode() and b"said so" in written and b"\x1b[?25h" in written
    once = cli("watch", run, "--once")
    assert once.returncode == 0 and "\x1b" not in once.stdout
    assert once.stdout.startswith("✓ finished") and "said so" in once.stdout
    assert json.loads(cli("watch", run, "--once", "--json").stdout)["state"] == "FINISHED"
    piped = cli("watch", run)
    assert piped.returncode == 0 and "\x1b" not in piped.stdout
    assert piped.stdout == once.stdout, "a pipe gets the frame, not a dump of the record"
