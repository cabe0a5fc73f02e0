"""What is seen of the index: by a reader, and by a command in the writer's transaction."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from numpy.typing import NDArray

from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_store.index.database import Connection, one, rows
from mlops_store.index.fact import Fact, KeptFacts
from mlops_store.index.group import Group
from mlops_store.index.kept_rows import KeptRows
from mlops_store.index.orders import Orders
from mlops_store.index.run_fields import KeptFields
from mlops_store.records import LedgerEntry
from mlops_store.redact import redact_text

T = TypeVar("T")


class Read:
    """A reader's view: a cursor of its own, for one thread. Sees what is committed."""

    def __init__(
        self,
        home: Home,
        con: Connection,
        now: int | None = None,
        orders: Orders | None = None,
        fields: KeptFields | None = None,
        kept: KeptRows | None = None,
        known: KeptFacts | None = None,
    ) -> None:
        self.home = home
        self.orders = orders
        """What all readers keep together, none outside of a daemon: the order of runs, the names that they use, single runs, and facts."""
        self.fields = fields
        self.kept = kept
        self.known = known
        self.actor = ""
        """Who asks, where that matters."""
        self._con = con
        self._now = now

    def by(self, actor: str) -> Read:
        """The same reader, on behalf of someone."""
        made = copy.copy(self)
        made.actor = actor
        return made

    @property
    def now(self) -> int:
        """UTC milliseconds; fixed where the reader was made with a time."""
        return now_ms() if self._now is None else self._now

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query, as dicts."""
        return rows(self._con, sql, params)

    def one(self, sql: str, params: Sequence[Any] = ()) -> dict[str, Any] | None:
        """The first row, or None."""
        return one(self._con, sql, params)

    def fact(self, fact: Fact[T], key: str) -> T | None:
        """What is to know of a key; None where there is nothing."""
        return (self.all(fact) if fact.noun else fact.load(self.rows, [key])).get(key)

    def all(self, fact: Fact[T]) -> Mapping[str, T]:
        """All that there is to know, of a fact with a noun."""
        return self.known.get(fact, self.rows) if self.known is not None else fact.load(self.rows, [])

    def columns(self, sql: str, params: Sequence[Any] = ()) -> dict[str, NDArray[Any]]:
        """The same as an array for each column, masked where it has NULLs: for many rows."""
        found: dict[str, NDArray[Any]] = self._con.execute(sql, list(params)).fetchnumpy()
        return found

    def close(self) -> None:
        self._con.close()

    def __enter__(self) -> Read:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tx:
    """One command's transaction in the writer thread. A command is a function of this and nothing else: it may be run again."""

    def __init__(self, home: Home, group: Group, actor: str, now: int) -> None:
        self.home = home
        self.actor = actor
        self.now = now
        self._group = group
        self._first = len(group.drafts)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query inside the transaction: with the effects of what was appended before."""
        return self._group.rows(sql, params)

    def one(self, sql: str, params: Sequence[Any] = ()) -> dict[str, Any] | None:
        """The first row, or None."""
        found = self.rows(sql, params)
        return found[0] if found else None

    def fact(self, fact: Fact[T], key: str) -> T | None:
        """What is to know of a key; None where there is nothing."""
        return self.facts(fact, [key]).get(key)

    def facts(self, fact: Fact[T], keys: Iterable[str]) -> dict[str, T]:
        """What is to know of some keys, read at once for all commands of the group that are about something; those of which there is
        nothing are left out."""
        return self._group.facts(fact, keys)

    def append(self, verb: str, subject: str, data: dict[str, Any], why: str = "") -> int:
        """One decision: goes to the ledger when the group commits; what is asked of the index from now on has its effects. Returns its
        sequence number.

        Raises Problem `bad_entry` where the payload lacks what the verb needs, or cannot be written as JSON.
        """
        return self._group.append(self.actor, self.now, verb, subject, data, redact_text(why))

    @property
    def appended(self) -> list[LedgerEntry]:
        """What this command has appended so far (without the hashes, which come with the commit)."""
        return self._group.drafts[self._first :]
