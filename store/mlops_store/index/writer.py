"""The one writer of ledger and index.

A group of commands runs in one index transaction. Then all their ledger lines are written with one write and one fdatasync, then the
transaction commits, then the callers hear of it. A process that dies before the sync has acknowledged nothing; one that dies after it
finds the entries in the ledger when it opens the index again, and applies them.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_store.index import apply as applying
from mlops_store.index import packs
from mlops_store.index.changes import Changes
from mlops_store.index.database import Connection, Database
from mlops_store.index.disk import commit_refused, files_refused, index_unavailable, refused_by_disk
from mlops_store.index.fact import KeptFacts, Remembered
from mlops_store.index.group import Group
from mlops_store.index.ingest import Ingest
from mlops_store.index.kept_rows import KeptRows
from mlops_store.index.keys import KnownKeys
from mlops_store.index.orders import Orders
from mlops_store.index.run_fields import KeptFields
from mlops_store.index.tx import Read, Tx
from mlops_store.ledger import FatalStoreError, Ledger
from mlops_store.records import LedgerEntry

LOG = logging.getLogger("mlops_tui.daemon")

_REPLAY_GROUP = 500
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG})


@dataclass
class Command:
    """A write that somebody asked for. `key` is its idempotency key: a second command with the same key gets the first one's reply.
    `about` names a run, where it is known before which one it is about: its facts are read with those of the others."""

    fn: Callable[[Tx], Any]
    actor: str
    key: str = ""
    about: str = ""


@dataclass
class Result:
    """What became of a command. Just one of `problem` and `value` counts; a replayed value is plain data, not a struct, and `stored` says
    that it is in the ledger already, not of a command of the same group.

    `error` is an exception that is no Problem: a fault of the program, with nothing changed.
    """

    value: Any = None
    problem: Problem | None = None
    error: Exception | None = None
    replayed: bool = False
    stored: bool = False
    entries: list[LedgerEntry] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.problem is None and self.error is None

    def unwrap(self) -> Any:
        """The value; raises what went wrong."""
        if self.problem is not None:
            raise self.problem
        if self.error is not None:
            raise self.error
        return self.value


class Writer:
    """Owns the ledger and the only writing connection. All its methods belong to one thread.

    `checkpoint` is called with the name of each step that was reached ("applied", "appended", "committed"): tests kill the process there.
    """

    def __init__(
        self, home: Home, database: Database, ledger: Ledger, checkpoint: Callable[[str], None] | None = None
    ) -> None:
        self.home = home
        self.database = database
        self.ledger = ledger
        self._con = database.cursor()
        self._checkpoint = checkpoint or (lambda _name: None)
        self._ingest = Ingest(home)
        self._keys: KnownKeys | None = None  # until somebody gives one
        self.changes = Changes()
        self._orders = Orders(self.changes)
        self._fields = KeptFields(self.changes)
        self._kept = KeptRows(self.changes)
        self._known = KeptFacts(self.changes)
        self._remembered = Remembered()

    @staticmethod
    def open(home: Home, checkpoint: Callable[[str], None] | None = None) -> Writer:
        """Opens ledger and index of a home, and brings the index up to the ledger. Raises Problem as Database and Ledger do."""
        with ExitStack() as opened:
            ledger = Ledger.open(home.ledger)
            opened.callback(ledger.close)
            database = Database.open(home.index, fill=packs.FILL)
            opened.callback(database.close)
            writer = Writer(home, database, ledger, checkpoint)
            writer.recover()
            opened.pop_all()
        return writer

    @property
    def more(self) -> bool:
        """True where the last `ingest` stopped at its limit: call it again."""
        return self._ingest.more

    def reader(self) -> Read:
        """A reader for one other thread."""
        return Read(
            self.home,
            self.database.cursor(),
            orders=self._orders,
            fields=self._fields,
            kept=self._kept,
            known=self._known,
        )

    def execute(self, commands: Sequence[Command]) -> list[Result]:
        """Runs the commands in order, as one group; each sees the effects of those before it.

        A command that fails changes nothing and does not touch the others. Raises FatalStoreError where the disk failed in a way
        that leaves the outcome unknown: the process must then stop writing and exit.
        """
        results = [Result() for _ in commands]
        left = list(range(len(commands)))
        now, singly = now_ms(), False
        while True:
            about = [commands[number].about for number in left if commands[number].about]
            group = Group(self._con, self.ledger, self._remembered, about, singly=singly)
            self._con.execute("BEGIN")
            try:
                bad = self._run(commands, left, results, group, now)
            except BaseException:
                self._rollback()
                raise
            if bad is None and not group.unclear:
                break
            # there are no savepoints: what the failed command had appended goes by running the others again without it
            self._rollback()
            if group.unclear:
                singly = True
            elif bad is not None:
                left.remove(bad)
        if not group.drafts:
            self._rollback()
            group.remember()
            return results
        self._commit(left, results, group)
        return results

    def ingest(self, run_dirs: Sequence[Path]) -> list[str]:
        """Reads what is new in the run folders. Returns the ids of the runs that changed.

        Raises Problem `index_unavailable` where the index cannot be written; nothing is lost, the files are still there.
        """
        try:
            changed = self._ingest.take(self._con, run_dirs)
        except BaseException as error:
            self._rollback()
            if refused_by_disk(error):
                raise index_unavailable(error) from error
            raise
        told = self._ingest.told
        self._remembered.drop(told.union(changed))
        self.changes.note(told)
        self.changes.note(set(changed) - told, points_only=True)
        return changed

    def recover(self) -> int:
        """Applies the ledger entries that the index does not have. Returns their number.

        Raises Problem `index_unavailable` where the disk takes nothing, `index_ahead` where the index has entries that the ledger has not, or others: then it must be rebuilt.
        """
        applied, known = applying.newest(self._con)
        self._compare_heads(applied, known)
        pending: list[LedgerEntry] = []
        count = 0
        for entry in self.ledger.entries(after=applied):
            pending.append(entry)
            if len(pending) >= _REPLAY_GROUP and not entry.more:
                count += self._replay(pending)
                pending = []
        return count + self._replay(pending)

    def close(self) -> None:
        """Closes all; the index is checkpointed by the closing."""
        self._con.close()
        self.database.close()
        self.ledger.close()

    # --- inside ---

    def _run(
        self, commands: Sequence[Command], left: list[int], results: list[Result], group: Group, now: int
    ) -> int | None:
        """Runs the commands that are left. Returns the number of one whose effects must be taken back, or None; where the group is
        `unclear` all have to be run again, one by one."""
        stored = self._replies([commands[number].key for number in left])
        group.replies = dict(stored)
        for number in left:
            command, result, first = commands[number], Result(), len(group.drafts)
            results[number] = result
            tx = Tx(self.home, group, command.actor, now)
            try:
                if command.key in group.replies:
                    result.value, result.replayed = group.replies[command.key], True
                    result.stored = command.key in stored
                    continue
                result.value = command.fn(tx)
                group.seal(first, command.key, result.value)
                group.counts[number] = len(group.drafts) - first
            except Problem as problem:
                result.value, result.problem = None, problem
            except OSError as error:
                result.value = None
                if error.errno in _DISK:
                    result.problem = files_refused(error)
                else:
                    result.error = error
            except Exception as error:  # noqa: BLE001 - a fault in one command must not take the writer down; its caller gets it
                result.value, result.error = None, error
            if group.unclear or (not result.ok and (group.broken or len(group.drafts) > first)):
                return number
        try:
            group.finish()
        except Exception:
            if not group.unclear:
                raise
            # the group is run again one by one, and whose it is gets it
            LOG.exception("entries that were checked could not be applied")
        return None

    def _replies(self, keys: Sequence[str]) -> dict[str, Any]:
        """What was answered to the keys that are known."""
        if self._keys is None and any(keys):
            self._keys = KnownKeys(self._con)
        return self._keys.replies(self._con, keys) if self._keys is not None else {}

    def _commit(self, left: list[int], results: list[Result], group: Group) -> None:
        self._checkpoint("applied")
        try:
            entries = self.ledger.append(group.drafts)
        except Problem as problem:
            self._rollback()
            self._refuse(left, results, problem)
            return
        except OSError as error:
            raise FatalStoreError(f"the ledger failed after a write: {error}") from error
        self._checkpoint("appended")
        try:
            if [(e.seq, e.time) for e in entries] != [(e.seq, e.time) for e in group.drafts]:
                raise FatalStoreError("the ledger numbered the entries in another way than the index")
            applying.record(self._con, entries)
            self._con.execute("COMMIT")
        except duckdb.Error as error:
            if not refused_by_disk(error):
                raise FatalStoreError(f"the index could not commit what the ledger has: {error}") from error
            self._rollback()
            self.ledger.take_back()
            self._refuse(left, results, commit_refused(error))
            return
        self._checkpoint("committed")
        group.remember()
        if self._keys is not None:
            self._keys.add(entry.key for entry in entries)
        self.changes.note_entries(entries)
        for entry in entries:
            if entry.verb == "run.delete":  # its rows are gone: a restored folder is read from its first line
                self._ingest.release(entry.subject)
        position = 0
        for number in left:
            count = group.counts.get(number, 0)
            results[number].entries = entries[position : position + count]
            position += count

    def _refuse(self, left: list[int], results: list[Result], problem: Problem) -> None:
        """Nothing of the group was done, apart from what had been answered to its keys before it."""
        for number in left:
            if results[number].ok and not results[number].stored:
                results[number] = Result(problem=problem)

    def _compare_heads(self, applied: int, known: str) -> None:
        if applied == 0:
            return
        entry = next(iter(self.ledger.entries(after=applied - 1)), None)
        if entry is None or entry.hash != known:
            raise Problem(
                "index_ahead",
                f"the index has applied {applied} ledger entries that are not those in {self.home.ledger}",
                "`mlops-tui rebuild` makes the index from the ledger as it is now",
            )

    def _replay(self, entries: list[LedgerEntry]) -> int:
        if not entries:
            return 0
        self._con.execute("BEGIN")
        try:
            replay(self._con, entries)
            self._con.execute("COMMIT")
        except BaseException as error:
            self._rollback()
            if refused_by_disk(error):
                raise index_unavailable(error) from error
            raise
        return len(entries)

    def _rollback(self) -> None:
        try:
            self._con.execute("ROLLBACK")
        except duckdb.TransactionException:
            return  # the failure has already ended the transaction


def replay(con: Connection, entries: Sequence[LedgerEntry]) -> None:
    """Applies entries that are in the ledger: the same rows as when they were first made."""
    applying.apply_all(con, entries)
    packs.follow(con, entries)
    applying.record(con, entries)
