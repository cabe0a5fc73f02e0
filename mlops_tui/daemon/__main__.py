"""`python -m mlops_tui.daemon`: what clients start. `serve` is the daemon; `rebuild` and `doctor` work without one."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.daemon.lock import DaemonLock
from mlops_tui.daemon.options import Options

_LOCK_TIMEOUT = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes as those of the CLI; errors on standard error, as JSON for the tools and as a line for the daemon."""
    parser = argparse.ArgumentParser(prog="python -m mlops_tui.daemon")
    parser.add_argument("task", choices=("serve", "rebuild", "doctor"))
    parser.add_argument("--home", required=True)
    parser.add_argument("--idle-exit", type=int, default=None)
    parser.add_argument("--foreground", action="store_true", help="stay in this terminal, log to standard error")
    parsed = parser.parse_args(arguments)
    os.umask(0o077)
    home = Home.locate(parsed.home)
    try:
        if parsed.task == "serve":
            return serve(home, Options.build(parsed.idle_exit, parsed.foreground))
        return _tool(parsed.task, home)
    except Problem as problem:
        error = {"code": problem.code, "message": problem.message, "hint": problem.hint}
        print(msgspec.json.encode({"error": error}).decode(), file=sys.stderr, flush=True)
        return problem.status


def serve(home: Home, options: Options) -> int:
    """Becomes the home's daemon, or ends at once with 0 where there is one that answers."""
    from mlops_tui.daemon.logs import setup
    from mlops_tui.daemon.sockets import answers

    home.create()
    if not options.foreground:
        _leave_parent()
    setup()
    lock = DaemonLock(home.lock_file)
    if not lock.acquire_or(lambda: answers(home), _LOCK_TIMEOUT):
        return 0
    try:
        from mlops_tui.daemon.server import Daemon  # 0.3 s of imports that a daemon too many does not pay for

        return Daemon(home, options, lock).run()
    finally:
        lock.release()


def _leave_parent() -> None:
    """A second fork: the daemon is nobody's child, and no leader of a session that could get a terminal."""
    if os.fork() > 0:
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _tool(task: str, home: Home) -> int:
    """Rebuild and doctor hold the lock, so that no daemon is there or comes meanwhile. One JSON document on stdout."""
    if not home.exists():
        raise Problem("no_home", f"there is no home at {home.path}", "set MLOPS_TUI_HOME or --home", status=2)
    home.create()
    lock = DaemonLock(home.lock_file)
    if not lock.acquire():
        raise Problem("daemon_running", "a daemon holds the home", "`mlops-tui daemon stop`", status=3)
    try:
        from mlops_tui.daemon import offline

        result: Any = offline.rebuild(home) if task == "rebuild" else offline.doctor(home)
    finally:
        lock.release()
    print(msgspec.json.encode(result).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
