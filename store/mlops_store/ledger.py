"""The ledger: every decision and registry change, in order, chained by hash.

One line of JSON an entry in `ledger/000001.jsonl`, …; a new file at 64 MB. It is the truth: the index is made from it.
The chain shows corruption; it does not stop an owner of the files from writing it all anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlops_store.atomic import canonical, fsync_dir, sha256_bytes, write_atomic
from mlops_store.errors import Problem
from mlops_store.ids import now_ms
from mlops_store.records import LedgerEntry

ROTATE_AT = 64 << 20
_FILE = re.compile(r"^\d{6}\.jsonl$")
_DECODER = msgspec.json.Decoder(LedgerEntry)


class FatalStoreError(Exception):
    """The disk refused to make data durable. The process must stop writing and exit; retrying fsync hides losses."""


@dataclass(frozen=True)
class Finding:
    """Something that a check found. `severity` is 'error' or 'warning'; `code` names the kind for programs."""

    severity: str
    code: str
    what: str
    where: str
    fix: str = ""


def entry_hash(entry: LedgerEntry) -> str:
    """sha256 (hex) over the canonical JSON of all fields but `hash`."""
    fields = msgspec.structs.asdict(entry)
    del fields["hash"]
    return sha256_bytes(canonical(fields))


def ledger_files(folder: Path) -> list[Path]:
    """The ledger's files, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _FILE.match(path.name))


class Ledger:
    """The one writer of a ledger folder. The daemon's lock makes sure that there is only one."""

    def __init__(self, folder: Path, *, readonly: bool) -> None:
        self._folder = folder
        self._readonly = readonly
        self._fd = -1
        self._size = 0
        self._before: tuple[int, int, int, str] | None = None
        self._dead = False
        self.seq = 0
        self.time = 0
        self.head = ""
        self.set_aside: list[str] = []

    @staticmethod
    def open(folder: Path, readonly: bool = False) -> Ledger:
        """Reads the last file, sets a torn or unfinished tail aside (writers only), and stands at the end.

        Raises Problem `ledger_damaged` where a line before the tail cannot be read: that needs a person.
        """
        ledger = Ledger(folder, readonly=readonly)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = ledger_files(folder)
        if files:
            keep, last = _whole_prefix(files[-1])
            if last is None and len(files) > 1:
                last = _whole_prefix(files[-2])[1]
            if not readonly:
                ledger._cut_tail(files[-1], keep)
            ledger._size = keep
            if last is not None:
                ledger.seq, ledger.time, ledger.head = last.seq, last.time, last.hash
        if not readonly:
            ledger._open_file(files[-1] if files else folder / "000001.jsonl")
        return ledger

    def append(self, drafts: Sequence[LedgerEntry]) -> list[LedgerEntry]:
        """Numbers, chains, writes and syncs the entries: one write, one fdatasync. Returns them as they are on disk.

        Raises Problem `ledger_unavailable` where nothing was written (disk full, read-only), FatalStoreError where the
        sync failed, after which nobody can know what is on disk.
        """
        if self._readonly or self._dead:
            raise Problem(
                "ledger_readonly",
                "the ledger is open read-only",
                "restart the daemon: `mlops-tui daemon stop`",
                status=3,
            )
        if not drafts:
            return []
        entries, prev, time = [], self.head, self.time
        for number, draft in enumerate(drafts, start=self.seq + 1):
            time = max(time, draft.time or now_ms())
            entry = msgspec.structs.replace(draft, seq=number, time=time, prev=prev, hash="")
            entry.hash = prev = entry_hash(entry)
            entries.append(entry)
        block = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        before = (self._size, self.seq, self.time, self.head)
        self._write(block)
        self._before = before
        self.seq, self.time, self.head = entries[-1].seq, time, prev
        if self._size >= ROTATE_AT:
            self._rotate()
        return entries

    def take_back(self) -> None:
        """Removes what the last `append` wrote: nobody has been told of it, and the index could not keep it.

        Raises FatalStoreError where that is not possible; then nobody can know.
        """
        if self._before is None:
            raise FatalStoreError("the ledger went on to another file meanwhile")
        size, self.seq, self.time, self.head = self._before
        self._undo(size)
        self._sync()
        self._size, self._before = size, None

    def entries(self, after: int = 0) -> Iterator[LedgerEntry]:
        """The entries with a larger sequence number than `after`, in order; an unfinished tail is left out."""
        yield from read_entries(self._folder, after)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    # --- inside ---

    def _open_file(self, path: Path) -> None:
        new = not path.exists()
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._fd).st_size
        if new:
            fsync_dir(self._folder)

    def _rotate(self) -> None:
        number = int(ledger_files(self._folder)[-1].stem) + 1
        os.close(self._fd)
        self._open_file(self._folder / f"{number:06d}.jsonl")
        self._before = None

    def _write(self, block: bytes) -> None:
        start, view = self._size, memoryview(block)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            if (
                os.fstat(self._fd).st_size > start
            ):  # a disk that has turned read-only takes nothing back, and has to give nothing
                self._undo(start)
            raise Problem(
                "ledger_unavailable",
                f"the ledger in {self._folder} cannot be written: {error.strerror or error}; nothing was changed",
                "free some space (`df -h`), then try again",
                status=3,
            ) from error
        self._sync()
        self._size = start + len(block)

    def _sync(self) -> None:
        try:
            _datasync(self._fd)
        except OSError as error:
            self._dead = True
            raise FatalStoreError(f"fdatasync of the ledger failed: {error}") from error

    def _undo(self, size: int) -> None:
        """Takes a half-written block back, or stops all writing where that is not possible."""
        try:
            os.ftruncate(self._fd, size)
        except OSError as error:
            self._dead = True
            raise FatalStoreError(f"a half-written ledger block could not be taken back: {error}") from error

    def _cut_tail(self, path: Path, keep: int) -> None:
        """Moves what stands after the last whole command into `set-aside/`."""
        size = path.stat().st_size
        if size == keep:
            return
        with open(path, "rb") as file:
            file.seek(keep)
            tail = file.read()
        target = self._folder / "set-aside" / f"{path.stem}-{keep}-{now_ms()}.tail"
        write_atomic(target, tail)
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, keep)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.set_aside.append(str(target))


def read_entries(folder: Path, after: int = 0) -> Iterator[LedgerEntry]:
    """Whole commands only. Raises Problem `ledger_damaged` where a line before the tail cannot be read."""
    pending: list[LedgerEntry] = []
    files = ledger_files(folder)
    for position, path in enumerate(files):
        last_file = position == len(files) - 1
        for number, line in enumerate(_lines(path), start=1):
            entry = _decode(line)
            if entry is None:
                if last_file and _is_last(path, number):
                    break
                raise _damaged(path, number)
            if entry.seq > after:
                pending.append(entry)
            if not entry.more:
                yield from pending
                pending = []


def verify(folder: Path) -> list[Finding]:
    """Checks sequence, time order and the hash chain of the whole ledger; never raises for damage."""
    findings: list[Finding] = []
    seq, prev, time = 0, "", 0
    files = ledger_files(folder)
    for path in files:
        for number, line in enumerate(_lines(path), start=1):
            where = f"{path.name}:{number}"
            entry = _decode(line)
            if entry is None:
                if path == files[-1] and _is_last(path, number):
                    findings.append(Finding("warning", "ledger_torn", "a line cannot be read (torn tail)", where,
                                            "a torn tail is set aside at the next start"))  # fmt: skip
                else:
                    findings.append(_broken("a line cannot be read", where))
                continue
            if entry.seq != seq + 1:
                findings.append(_broken(f"sequence jumps from {seq} to {entry.seq}", where))
            if entry.prev != prev:
                findings.append(_broken(f"entry {entry.seq} does not continue the chain", where))
            if entry_hash(entry) != entry.hash:
                findings.append(_broken(f"entry {entry.seq} was changed after it was written", where))
            if entry.time < time:
                findings.append(_broken(f"entry {entry.seq} is older than the one before it", where))
            seq, prev, time = entry.seq, entry.hash, max(time, entry.time)
    return findings


def _broken(what: str, where: str) -> Finding:
    return Finding("error", "ledger_damaged", what, where, "restore the ledger from a backup")


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from file


def _is_last(path: Path, number: int) -> bool:
    return sum(1 for _ in _lines(path)) == number


def _decode(line: bytes) -> LedgerEntry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _damaged(path: Path, number: int) -> Problem:
    return Problem("ledger_damaged", f"{path}:{number}: the line cannot be read, and entries follow it",
                   "restore the ledger from a backup; `mlops-tui ledger verify` lists all damage")  # fmt: skip


def _whole_prefix(path: Path) -> tuple[int, LedgerEntry | None]:
    """The bytes of a file that hold whole commands, and the last entry in them."""
    keep, position, last = 0, 0, None
    for count, line in enumerate(_lines(path), start=1):
        position += len(line)
        entry = _decode(line)
        if entry is None:
            if _is_last(path, count):
                break
            raise _damaged(path, count)
        if not entry.more:
            keep, last = position, entry
    return keep, last


def _datasync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)
