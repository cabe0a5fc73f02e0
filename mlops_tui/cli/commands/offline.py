"""What needs the home without its daemon: a process of the daemon package, which alone may open the index."""

from __future__ import annotations

import subprocess
from typing import TypeVar

import msgspec

from mlops_store.home import Home
from mlops_tui.client.spawn import daemon_command, daemon_environment
from mlops_tui.client.wire import problem_in

T = TypeVar("T")


def offline(home: Home, task: str, answer: type[T], *words: str) -> T:
    """Runs `rebuild` or `doctor`; raises the Problem that it ends with."""
    result = subprocess.run(
        daemon_command(home, task, *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=daemon_environment(home),
        check=False,
    )
    if result.returncode != 0:
        raise problem_in(result.stderr.strip().rpartition(b"\n")[2] or b"no output")
    return msgspec.json.decode(result.stdout, type=answer)
