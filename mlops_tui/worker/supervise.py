"""The shim at work: one child, its whole process tree, and the record of how it ended.

Standard library only. Nothing here depends on a daemon, a terminal or a store: the run folder is all there is.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from mlops_store.masking import mask_lines
from mlops_tui import processes
from mlops_tui.worker.attempt_files import AttemptFiles, Claimed
from mlops_tui.worker.child import Child, start
from mlops_tui.worker.output import Output, leave_reader
from mlops_tui.worker.sampler import Sampler

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

GRACE = 10.0
POLL = 0.25
# processes that SIGKILL does not end within this time hang in the kernel: the run's end is told without them
_HOPELESS = 60.0
_STARTING = 5.0
_READER_STARTS = 1.0
# what still holds the output after that is not worth waiting for: its reader goes on
_LAST_WORDS = 10.0
_TAKEN = 75
_WORKER = "mlops_tui.worker.main"


def launch(run_dir: str, attempt: int, values: Sequence[bytes] = ()) -> int:
    """Leaves a supervisor behind that belongs to nobody; returns the exit code of the caller's process.

    Returns only when the attempt is claimed, so that whoever launched it needs no second look. `values` are masked in
    the output, which a second process reads.
    """
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        answer = os.read(read, 1)
        if answer == b"c":
            leave_reader(run_dir, attempt, values)
        return {b"c": 0, b"t": _TAKEN}.get(answer, 1)
    os.close(read)
    os.setsid()
    os.chdir("/")
    code = _supervise(run_dir, attempt, write, values)
    os._exit(code)


def _supervise(run_dir: str, attempt: int, answer: int, values: Sequence[bytes]) -> int:
    files = AttemptFiles(run_dir, attempt)
    output: Output | OSError
    try:
        files.claim()
        files.write("shim.json", processes.identity())
        try:
            output = Output(run_dir, attempt, values)
        except OSError as error:
            output = error
    except Claimed:
        os.write(answer, b"t")
        return _TAKEN
    os.write(answer, b"c")
    os.close(answer)
    _let_go_of_terminal()
    try:
        Supervisor(files, output).run()
    except BaseException:
        import traceback

        with open(files.path("shim-error.txt"), "w") as file:
            traceback.print_exc(file=file)
        raise
    return 0


def _let_go_of_terminal() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)


def _become_subreaper() -> bool:
    """Orphans of the tree come to us (Linux): `no child left` then means that nothing at all is left."""
    if not processes.LINUX:
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


class Supervisor:
    """From the claimed attempt to `exit.json`."""

    def __init__(self, files: AttemptFiles, output: Output | OSError) -> None:
        self._files = files
        self._output = output
        self._child: Child | None = None
        self._status: int | None = None
        self._started = time.monotonic()
        self._ended = (0, 0.0)
        self._asked = False
        self._terminated = False
        self._stopped = False
        self._kill_at: float | None = None
        self._killed_since: float | None = None
        self._reason = ""
        self._failure = b""
        self._worker = False
        self._wake, self._subreaper = -1, False

    def run(self) -> None:
        """Starts the child, waits for its whole tree, writes the record."""
        self._wake = self._listen()
        self._subreaper = _become_subreaper()
        log = self._files.open_log()
        if self._files.stop_request() is not None or self._asked:
            self._end_output()
            self._write_exit(None, None, stopped=True, reason="stopped before it started")
            return
        try:
            if isinstance(self._output, OSError):
                raise self._output
            spec = self._files.read_spec()
            self._child = start(spec, self._files, self._output.writer)
            self._worker = _WORKER in spec["command"]
        except (OSError, ValueError, TypeError, AttributeError) as error:
            self._end_output()
            self._say(log, f"cannot start: {error}")
            self._write_exit(127, None, stopped=False, reason=f"cannot start: {error}")
            return
        self._output.close_writer()
        self._started = time.monotonic()
        sampler = Sampler(self._files.run_dir, self._files.attempt, self._child.pid)
        sampler.start()
        self._wait()
        sampler.finish(timeout=5.0)
        self._conclude(log)

    # --- signals ---

    def _listen(self) -> int:
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_term)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        return read

    def _on_term(self, *_: Any) -> None:
        self._asked = True

    def _doze(self, seconds: float) -> None:
        """Until a signal, the child's failure to start, or `seconds`."""
        watched = [self._wake]
        if self._child is not None and self._child.failure_fd >= 0:
            watched.append(self._child.failure_fd)
        ready = select.select(watched, [], [], seconds)[0]
        if self._wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 4096)
        if self._child is not None and self._child.failure_fd in ready:
            self._failure = os.read(self._child.failure_fd, 4096)
            os.close(self._child.failure_fd)
            self._child.failure_fd = -1

    # --- the tree ---

    def _wait(self) -> None:
        """Until the child and all that came from it are gone."""
        while True:
            any_left = self._reap()
            if self._status is not None and not any_left:
                return
            self._follow_request()
            now = time.monotonic()
            if now - self._started > _READER_STARTS and isinstance(self._output, Output):
                self._output.look_after()
            if self._status is not None and self._kill_at is None:
                self._kill_at = now + GRACE
            if self._kill_at is not None and now >= self._kill_at:
                if self._kill_rest(now):
                    return
                self._doze(0.02)
            else:
                self._doze(POLL if self._kill_at is None else min(POLL, self._kill_at - now))

    def _reap(self) -> bool:
        """Collects whatever has ended; whether anything of the tree is left."""
        assert self._child is not None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False if self._subreaper else bool(self._rest())
            if pid == 0:
                return True
            if pid == self._child.pid:
                self._status = status
                self._ended = (time.time_ns() // 1_000_000, time.monotonic())

    def _rest(self) -> list[processes.Process]:
        assert self._child is not None
        rows = processes.descendants(os.getpid(), processes.table(), self._child.pid)
        return [row for row in rows if not row.dead]

    def _follow_request(self) -> None:
        """The first request sends its signal to the child's group; a repeated SIGTERM to us cuts the grace short."""
        assert self._child is not None
        request = self._files.stop_request()
        if request is None and self._asked:
            request = (signal.SIGTERM, GRACE)
            self._reason = "the shim was asked to end"
        if request is None or self._still_starting():
            return
        asked, self._asked = self._asked, False
        if not self._terminated:
            self._terminated = True
            number, grace = request
            if self._status is None:
                self._stopped = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._child.pid, number)
            self._kill_at = time.monotonic() + (0.0 if number == signal.SIGKILL else grace)
        elif asked and self._reason:
            self._kill_at = time.monotonic()

    def _still_starting(self) -> bool:
        """Between fork and exec the child has no group yet and our own signal handlers: a signal would be lost.
        Takes microseconds, unless its working folder is on a dead server: then only SIGKILL is left."""
        assert self._child is not None
        return self._child.failure_fd >= 0 and time.monotonic() - self._started < _STARTING

    def _kill_rest(self, now: float) -> bool:
        """SIGKILL to all that is left. True where that has been tried for so long that it never will help."""
        rest = self._rest()
        refused = processes.send_all(rest, signal.SIGKILL)
        if self._killed_since is None:
            self._killed_since = now
            if self._status is not None and rest:
                self._reason = self._reason or f"{len(rest)} processes outlived the program and were killed"
        if self._status is not None and now - self._killed_since > (1.0 if refused else _HOPELESS):
            self._reason = f"could not be killed: pid {', '.join(str(row.pid) for row in rest)}"
            return True
        return False

    # --- the end ---

    def _conclude(self, log: int) -> None:
        assert self._status is not None and self._child is not None and isinstance(self._output, Output)
        self._output.finish(_LAST_WORDS)
        if self._child.failure_fd >= 0:
            # a program that never ran ends at once: its reason may still be in the pipe
            self._doze(0)
        code: int | None = None
        number: int | None = None
        if os.WIFSIGNALED(self._status):
            number = os.WTERMSIG(self._status)
        else:
            code = os.WEXITSTATUS(self._status)
        if self._failure:
            text, _, reason = self._failure.decode(errors="replace").partition(" ")
            code, self._reason = int(text), reason
            self._say(log, reason)
        incomplete = self._worker and code == 0 and not os.path.exists(self._files.path("outcome.json"))
        if incomplete:
            self._reason = "the program ended itself, with 0, before its work was done"
            self._say(log, self._reason)
        if not self._worker:
            self._list_artifacts(log)
        os.fsync(log)
        self._write_exit(code, number, stopped=self._stopped, reason=self._reason, incomplete=incomplete)

    def _list_artifacts(self, log: int) -> None:
        """What a program of the user's own put into the artifacts folder by itself; whatever goes wrong, the end is told."""
        from mlops_tui.worker.artifact_list import list_artifacts

        try:
            left = list_artifacts(self._files.run_dir, self._files.attempt)
        except OSError as error:
            self._say(log, f"artifacts that the program did not log are not listed: {error}")
            return
        if left:
            self._say(log, f"{left} files in the artifacts folder are not listed")

    def _write_exit(
        self, code: int | None, number: int | None, *, stopped: bool, reason: str, incomplete: bool = False
    ) -> None:
        ended, clock = (
            self._ended if self._status is not None else (time.time_ns() // 1_000_000, time.monotonic())
        )
        self._files.write_exit(
            {
                "exit_code": code,
                "signal": number,
                "ended": ended,
                "duration_ms": round((clock - self._started) * 1000),
                "stopped": stopped,
                "lost": False,
                "incomplete": incomplete,
                "reason": mask_lines(reason.encode(errors="replace")).decode(errors="replace")[:500],
            }
        )

    def _end_output(self) -> None:
        """Where no program has the pipe."""
        if isinstance(self._output, Output):
            self._output.close_writer()
            self._output.finish(_LAST_WORDS)

    @staticmethod
    def _say(log: int, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(log, mask_lines(f"mlops-tui: {text}\n".encode(errors="backslashreplace")))
