"""Things to know of what the ledger speaks of, that many questions and commands need first of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlops_store.index.changes import Changes

T = TypeVar("T")
Ask = Callable[[str, Sequence[Any]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Fact(Generic[T]):
    """Something to know of a run, a project, …: of what ledger entries name as their subject, or in `run_id` or `name`, and of
    nothing that other entries could change.

    `load` gives what is known of some keys. With `noun` it gives it of all that there are, and only entries whose verb is of this noun change
    it: readers keep it until then.
    """

    load: Callable[[Ask, Sequence[str]], Mapping[str, T]]
    noun: str = ""


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
