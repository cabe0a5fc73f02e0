"""Commands that will be committed together: their entries, not yet on disk, and what they ask of the index in common.

A statement costs the index about as much for eight commands as for one. So entries are applied when somebody next looks at the index, or at
the end, with those that may be taken together in one statement; and a fact that each command needs about its own run or project is read once
for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import duckdb
import msgspec

from mlops_store.errors import Problem
from mlops_store.index import apply as applying
from mlops_store.index import packs
from mlops_store.index.database import Connection, rows
from mlops_store.index.fact import Fact, Remembered
from mlops_store.index.payload import check, json_text
from mlops_store.ledger import Ledger
from mlops_store.records import LedgerEntry

T = TypeVar("T")


@dataclass
class _Seen:
    """What was read: None for a key of which there is nothing, and which keys were written about since."""

    values: dict[str, Any] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    whole: bool = False

    def follow(self, fact: Fact[Any], names: set[str], entry: LedgerEntry) -> None:
        """An entry was written about these keys."""
        for key in names:
            value = self.values.get(key)
            if fact.after is not None and value is not None and key not in self.stale:
                value = self.values[key] = fact.after(value, entry)
            else:
                value = None
            if value is None:
                self.stale.add(key)


class Group:
    """One transaction's worth of commands. With `singly`, entries are applied as they come: then it is known whose cannot be."""

    def __init__(
        self,
        con: Connection,
        ledger: Ledger,
        remembered: Remembered,
        about: Iterable[str] = (),
        *,
        singly: bool = False,
    ) -> None:
        self.seq = ledger.seq
        self.time = ledger.time
        self.drafts: list[LedgerEntry] = []
        self.counts: dict[int, int] = {}  # entries of each command
        self.replies: dict[str, Any] = {}  # by idempotency key: in the index when the group is
        self.broken = False  # the transaction is over: nothing of it can be kept
        self.unclear = False  # entries could not be applied, and whose is not known
        self._con = con
        self._about = set(about)
        self._singly = singly
        self._waiting: list[LedgerEntry] = []
        self._facts: dict[Fact[Any], _Seen] = {}
        self._remembered = remembered
        self._named: set[str] = set()  # keys that were written about

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query, with the effects of all that was appended."""
        self.flush()
        try:
            return rows(self._con, sql, params)
        except duckdb.Error:
            self.broken = True
            raise

    def facts(self, fact: Fact[T], keys: Iterable[str]) -> dict[str, T]:
        """What is to know of some keys; those of which there is nothing are left out."""
        asked = set(keys)
        seen, needed = self._facts.setdefault(fact, _Seen()), asked
        if fact.after is not None:
            needed = asked | self._about
            for key in needed - seen.values.keys() - self._named:
                if (known := self._remembered.get(fact, key)) is not None:
                    seen.values[key] = known
        if not asked.isdisjoint(seen.stale) or not (seen.whole or needed <= seen.values.keys()):
            wanted = sorted((asked | self._about | self._recent(fact)) - (seen.values.keys() - seen.stale))
            found = fact.load(self.rows, wanted)
            if fact.noun:
                seen = self._facts[fact] = _Seen(whole=True)
            seen.values |= {**dict.fromkeys(wanted), **found}
            seen.stale.difference_update(wanted)
        return {key: seen.values[key] for key in asked if seen.values.get(key) is not None}

    def _recent(self, fact: Fact[Any]) -> set[str]:
        """What is likely to be asked for next, where nothing has been yet."""
        if not fact.recent or self._remembered.has(fact):
            return set()
        return {key for row in self.rows(fact.recent) for key in row.values()}

    def append(self, actor: str, now: int, verb: str, subject: str, data: dict[str, Any], why: str) -> int:
        entry = LedgerEntry(
            seq=self.seq + len(self.drafts) + 1,
            time=max(self.time, now),
            actor=actor,
            verb=verb,
            subject=subject,
            data=_as_on_disk(verb, data),
            why=why,
        )
        check(verb, entry.data)
        self.time = entry.time
        self.drafts.append(entry)
        self._waiting.append(entry)
        names = {subject, str(entry.data.get("run_id")), str(entry.data.get("name"))}
        self._named |= names
        for fact, seen in self._facts.items():
            seen.follow(fact, names, entry)
        if self._singly:
            self.flush()
        return entry.seq

    def flush(self) -> None:
        """Applies what was appended."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        self.unclear = not self._singly
        try:
            applying.apply_all(self._con, waiting)
        except duckdb.Error:
            self.broken = True
            raise
        self.unclear = False

    def finish(self) -> None:
        """Nothing more comes: packs the runs that were written about. What can fail has failed before the ledger has it."""
        if self._singly:
            return  # `seal` has packed those of each command
        self.flush()
        self.unclear = True
        packs.follow(self._con, self.drafts)
        self.unclear = False

    def remember(self) -> None:
        """What was read and written is as it was seen, now that all of it is committed: the next group need not ask for it."""
        self._remembered.drop(self._named)
        for fact, seen in self._facts.items():
            if fact.after is not None:
                for key in seen.values.keys() - seen.stale:
                    if (value := seen.values[key]) is not None:
                        self._remembered.put(fact, key, value)

    def seal(self, first: int, key: str, value: Any) -> None:
        """Ends a command: marks what belongs together, and leaves the reply with the last entry."""
        own = self.drafts[first:]
        if not own:
            return
        if self._singly:
            packs.follow(self._con, own)
        for entry in own[:-1]:
            entry.more = True
        last = own[-1]
        last.key = key
        if key:
            last.reply = self.replies[key] = msgspec.json.decode(msgspec.json.encode(value))


def _as_on_disk(verb: str, data: dict[str, Any]) -> dict[str, Any]:
    """The payload as a later reader will find it, so that applying it now and then is the same."""
    try:
        plain = msgspec.json.decode(json_text(data))
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise Problem(
            "bad_entry",
            f"ledger entry {verb} cannot be written: {error}",
            "this is an error in the program: nothing was changed",
        ) from error
    if not isinstance(plain, dict):
        raise Problem(
            "bad_entry",
            f"ledger entry {verb} needs an object",
            "this is an error in the program: nothing was changed",
        )
    return plain
