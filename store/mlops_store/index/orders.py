"""Answers to "which runs, in which order", kept: a page is then a slice, wherever in the list it is.

An order holds the ids of all runs that a filter finds, ascending by (sort value, id) with those that have no value apart, so that both
directions and every window come from the same arrays. When runs change, only those are asked for again and put in their places.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.changes import Changes
from mlops_store.index.run_columns import RunColumns

Array = NDArray[Any]

MOST = 16
BUDGET = 32 << 20
"""Bytes that all kept orders may take together; the newest one is always kept. 100,000 runs take 4 MB, by name about 12 MB."""
_PATCHED = 200
"""More changed runs than this, and asking for all anew is cheaper."""
_AGE_LIFE = 1000
"""Milliseconds that an order stays good whose filter speaks of ages: they change by themselves."""


class Question(Protocol):
    """What is asked: equal questions have equal answers."""

    @property
    def ages(self) -> bool:
        """Whether the answer changes with the time."""

    @property
    def metrics(self) -> bool:
        """Whether the answer may change with a metric's values."""

    def ask(self, source: Any, now: int, run_ids: Sequence[str] | None) -> Order:
        """What is found among some runs or all of them."""

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class Order:
    """An answer. `keys` and `ids` ascend by (key, id); `rest` has the ids without a key, ascending. Ids are bytes of fixed width."""

    keys: Array
    ids: Array
    rest: Array
    version: int = 0
    made: int = 0

    def __len__(self) -> int:
        return len(self.ids) + len(self.rest)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, nearly."""
        texts = sum(map(sys.getsizeof, self.keys)) if self.keys.dtype == object else 0
        return int(self.keys.nbytes + self.ids.nbytes + self.rest.nbytes + texts)

    def key(self, place: int, *, descending: bool) -> int | float | str | None:
        """The sort value at a place; None for a run that has none. Raises IndexError outside of the order."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place >= len(self.ids):
            return None
        value = self.keys[len(self.ids) - 1 - place if descending else place]
        return value if isinstance(value, str) else value.item()

    def after(self, key: int | float | str | None, run_id: str, *, descending: bool) -> int:
        """The place of the first run that comes after (key, run), which need not be there itself. Raises ValueError where keys are not like it."""
        name = run_id.encode()
        if key is None:
            found = np.searchsorted(self.rest, np.bytes_(name), "left" if descending else "right")
            return len(self.ids) + int(len(self.rest) - found if descending else found)
        if len(self.keys) and isinstance(key, str) != isinstance(self.keys[0], str):
            raise ValueError(key)
        low, high = (int(np.searchsorted(self.keys, key, side)) for side in ("left", "right"))
        found = low + np.searchsorted(self.ids[low:high], np.bytes_(name), "left" if descending else "right")
        return int(len(self.ids) - found if descending else found)

    def window(self, offset: int, limit: int, *, descending: bool) -> list[str]:
        """The ids at these places; those without a key come last in both directions."""
        step = -1 if descending else 1
        first = self.ids[::step][offset : offset + limit]
        start = max(0, offset - len(self.ids))
        second = self.rest[::step][start : start + limit - len(first)]
        return [run_id.decode() for run_id in (*first.tolist(), *second.tolist())]


def arrange(ids: Array, keys: Array) -> Order:
    """An order of ids and sort values as a query gives them: ascending by (value, id), those without a value last and masked."""
    packed = np.array(ids, dtype="S") if len(ids) else np.array([], dtype="S32")
    missing = np.ma.getmaskarray(keys)
    return Order(np.asarray(keys)[~missing], packed[~missing], packed[missing])


def patch(order: Order, changed: Sequence[str], news: Order) -> Order:
    """The order after some runs changed: they leave their places, those that are still found (`news`) get their new ones."""
    gone = np.array(changed, dtype="S")
    keep, keep_rest = ~np.isin(order.ids, gone), ~np.isin(order.rest, gone)
    same = (
        np.array_equal(order.ids[~keep], news.ids)
        and np.array_equal(order.keys[~keep], news.keys)
        and np.array_equal(order.rest[~keep_rest], news.rest)
    )
    if same:
        return order
    keys, ids, rest = order.keys[keep], order.ids[keep], order.rest[keep_rest]
    places = [_place(keys, ids, key, run_id) for key, run_id in zip(news.keys, news.ids, strict=True)]
    width = np.promote_types(ids.dtype, news.ids.dtype)
    return replace(
        order,
        keys=np.insert(keys, places, news.keys) if places else keys,
        ids=np.insert(ids.astype(width, copy=False), places, news.ids) if places else ids,
        rest=np.sort(np.concatenate([rest, news.rest])) if len(news.rest) else rest,
    )


def _place(keys: Array, ids: Array, key: Any, run_id: bytes) -> int:
    low = int(np.searchsorted(keys, key, "left"))
    high = int(np.searchsorted(keys, key, "right"))
    return low + int(np.searchsorted(ids[low:high], run_id))


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    order: Order | None = None
    nbytes: int = 0


class Orders:
    """The orders of the last questions, for all reader threads of a daemon."""

    def __init__(self, changes: Changes, *, most: int = MOST, budget: int = BUDGET) -> None:
        self._changes = changes
        self._most = most
        self._budget = budget
        self._lock = threading.Lock()
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self.columns = RunColumns(changes)

    @property
    def nbytes(self) -> int:
        """Bytes that the kept orders take."""
        with self._lock:
            return sum(kept.nbytes for kept in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, source: Any, question: Question, now: int) -> Order:
        """The order of what a question finds now; `now` is UTC milliseconds. Raises what asking raises."""
        with self._lock:
            kept = self._kept.setdefault(question, _Kept())
            self._kept.move_to_end(question)
        with kept.lock:  # who asks the same at the same time waits for the one answer
            before = kept.order
            order = kept.order = self._current(source, question, now, before)
            if before is None or order.ids is not before.ids:
                kept.nbytes = order.nbytes
        self._make_room()
        return order

    def _current(self, source: Any, question: Question, now: int, order: Order | None) -> Order:
        version = self._changes.version  # before the query: it may see more than this, never less
        if order is not None and question.ages and not 0 <= now - order.made < _AGE_LIFE:
            order = None
        if order is not None and order.version == version:
            return order
        changed = None if order is None else self._changes.since(order.version, points=question.metrics)
        if order is None or changed is None or len(changed) > _PATCHED:
            return replace(question.ask(source, now, None), version=version, made=now)
        if changed:
            names = sorted(changed)
            order = patch(order, names, question.ask(source, now, names))
        return replace(order, version=version)

    def _make_room(self) -> None:
        with self._lock:
            size = sum(kept.nbytes for kept in self._kept.values())
            while len(self._kept) > 1 and (len(self._kept) > self._most or size > self._budget):
                _, gone = self._kept.popitem(last=False)
                size -= gone.nbytes
