"""Run folders into the index, exactly once: rows and the offsets that they came from are in the same transaction.

What is read depends on the files alone, never on when or in which order they were read.
"""

from __future__ import annotations

import copy
import logging
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from mlops_store.home import Home
from mlops_store.index import packs
from mlops_store.index.chunks import Extent
from mlops_store.index.database import Connection, insert, rows
from mlops_store.index.facts import JournalLine, write_facts, write_lines, write_offsets
from mlops_store.index.folder import Error, FolderFacts, Signature, read_folder, signature
from mlops_store.index.parse import parse_block
from mlops_store.index.points import LastValue, Points
from mlops_store.index.standing import Standing
from mlops_store.index.tail import Offset, Replaced, read_on
from mlops_store.journal import DROPPED
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder

LOG = logging.getLogger("mlops_store.index")

MAX_POINTS = 200_000
_ODD = (
    duckdb.DataError,
    duckdb.IntegrityError,
    duckdb.InvalidInputException,
    ValueError,
    TypeError,
    OverflowError,
)
"""What the index says of values that it cannot take."""

# a file as last seen: size, time of change and inode; only a hint that saves reading
_Seen = tuple[int, int, int]


@dataclass
class Batch:
    """What one transaction will write."""

    points: Points = field(default_factory=Points)
    lines: list[JournalLine] = field(default_factory=list)
    facts: list[tuple[FolderFacts, str]] = field(default_factory=list)
    findings: list[tuple[str, Error]] = field(default_factory=list)
    offsets: dict[tuple[str, str], Offset] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    odd: set[str] = field(default_factory=set)
    """Runs of which lines were dropped or could not be read, or a journal was replaced."""

    def write(self, con: Connection, known: Known) -> None:
        """All rows, in the transaction that is open."""
        self.points.write(con, known.values, known.extents)
        write_facts(con, self.facts)
        write_lines(con, self.lines, [facts for facts, _ in self.facts])
        insert(con, "errors", [error.row(run_id, "journal") for run_id, error in self.findings])
        write_offsets(con, list(self.offsets.values()))
        for key, offset in self.offsets.items():
            known.offsets.set(key, offset)


@dataclass
class Known:
    """What the index says of journals and metrics that grow: all of it is written by ingestion alone, so what it wrote it need not ask for."""

    offsets: Standing[Offset] = field(default_factory=Standing)
    values: Standing[LastValue] = field(default_factory=Standing)
    extents: Standing[Extent] = field(default_factory=Standing)

    @property
    def tables(self) -> tuple[Standing[Any], ...]:
        return (self.offsets, self.values, self.extents)


class Ingest:
    """Reads run folders on from where the index stands. Keeps in memory only what saves work: it may be lost at any time."""

    def __init__(self, home: Home, max_points: int = MAX_POINTS) -> None:
        self._home = home
        self._max_points = max_points
        self._records: dict[str, Signature] = {}
        self._files: dict[tuple[str, str], _Seen] = {}
        self._new_records: dict[str, Signature] = {}
        self._new_files: dict[tuple[str, str], _Seen] = {}
        self._known = Known()
        self._refused: set[str] = set()
        """Runs of which the index cannot take what they say: a program of later, or no program of ours, wrote it."""
        self._told_of: dict[str, str] = {}
        """Runs that could not be read, with what was said of them in the log."""
        self._live: set[str] = set()
        """Runs that had not ended when their records were last read: they are not packed."""
        self._new_states: dict[str, str] = {}
        self.more = False
        self.told: set[str] = set()
        """The runs of the last `take` that said something else than the values of metrics."""

    def take(self, con: Connection, run_dirs: Sequence[Path]) -> list[str]:
        """What is new in these folders, in a transaction. Returns the ids of the runs that changed; `more` and `told` go with it.

        A run that says what the index cannot take is told of and left out from then on, and costs the others nothing. Raises what the
        disk or the database raises; then nothing of the last transaction is there, and the caller rolls it back.
        """
        wanted = [path for path in run_dirs if path.name not in self._refused]
        con.execute("BEGIN")
        try:
            changed = self._read(con, wanted)
            con.execute("COMMIT" if changed else "ROLLBACK")
        except _ODD as error:
            self._clear()
            _rollback(con)
            return self._take_singly(con, wanted, error)
        except BaseException:
            self._clear()
            raise
        self._committed()
        return changed

    def _take_singly(self, con: Connection, run_dirs: Sequence[Path], error: Exception) -> list[str]:
        if len(run_dirs) == 1:
            run_id = run_dirs[0].name
            self._refused.add(run_id)
            reason = f"the index cannot take what it says: {str(error).partition(chr(10))[0]}"
            LOG.error("run %s is left out until the next daemon: %s", run_id, reason)
            con.execute("DELETE FROM errors WHERE origin = 'record' AND run_id = ?", [run_id])
            what = Error("record_damaged", reason, hint="`mlops-tui daemon logs`")
            insert(con, "errors", [what.row(run_id, "record")])
            self.more, self.told = False, {run_id}
            return [run_id]
        changed: list[str] = []
        more, told = False, set[str]()
        for path in run_dirs:
            changed += self.take(con, [path])
            more, told = more or self.more, told | self.told
        self.more, self.told = more, told
        return changed

    def _committed(self) -> None:
        """The transaction of the last `take` is durable: what it saw counts as seen."""
        for table in self._known.tables:
            table.commit()
        self._records.update(self._new_records)
        self._files.update(self._new_files)
        for run_id, state in self._new_states.items():
            (self._live.discard if state in ENDED else self._live.add)(run_id)
        self._clear()

    def release(self, run_id: str) -> None:
        """Drops what is standing of a run, for example when it has ended and was settled."""
        for table in self._known.tables:
            table.release(run_id)
        self._records.pop(run_id, None)
        self._told_of.pop(run_id, None)
        self._live.discard(run_id)
        for key in [key for key in self._files if key[0] == run_id]:
            del self._files[key]

    def _read(self, con: Connection, run_dirs: Sequence[Path]) -> list[str]:
        """Writes what is new in these folders, in the transaction that is open. Returns the ids of the runs that changed.

        Stops early, with `more` true, after about MAX_POINTS points. A folder that is gone is left out; so is, until the next time, what the
        system does not let read of one: that costs the other runs nothing.
        """
        self._clear()
        self.more = False
        folders = sorted((RunFolder(path) for path in set(run_dirs)), key=lambda folder: folder.run_id)
        deleted = self._deleted(con, [f.run_id for f in folders if f.run_id not in self._records])
        folders = [folder for folder in folders if folder.run_id not in deleted]
        due = {}
        for folder in folders:
            with self._own_fault(folder.run_id):
                due[folder.run_id] = self._due(folder)
        offsets = self._offsets(con, due)
        batch = Batch()
        for folder in folders:
            if batch.points.count >= self._max_points:
                self.more = True
                break
            if folder.run_id not in due:
                continue
            with self._own_fault(folder.run_id):
                if self._read_records(folder, batch):
                    # what was written before an end that these records tell of must be read with it: nobody looks again at a run that is over
                    due[folder.run_id] = self._due(folder)
                    offsets.update(self._offsets(con, {folder.run_id: due[folder.run_id]}))
            for path, seen in due[folder.run_id]:
                key = (folder.run_id, _file(path))
                offset = offsets.get(key) or Offset(*key)
                with self._own_fault(folder.run_id):
                    if self._read_journal(path, offset, batch):
                        self._new_files[(folder.run_id, path.name)] = seen
                    else:
                        self.more = True
        batch.write(con, self._known)
        self._new_states = {facts.run_id: facts.state for facts, _ in batch.facts}
        ended = {run_id for run_id, state in self._new_states.items() if state in ENDED}
        packs.update(con, batch.changed - (self._live - ended))
        self.told = (
            {facts.run_id for facts, _ in batch.facts} | {line.run_id for line in batch.lines} | batch.odd
        )
        return sorted(batch.changed)

    # --- inside ---

    def _clear(self) -> None:
        self._new_records, self._new_files, self._new_states = {}, {}, {}
        for table in self._known.tables:
            table.forget()

    @contextmanager
    def _own_fault(self, run_id: str) -> Iterator[None]:
        """What the system refuses to read of one run is told once, and tried again the next time."""
        try:
            yield
        except OSError as error:
            if self._told_of.get(run_id) != str(error):
                self._told_of[run_id] = str(error)
                LOG.error("run %s cannot be read, and is tried again: %s", run_id, error)

    def _home_path(self, folder: RunFolder) -> str:
        try:
            return self._home.relative(folder.path)
        except ValueError:
            return str(folder.path)

    def _due(self, folder: RunFolder) -> list[tuple[Path, _Seen]]:
        """The journals whose size, time or inode is not as it was, in the order of (attempt, writer)."""
        due = []
        for path in folder.journals(DROPPED):
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            seen = (status.st_size, status.st_mtime_ns, status.st_ino)
            if stat.S_ISREG(status.st_mode) and self._files.get((folder.run_id, path.name)) != seen:
                due.append((path, seen))
        return sorted(due, key=lambda item: (attempt_of(item[0].stem), item[0].stem))

    def _deleted(self, con: Connection, run_ids: list[str]) -> set[str]:
        """Those that the ledger says are deleted: a folder of theirs that is still (or again) in its place is not read."""
        if not run_ids:
            return set()
        sql = "SELECT run_id FROM runs WHERE deleted IS NOT NULL AND run_id IN (SELECT unnest(?::VARCHAR[]))"
        return {row["run_id"] for row in rows(con, sql, [run_ids])}

    def _offsets(
        self, con: Connection, due: dict[str, list[tuple[Path, _Seen]]]
    ) -> dict[tuple[str, str], Offset]:
        """How far the files that are due were read; those of which nothing was read are left out."""
        known = self._known.offsets
        keys = [(run_id, _file(path)) for run_id, files in due.items() for path, _ in files]
        found = {key: copy.copy(offset) for key in keys if (offset := known.get(key)) is not None}
        run_ids = sorted({key[0] for key in keys if key not in found})
        if run_ids:
            sql = "SELECT * FROM offsets WHERE run_id IN (SELECT unnest(?::VARCHAR[]))"
            for row in rows(con, sql, [run_ids]):
                found[row["run_id"], row["file"]] = Offset(**row)
        return found

    def _read_records(self, folder: RunFolder, batch: Batch) -> bool:
        """Reads spec and attempts where they changed; False where they did not."""
        now = signature(folder)
        if not now or self._records.get(folder.run_id) == now:
            return False
        batch.facts.append((read_folder(folder), self._home_path(folder)))
        self._new_records[folder.run_id] = now
        batch.changed.add(folder.run_id)
        return True

    def _read_journal(self, path: Path, offset: Offset, batch: Batch) -> bool:
        """Reads one file on. False where there is more to read than this batch takes."""
        if path.suffix == DROPPED:
            offset.dropped = _count_of(path.stem)
            batch.offsets[(offset.run_id, offset.file)] = offset
            batch.changed.add(offset.run_id)
            batch.odd.add(offset.run_id)
            return True
        if offset.replaced:
            return True
        while True:
            if batch.points.count >= self._max_points:
                return False
            try:
                block = read_on(path, offset)
            except FileNotFoundError:
                return True
            except Replaced:
                batch.offsets[(offset.run_id, offset.file)] = offset
                batch.changed.add(offset.run_id)
                batch.odd.add(offset.run_id)
                if offset.lines <= 1:  # nothing but the header was taken from it: reading it anew is safe
                    offset.restart()
                    continue
                offset.replaced = True
                batch.findings.append((offset.run_id, _replaced(offset)))
                return True
            if not block:
                return True
            _take(block, path.stem, offset, batch)


def _rollback(con: Connection) -> None:
    with suppress(duckdb.TransactionException):  # the failure has already ended it
        con.execute("ROLLBACK")


def _file(path: Path) -> str:
    """A journal as the index names it."""
    return f"journal/{path.name}"


def attempt_of(writer: str) -> int:
    """The attempt in a journal's name, `<attempt>-<host>-<pid>-<rand>`; 0 where it has none."""
    head = writer.split("-", 1)[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) <= 9 else 0


def _count_of(mark: str) -> int:
    """The number in the name of a mark, `<writer>.<n>`; 0 where it has none."""
    count = mark.rpartition(".")[2]
    return int(count) if count.isascii() and count.isdigit() and len(count) <= 12 else 0


def _take(block: bytes, writer: str, offset: Offset, batch: Batch) -> None:
    """Adds the lines of a block to the batch and moves the counts of the offset."""
    parsed = parse_block(block, offset.lines + 1)
    attempt = attempt_of(writer)
    batch.points.add(offset.run_id, attempt, writer, parsed.metrics, parsed.metric_lines)
    batch.lines += [
        JournalLine(offset.run_id, attempt, writer, number, line) for number, line in parsed.others
    ]
    offset.lines += parsed.lines
    offset.bad_lines += parsed.bad
    offset.unknown_lines += parsed.unknown
    offset.dropped += parsed.dropped
    batch.offsets[(offset.run_id, offset.file)] = offset
    batch.changed.add(offset.run_id)
    if parsed.bad or parsed.unknown or parsed.dropped:
        batch.odd.add(offset.run_id)


def _replaced(offset: Offset) -> Error:
    return Error(
        code="journal_replaced",
        message=f"{offset.file} is not the file that was read before; what was read of it is kept, nothing more is read",
        attempt=attempt_of(offset.file.rsplit("/", 1)[-1]),
        hint="`mlops-tui rebuild` takes the file as it is now",
        file=offset.file,
    )
