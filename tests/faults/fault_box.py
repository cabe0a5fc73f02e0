"""Programs that stop at an exact point, and what is looked at afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from mlops_store.home import Home
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.ledger import verify
from mlops_tui.daemon import offline

ROOT = Path(__file__).parents[1]
OF_THE_MACHINE = frozenset({"disk_space", "inotify", "logout_kills", "disk_budget", "disk_floor"})

# a daemon whose store is spoilt in the way that its first argument (Python) says
DAEMON = """
import os, resource, signal, sys
from pathlib import Path
from mlops_store import ledger
from mlops_store.index import writer
from mlops_tui.daemon.__main__ import main

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_once(step, mark):
    opened = writer.Writer.open
    def reach(name):
        if name == step and not os.path.exists(mark):
            Path(mark).touch()
            die()
    writer.Writer.open = staticmethod(lambda home: opened(home, reach))

exec(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def environment() -> dict[str, str]:
    paths = [*(path for path in sys.path if path), *(str(ROOT / name) for name in ("runs", "store", "data"))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run_with(program: Path, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The same with another copy of the program."""
    first = {"PYTHONPATH": os.pathsep.join([str(program), environment()["PYTHONPATH"]])}
    return subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True, text=True, check=True, env={**environment(), **first}, timeout=120,
    )  # fmt: skip


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`python -c code`, to its end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment(), timeout=120,
    )  # fmt: skip


def killed(code: str, *arguments: object) -> None:
    """The same, for a program that has to die by its own SIGKILL or with 9."""
    done = run(code, *arguments)
    assert done.returncode in (9, -9), (done.returncode, done.stdout, done.stderr)


def spoilt_daemon(how: str) -> object:
    """What stands in for `client.spawn.daemon_command`: a daemon that is spoilt by `how`."""

    def command(home: Home, *words: str) -> list[str]:
        return [sys.executable, "-c", DAEMON, how, *words, "--home", str(home.path)]

    return command


def codes(home: Home) -> list[str]:
    """The codes of what `doctor` finds without a daemon, apart from what is the machine's."""
    return sorted(found.code for found in offline.doctor(home).findings if found.code not in OF_THE_MACHINE)


def assert_sound(home: Home) -> None:
    """The chain holds, and an index made anew is the same table by table."""
    assert verify(home.ledger) == []
    fresh = home.tmp / "fresh.duckdb"
    build(home, fresh)
    a, b = Database.open(fresh, readonly=True), Database.open(home.index, readonly=True)
    try:
        differences = compare(a, b)
        assert not differences, differences
    finally:
        a.close()
        b.close()
        fresh.unlink()
