"""A process that serves another ends with it."""

from __future__ import annotations

import subprocess
import sys
import time

from mlops_tui import processes


def test_who_works_for_another_ends_with_it() -> None:
    busy = "import time; from mlops_tui import parent; parent.end_with_it(); time.sleep(60)"
    code = "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE); print(p.pid, flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, "-c", busy], stdout=subprocess.PIPE, text=True
    ) as asking:
        assert asking.stdout is not None
        child = int(asking.stdout.readline())
        asking.kill()
    deadline = time.monotonic() + 20
    while processes.read(child) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
