"""Run journals: what training code says about itself, one JSON array a line, appended with one write each.

A call that returned survives the death of its process, since the bytes are in the kernel. Nothing here reads or locks a
store, and a full disk costs counted lines, never the training.
"""

from __future__ import annotations

import contextlib
import math
import operator
import os
import socket
import threading
import weakref
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import private_folder
from mlops_store.ids import now_ms

MAX_TEXT = 1 << 16
MAX_KEY = 500
MAX_NAMES = 10_000
"""Names of metrics, of parameters and of tags that one writer uses at most. More is a mistake (a value in a name), and all who read the run would pay for it."""
MAX_STEP = 1 << 63
DROPPED = ".dropped"
"""`journal/<writer>.<n>.dropped`, empty: the writer ended on a full disk, and n lines were dropped that its journal does not tell of."""

_ENCODE = msgspec.json.Encoder().encode
_ENCODE_LINES = msgspec.json.Encoder().encode_lines
_WRITERS: weakref.WeakSet[JournalWriter] = weakref.WeakSet()
"""All of this process: a fork tells them that they are in a child now, which is cheaper than to ask for the pid at each line."""


class JournalWriter:
    """Appends to a file of its own: `journal/<attempt>-<host>-<pid>-<rand>.jsonl`. Threads may share it; a fork gets a new file."""

    def __init__(self, run_dir: Path, attempt: int, label: str = "") -> None:
        self._run_dir = run_dir
        self._attempt = attempt
        self._label = label
        self._lock = threading.Lock()
        self._last_step: dict[str, int] = {}
        self._params: set[str] = set()
        self._tags: set[str] = set()
        self._refused = 0
        self._forked = False
        self._fd = -1
        self.dropped = 0
        self._unsaid = 0
        self._warned = False
        self._torn = False
        self._behind = False
        self._open()

    # --- what can be said ---

    def metric(self, key: str, value: float, step: int | None = None, ts: int | None = None) -> None:
        """One point. Without a step, the one after the last step that this writer used for the key (from 0)."""
        row = self._point(key, value, step, ts or now_ms())
        if row is not None:
            self._raw(_ENCODE(row) + b"\n")

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Several points of one step, in one write."""
        ts = now_ms()
        rows = [self._point(key, value, step, ts) for key, value in values.items()]
        if rows := [row for row in rows if row is not None]:
            self._raw(_ENCODE_LINES(rows))

    def param(self, key: str, value: Any) -> None:
        """An input of the run; write-once, which the reader checks."""
        if key not in self._params and not self._room(self._params, key, "parameters"):
            return
        self._params.add(key)
        self._append(["p", _key(key), _plain(value)])

    def params(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            self.param(key, value)

    def tag(self, key: str, value: str) -> None:
        if key not in self._tags and not self._room(self._tags, key, "tags"):
            return
        self._tags.add(key)
        self._append(["t", _key(key), cut(str(value))])

    def artifact(self, path: str, size: int, sha256: str) -> None:
        self._append(["a", path, size, sha256])

    def stage(self, name: str, state: str, **info: Any) -> None:
        """`state` is started, finished, cached or failed."""
        self._append(["s", name, state, now_ms(), info])

    def sync(self) -> None:
        """Makes what was written durable."""
        os.fsync(self._fd)

    def lost(self, count: int = 1) -> None:
        """Counts something else of the run that could not be written."""
        self.dropped += count
        self._unsaid += count
        self._behind = True

    def close(self) -> None:
        """Says how much was dropped and not said yet, if anything, and closes the file."""
        with self._lock:
            if self._fd < 0:
                return
            if not self._forked:  # what the parent of a fork has to say, it says itself
                self._say_the_rest()
            os.close(self._fd)
            self._fd = -1

    # --- inside ---

    def _point(self, key: str, value: float, step: int | None, ts: int) -> list[Any] | None:
        """The row of a point; None for one name too many. Raises TypeError, ValueError for what is no point, now and not at a later one."""
        last = self._last_step.get(key)
        if last is None:
            if not isinstance(key, str):
                raise TypeError(f"the name of a metric is text, not {key!r}")
            if not self._room(self._last_step, key, "metrics"):
                return None
        if step is None:
            step = 0 if last is None else last + 1
        if type(step) is not int or not -MAX_STEP <= step < MAX_STEP:
            step = _whole(key, step)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"the value of metric {key!r} is a number, not {value!r}") from None
        self._last_step[key] = step
        # JSON has no numbers for NaN and the infinities: their names stand for them
        return ["m", key, step, ts, number if math.isfinite(number) else repr(number)]

    def _room(self, names: Sized, key: object, what: str) -> bool:
        """Whether a name that was not used before may be used; where it may not, that is counted, and said once. Raises ValueError for an
        empty one."""
        if not str(key).strip():
            raise ValueError(f"{what} need a name, not {key!r}")
        if len(names) < MAX_NAMES and len(str(key)) <= MAX_KEY:
            return True
        if not self._refused:
            complain(
                f"{str(key)[:80]!r} was not recorded: a run has at most {MAX_NAMES:,} names of {what}, of {MAX_KEY} characters each; training goes on"
            )
        self._refused += 1
        self.dropped += 1
        return False

    def _open(self) -> None:
        pid = os.getpid()
        self._forked = False
        _WRITERS.add(self)
        folder = self._run_dir / "journal"
        private_folder(folder)
        host = "".join(c if c.isalnum() else "_" for c in socket.gethostname())[:32] or "host"
        suffix = self._label or os.urandom(4).hex()
        self.path = folder / f"{self._attempt}-{host}-{pid}-{suffix}.jsonl"
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_size:
            self._raw(b"\n")
        self._raw(
            _ENCODE(
                [
                    "h",
                    {
                        "run_id": self._run_dir.name,
                        "attempt": self._attempt,
                        "pid": pid,
                        "time": now_ms(),
                    },
                ]
            )
            + b"\n"
        )

    def _append(self, row: list[Any]) -> None:
        self._raw(_ENCODE(row) + b"\n")

    def _after_fork(self) -> None:
        """A child must not share its parent's file: writer identity would be ambiguous. Raises OSError; then it is tried again."""
        if self._fd >= 0:
            self._lock = threading.Lock()
            os.close(self._fd)
            self._fd, self._label = -1, ""
            self._torn, self._behind, self._unsaid, self._refused = False, False, 0, 0
        try:
            self._open()
        except OSError:
            self._forked = True
            raise
        leave_word(self._run_dir)

    def _raw(self, lines: bytes) -> None:
        """Appends whole lines, or counts those that the disk did not take."""
        if self._forked:
            try:
                self._after_fork()
            except OSError as error:
                self._drop(lines, error.strerror or str(error))
                return
        if self._behind:
            with self._lock:
                if rest := self._catch_up(lines):
                    self._drop(rest, "the disk still takes nothing")
            return
        try:
            written = os.write(self._fd, lines)
        except OSError as error:
            self._drop(lines, "the journal is closed" if self._fd < 0 else error.strerror or str(error))
            return
        if written != len(lines):
            self._torn = True
            self._drop(lines[written:], "the disk took only a part")

    def _catch_up(self, lines: bytes) -> bytes:
        """Lines after one that failed: first what is owed. A torn line has to end, or these would be lost with it; and as soon as the
        disk takes anything again, it takes the number of the lines that were dropped. Returns what of the lines it did not take."""
        owed = b"\n" if self._torn else b""
        if self._unsaid:
            owed += _ENCODE(["d", self._unsaid, "write failed"]) + b"\n"
        try:
            written = os.write(self._fd, owed + lines)
        except OSError:
            return lines
        if written >= len(owed):
            self._unsaid = 0
        self._torn = self._behind = written != len(owed) + len(lines)
        return lines[max(0, written - len(owed)) :]

    def _say_the_rest(self) -> None:
        if self._refused:
            self._raw(_ENCODE(["d", self._refused, "names beyond the limit"]) + b"\n")
        if self._unsaid:
            self._catch_up(b"")
        if self._unsaid:
            self._leave_mark()

    def _leave_mark(self) -> None:
        """The disk is full to the end: the number goes into the name of an empty file, which takes no room."""
        mark = self.path.with_name(f"{self.path.stem}.{self._unsaid}{DROPPED}")
        try:
            os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            complain(
                f"{self._unsaid} lines of the run journal were dropped, and that cannot be recorded: {error}"
            )

    def _drop(self, lines: bytes, reason: str) -> None:
        self.lost(lines.count(b"\n"))
        if not self._warned:
            self._warned = True
            complain(f"a line of the run journal was dropped ({reason}); training goes on")


def leave_word(run_dir: Path) -> None:
    """Word in the home's inbox that this run is written to by somebody who may outlive it: a daemon looks at its journals again, also
    when the run has ended."""
    # a disk that refuses costs no line: the next daemon looks at all journals by itself
    with contextlib.suppress(OSError):
        word = run_dir.parent.parent / ".inbox" / run_dir.name
        os.close(os.open(word, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def _tell_child() -> None:
    for writer in _WRITERS:
        writer._forked = True


os.register_at_fork(after_in_child=_tell_child)


def complain(text: str) -> None:
    """Says it on standard error. That may be a log on the very disk that is full, or closed: then nobody hears it, and training goes on.

    Not by way of `sys.stderr`, whose buffer would try again at the end of the process, and spoil its exit code.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"mlops-tui: {text}\n".encode(errors="backslashreplace"))


def _whole(key: str, step: Any) -> int:
    """A step that is no plain int: numpy's and torch's integers and floats without a fraction are. Raises TypeError, ValueError."""
    number = None
    try:
        number = operator.index(step)
    except TypeError:  # not an integer; an array of one float is one all the same
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = int(step) if hasattr(step, "__float__") and float(step).is_integer() else None
    if number is None:
        kind = ValueError if hasattr(step, "__float__") else TypeError
        raise kind(f"the step of metric {key!r} is a whole number, not {step!r}")
    if not -MAX_STEP <= number < MAX_STEP:
        raise ValueError(f"the step of metric {key!r} has at most 63 bits, unlike {step!r}")
    return int(number)


def _key(key: str) -> str:
    return str(key)[:MAX_KEY]


def _plain(value: Any) -> Any:
    """Numbers, booleans, None and text as they are; all else as text, capped."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, str):
        return cut(value)
    try:
        text = _ENCODE(value).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return cut(text)


def cut(text: str) -> str:
    """Text as a record holds it: what is too long ends with a word about that."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 50]}… [cut: {len(text):,} characters]"


def decode_line(line: bytes) -> list[Any] | None:
    """A row of a journal, or None where the line is torn or foreign."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(row, list) or not row or not isinstance(row[0], str):
        return None
    return row
