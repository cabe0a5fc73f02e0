"""Between a program and its log: what it prints is masked, and nobody's death holds it up.

A program writes into a pipe of the run's folder, which it holds open for reading too: so it never hears of a broken pipe. A reader, a
process beside the shim, takes it out, masks secrets and appends to the log. Whoever holds the lock is the reader: when it dies, the shim
goes on, and when both die, whoever looks after the run next starts another (`shim.py --log`). Standard library and the store's masking only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import threading
import time

from mlops_store.masking import Masker
from mlops_tui.output_pipe import HINT, pipe_of, remove, take_lock
from mlops_tui.worker.log_cap import LogCap
from mlops_tui.worker.shim_journal import open_journal, write_rows

TYPE_CHECKING = False  # importing typing would cost a fifth of the start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROOM = 1 << 20  # what a program may print while the reader is busy
_BLOCK = 64 * 1024
_GATHER = 0.01
_EARLY_MS = 150
_PATIENCE = 600


class Output:
    """The pipe of one attempt, as the shim holds it. `writer` is the program's standard output and error."""

    def __init__(self, run_dir: str, attempt: int, values: Sequence[bytes]) -> None:
        """Raises OSError."""
        self._who = (run_dir, attempt, values)
        self._thread: threading.Thread | None = None
        self._done = False
        path = pipe_of(run_dir, attempt)
        os.close(os.open(path + ".lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.mkfifo(path, 0o600)
        # kept open, or what a short program printed would go with it before a reader came
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.writer = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        with contextlib.suppress(
            OSError, AttributeError
        ):  # the user's pipes may have too much together already
            fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, _ROOM)

    def close_writer(self) -> None:
        """The program has its own by now: the end of its output is when the last of its processes lets go."""
        os.close(self.writer)

    def look_after(self) -> bool:
        """Reads on in a thread of this process where no reader lives. True where there is nothing left to read."""
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
        if self._thread is None and not self._done:
            with contextlib.suppress(OSError, RuntimeError):  # no room for a handle or a thread: next time
                self._take_over()
        return self._done

    def _take_over(self) -> None:
        lock = take_lock(pipe_of(*self._who[:2]))
        self._done = lock == -1
        if lock is not None and lock >= 0:
            os.close(lock)
            thread = threading.Thread(target=read_output, args=self._who, name="output", daemon=True)
            thread.start()
            self._thread = thread

    def finish(self, seconds: float) -> bool:
        """Waits until all output is in the log; False where that takes longer."""
        deadline = time.monotonic() + seconds
        while not self.look_after():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.003)
        return True


def read_output(run_dir: str, attempt: int, values: Sequence[bytes] = ()) -> bool:
    """Reads to the end of the attempt's output. False where another reader is at it, True where nothing is left. Raises OSError."""
    path = pipe_of(run_dir, attempt)
    lock = take_lock(path)
    if lock is None:
        return False
    if lock < 0:
        return True
    log_path = os.path.join(run_dir, "log.txt")
    with contextlib.ExitStack() as telling:
        with contextlib.ExitStack() as reading:
            reading.callback(os.close, lock)
            log = os.open(log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            telling.callback(os.close, log)
            pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            reading.callback(os.close, pipe)
            stream = Stream(pipe, log, values, LogCap(log_path))
            stream.run()
            told = _count_loss(run_dir, attempt, stream.lost)
            remove(path)
        stream.tell_what_is_missing(_PATIENCE)
        if not told:
            _count_loss(run_dir, attempt, stream.lost)
    return True


def _count_loss(run_dir: str, attempt: int, lines: int) -> bool:
    """Lost lines of output count as lines of a journal do. False where the disk does not take the number."""
    if not lines:
        return True
    try:
        journal = open_journal(run_dir, attempt, "output")
    except OSError:
        return False
    try:
        return write_rows(journal, [["d", lines, "output"]])
    finally:
        os.close(journal)


def leave_reader(run_dir: str, attempt: int, values: Sequence[bytes] = ()) -> None:
    """Forks a reader that belongs to nobody and outlives the caller. It ends with the output, and by no polite signal."""
    if os.fork():
        return
    try:
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        read_output(run_dir, attempt, values)
    finally:
        os._exit(0)


class Stream:
    """Copies a pipe into a log, masked. A disk that refuses costs the output, which is counted, and never the program."""

    def __init__(self, pipe: int, log: int, values: Sequence[bytes] = (), cap: LogCap | None = None) -> None:
        self._pipe = pipe
        self._log = log
        self._cap = cap
        self._values = set(values)
        self._masker = Masker(values)
        self._held = b""  # the beginning of a line that may be meant for us
        self._missing = 0  # bytes, since the log took something for the last time
        self._why = ""
        self.lost = 0
        """Lines that the log did not take."""

    def run(self) -> None:
        """Until every process that could write has ended, or let go."""
        poller = select.poll()
        poller.register(self._pipe, select.POLLIN)
        fresh = False  # the beginning of a line has come that was not shown yet
        taken = 0  # bytes, since the log's size was looked at for the last time
        while True:
            try:
                data = os.read(self._pipe, _BLOCK)
            except BlockingIOError:
                if not poller.poll(_EARLY_MS if fresh else None):
                    self._write(self._mask(self._masker.early))
                    fresh = False
                continue
            if not data:
                break
            self._write(self._mask(lambda data=data: self._masker.feed(self._heard(data))))  # type: ignore[misc]
            fresh = self._masker.waiting()
            taken += len(data)
            if self._cap is not None and taken >= _ROOM:
                self._cap.check()
                taken = 0
            if len(data) < _BLOCK // 4:
                time.sleep(_GATHER)  # many small writes are one big one a moment later
        self._write(self._mask(lambda: self._masker.feed(self._held) + self._masker.close()))
        if self._cap is not None:
            self._cap.check()

    def tell_what_is_missing(self, seconds: int) -> None:
        """Tries to leave word in the log as long as the disk refuses."""
        for _ in range(seconds):
            self._write(b"")
            if not self._missing:
                break
            time.sleep(1)

    def _heard(self, data: bytes) -> bytes:
        """What is printed, without the lines that are meant for the reader (`output_pipe.hide`)."""
        data, self._held = self._held + data, b""
        start = data.find(HINT)
        while start >= 0:
            end = data.find(b"\n", start, start + select.PIPE_BUF)
            if end < 0 and len(data) - start < select.PIPE_BUF:
                self._held = data[start:]
                return data[:start]
            try:
                value = bytes.fromhex(data[start + len(HINT) : end].decode("ascii")) if end >= 0 else None
            except ValueError:
                value = None
            if value is None:
                start = data.find(HINT, start + 1)  # not ours: printed as it is
                continue
            if value not in self._values:
                self._values.add(value)
                self._masker.hide([value])
            data = data[:start] + data[end + 1 :]
            start = data.find(HINT, start)
        last = data.rfind(b"\0", -len(HINT))
        if last >= 0 and HINT.startswith(data[last:]):
            data, self._held = data[:last], data[last:]
        return data

    def _mask(self, step: Callable[[], bytes]) -> bytes:
        """What cannot be masked is not shown: a fault in here must neither leak nor hold up the program."""
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next block is another
            self._masker = Masker(self._values)
            return f"\nmlops-tui: output is missing here: it could not be masked ({type(error).__name__})\n".encode()

    def _write(self, block: bytes) -> None:
        note = (
            f"\nmlops-tui: {self._missing} bytes of output are missing here: {self._why}\n"
            if self._missing
            else ""
        )
        rest = note.encode() + block
        try:
            while rest:
                rest = rest[os.write(self._log, rest) :]
                if len(rest) <= len(block):
                    self._missing = 0
        except OSError as error:
            rest = rest[max(0, len(rest) - len(block)) :]
            self._missing += len(rest)
            self.lost += rest.count(b"\n")
            self._why = error.strerror or str(error)
