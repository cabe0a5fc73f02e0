"""`python -m mlops_tui.daemon`: what clients start. `serve` is the daemon; `rebuild` and `doctor` work without one."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_tui.daemon.lock import DaemonLock
from mlops_tui.daemon.options import Options

_LOCK_TIMEOUT = 60.0
_TOOL_TIMEOUT = 2.0  # clients look whether the lock is held by taking it for a moment


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes as those of the CLI; errors on standard error, as JSON for the tools and as a line for the daemon."""
    parser = argparse.ArgumentParser(prog="python -m mlops_tui.daemon")
    parser.add_argument("task", choices=("serve", "rebuild", "doctor"))
    parser.add_argument("--home", required=True)
    parser.add_argument("--idle-exit", type=int, default=None)
    parser.add_argument(
        "--ready-fd", type=int, default=-1, help="where to say that it serves, or why it does not"
    )
    parser.add_argument("--deep", action="store_true", help="doctor: hash everything")
    parser.add_argument(
        "--foreground", action="store_true", help="stay in this terminal, log to standard error"
    )
    parsed = parser.parse_args(arguments)
    os.umask(0o077)
    home = Home.locate(parsed.home)
    ready = Ready(parsed.ready_fd)
    try:
        if parsed.task == "serve":
            return serve(home, Options.build(parsed.idle_exit, parsed.foreground), ready)
        return _tool(parsed.task, home, parsed.deep)
    except (Problem, OSError) as failure:
        problem = failure if isinstance(failure, Problem) else _unusable(home, failure)
        error = {
            "code": problem.code,
            "message": problem.message,
            "hint": problem.hint,
            "status": problem.status,
        }
        text = msgspec.json.encode({"error": error})
        ready.say(text)
        print(text.decode(), file=sys.stderr, flush=True)
        return problem.status


def _unusable(home: Home, error: OSError) -> Problem:
    return Problem(
        "home_unusable", f"the home {home.path} cannot be used: {error}", "make room (`df -h`), or see that the disk can be written",
        status=3,
    )  # fmt: skip


class Ready:
    """The pipe to the client that started this process: one line when it serves, or the reason why not."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        if fd >= 0:
            os.set_inheritable(fd, False)

    def say(self, line: bytes) -> None:
        """Tells it once; a client that has gone away is no reason to stop."""
        if self._fd < 0:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(self._fd, line + b"\n")
        os.close(self._fd)
        self._fd = -1


def serve(home: Home, options: Options, ready: Ready) -> int:
    """Becomes the home's daemon, or ends at once with 0 where there is one that answers."""
    from mlops_tui.daemon.logs import setup
    from mlops_tui.daemon.sockets import answers

    home.create()
    os.chdir("/")
    if not options.foreground:
        _leave_parent()
    setup()
    lock = DaemonLock(home.lock_file)
    if not lock.acquire_or(lambda: answers(home), _LOCK_TIMEOUT):
        ready.say(b"{}")
        return 0
    try:
        return _run(home, options, lock, ready)
    finally:
        lock.release()


def _run(home: Home, options: Options, lock: DaemonLock, ready: Ready) -> int:
    """Imports for half a second that a daemon too many does not pay for. Where a core is free, the index opens meanwhile."""
    from mlops_tui.daemon.events import EventRing
    from mlops_tui.daemon.learning import learn_types
    from mlops_tui.daemon.writer import WriterThread

    gc.disable()  # what is imported stays
    learn_types()
    writer = WriterThread(home, EventRing(f"{now_ms():x}-{os.getpid()}"))
    writer.begin()
    try:
        from mlops_tui.daemon.server import Daemon

        def serves() -> None:
            ready.say(b"{}")
            gc.freeze()
            gc.enable()

        return Daemon(home, options, lock, writer).run(serves)
    finally:
        writer.close()


def _leave_parent() -> None:
    """A second fork: the daemon is nobody's child, and no leader of a session that could get a terminal."""
    if os.fork() > 0:
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _tool(task: str, home: Home, deep: bool) -> int:
    """Rebuild and doctor hold the lock, so that no daemon is there or comes meanwhile. One JSON document on stdout."""
    if not home.exists():
        raise Problem("no_home", f"there is no home at {home.path}", "set MLOPS_TUI_HOME or --home", status=2)
    home.create()
    lock = DaemonLock(home.lock_file)
    if not lock.acquire_or(lambda: False, _TOOL_TIMEOUT):
        raise Problem("daemon_running", "a daemon holds the home", "`mlops-tui daemon stop`", status=3)
    try:
        from mlops_tui.daemon import offline

        result: Any = offline.rebuild(home) if task == "rebuild" else offline.doctor(home, deep)
    finally:
        lock.release()
    print(msgspec.json.encode(result).decode(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
