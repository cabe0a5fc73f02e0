"""Things to know of what the ledger speaks of, that many questions and commands need first of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlops_store.index.changes import Changes
from mlops_store.records import LedgerEntry

T = TypeVar("T")
Ask = Callable[[str, Sequence[Any]], list[dict[str, Any]]]


_BUDGET = 4 << 20
"""Bytes of facts that the writer remembers, as `size` says."""


@dataclass(frozen=True, eq=False)
class Fact(Generic[T]):
    """Something to know of a run, a project, …: of what ledger entries name as their subject, or in `run_id` or `name`, and of
    nothing that other entries could change.

    `load` gives what is known of some keys. With `noun` it gives it of all that there are, and only entries whose verb is of this noun change
    it: readers keep it until then.

    With `after` the writer remembers it from one group of commands to the next: it gives what is known of a key after an entry that names
    the key, or None where that has to be asked. What ingestion changes it may hold, by run. `size` is about how many bytes it takes. `recent` asks
    for the keys, in one column, that are likely to be asked for: theirs is read along with the first.
    """

    load: Callable[[Ask, Sequence[str]], Mapping[str, T]]
    noun: str = ""
    after: Callable[[T, LedgerEntry], T | None] | None = None
    size: Callable[[T], int] = lambda _value: 1000
    recent: str = ""


class KeptFacts:
    """Facts with a noun, for all reader threads. Whoever gets one must not change it."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._known: dict[Fact[Any], tuple[int, Mapping[str, Any]]] = {}

    def get(self, fact: Fact[T], ask: Ask) -> Mapping[str, T]:
        """All that there is, as it was committed."""
        at = self._changes.entries_of(
            fact.noun
        )  # before asking: what is committed meanwhile makes this an old answer
        known = self._known.get(fact)
        if known is None or known[0] != at:
            known = self._known[fact] = (at, fact.load(ask, []))
        return known[1]


class Remembered:
    """Facts with `after`, of the keys that were last asked for, as they were committed. For the writer alone."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._budget = budget
        self._size = 0
        self._known: dict[
            str, dict[Fact[Any], tuple[Any, int]]
        ] = {}  # by key, the one used longest ago first
        self._facts: set[Fact[Any]] = set()

    def has(self, fact: Fact[Any]) -> bool:
        """Whether anything of it was ever remembered."""
        return fact in self._facts

    def get(self, fact: Fact[T], key: str) -> T | None:
        """None where it is not remembered."""
        found = self._known.get(key, {}).get(fact)
        return found[0] if found else None

    def put(self, fact: Fact[T], key: str, value: T) -> None:
        """Remembers it in the place of what was known."""
        self._facts.add(fact)
        size = fact.size(value)
        facts = self._known.pop(key, {})
        self._size += size - facts.get(fact, (None, 0))[1]
        facts[fact] = (value, size)
        self._known[key] = facts
        while self._size > self._budget:
            self.drop([next(iter(self._known))])

    def drop(self, keys: Iterable[str]) -> None:
        """Anything about these keys may have changed."""
        for key in keys:
            self._size -= sum(size for _, size in self._known.pop(key, {}).values())
