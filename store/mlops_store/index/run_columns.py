"""What filters and sorts have asked of all runs, kept as arrays: who asks the same with other numbers costs arithmetic, and no pass over tables."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlops_store.index.changes import Changes

Array = NDArray[Any]
Mask = NDArray[np.bool_]
T = TypeVar("T")

BUDGET = 12 << 20
"""Bytes that the kept columns take together. Of 100,000 runs one takes 1.3 MB, or 0.1 where it only says which of them; all their ids besides 4.5 MB."""
_PATCHED = 200
"""More changed runs than this, and asking for all anew is cheaper."""


@dataclass(frozen=True)
class Trait:
    """Something that a run has, or is: `value` is an expression over `source`, which is what follows FROM and ends with a condition. `run` is the
    id in it, of a run at most once, and `value` is never NULL; without a value it is asked which runs there are, however often. `metrics`: it may change with points."""

    source: str
    params: tuple[Any, ...] = ()
    value: str = ""
    run: str = "r.run_id"
    metrics: bool = False


@dataclass(frozen=True)
class Column:
    """By the place of each run: whether it has the trait, and the value, which stands for nothing where it has not."""

    there: Mask
    values: Array

    @cached_property
    def finite(self) -> Mask:
        """Where there is a value to sort by."""
        found: Mask = self.there & np.isfinite(self.values)
        return found

    @cached_property
    def ranked(self) -> Array:
        """The places of the finite values, ascending by (value, id)."""
        places = np.flatnonzero(self.finite).astype(np.int32)
        ranked: Array = places[np.argsort(self.values[places], kind="stable")]
        return ranked

    @property
    def nbytes(self) -> int:
        """Bytes of memory, with all that it may come to keep."""
        if self.values is self.there:
            return int(self.there.nbytes)
        return int(self.values.nbytes + 2 * self.there.nbytes + 4 * len(self.there))


Get = Callable[[Trait], Column]


@dataclass(frozen=True)
class _Runs:
    """All runs: their ids, ascending, which gives each its place. A place stays a run's, also when it is gone. `hashes` are DuckDB's of the ids,
    ascending, at `places`: numbers take a third of the time that texts do."""

    ids: Array
    hashes: Array
    places: Array
    version: int

    def at(self, hashes: Array) -> tuple[Array, Mask]:
        """The places of runs by their hashes, and which of them are known."""
        near = np.minimum(np.searchsorted(self.hashes, hashes), max(0, len(self.hashes) - 1))
        known: Mask = self.hashes[near] == hashes if len(self.hashes) else np.zeros(len(hashes), bool)
        return self.places[near[known]], known

    def named(self, run_ids: Sequence[str]) -> tuple[Array, Mask]:
        """The same by their ids."""
        wanted = np.array(run_ids, dtype="S")
        near = np.minimum(np.searchsorted(self.ids, wanted), max(0, len(self.ids) - 1))
        known: Mask = self.ids[near] == wanted if len(self.ids) else np.zeros(len(wanted), bool)
        return near[known], known


class RunColumns:
    """For all reader threads; one of them at a time.

    What it answers is what a query would find now, as with `Orders`: before anything is used, the runs that have changed since it was asked for are
    asked for again.
    """

    def __init__(self, changes: Changes, budget: int = BUDGET) -> None:
        self._changes = changes
        self._budget = budget
        self._lock = threading.Lock()
        self._runs: _Runs | None = None
        self._columns: OrderedDict[Trait, tuple[Column, int]] = OrderedDict()
        """With the version of the changes up to which each holds."""

    @property
    def nbytes(self) -> int:
        """Bytes of the columns."""
        return sum(column.nbytes for column, _ in list(self._columns.values()))

    def ask(self, source: Any, work: Callable[[Array, Get], T]) -> T | None:
        """What `work` makes of the ids of all runs and of the columns that it gets, by place. None where two ids have the same hash: then the tables
        have to be asked. Raises what asking raises."""
        with self._lock:
            version = self._changes.version  # before the queries: they may see more than this, never less
            runs = self._follow(source, version)
            if runs is None:
                return None
            found = work(runs.ids, lambda trait: self._current(source, runs, trait, version))
            self._make_room()
            return found

    # --- inside ---

    def _follow(self, source: Any, version: int) -> _Runs | None:
        runs = self._runs
        if runs is not None and runs.version == version:
            return runs
        changed = None if runs is None else self._changes.since(runs.version)
        if runs is not None and changed is not None and len(changed) <= _PATCHED:
            names = sorted(changed)
            fresh = [name for name, known in zip(names, _known(runs, names), strict=True) if not known]
            # runs are made in the order of their ids, unless they come from elsewhere
            if not fresh or not len(runs.ids) or fresh[0].encode() > runs.ids[-1]:
                self._runs = replace(_with(source, runs, fresh) if fresh else runs, version=version)
                return self._distinct()
        self._columns.clear()
        found = source.columns("SELECT run_id, hash(run_id) AS h FROM runs ORDER BY run_id")
        ids = np.array(found["run_id"], dtype="S") if len(found["run_id"]) else np.array([], dtype="S32")
        hashes = np.asarray(found["h"], dtype=np.uint64)
        places = np.argsort(hashes).astype(np.int32)
        self._runs = _Runs(ids, hashes[places], places, version)
        return self._distinct()

    def _distinct(self) -> _Runs | None:
        runs = self._runs
        assert runs is not None
        if bool((runs.hashes[1:] == runs.hashes[:-1]).any()):
            self._runs = None
        return self._runs

    def _current(self, source: Any, runs: _Runs, trait: Trait, version: int) -> Column:
        column, seen = self._columns.get(trait, (None, 0))
        changed = None if column is None else self._changes.since(seen, points=trait.metrics)
        if column is None or changed is None or len(changed) > _PATCHED:
            column = _load(source, runs, trait)
        elif changed or len(column.there) < len(runs.ids):
            column = _patch(source, runs, trait, _padded(column, len(runs.ids)), sorted(changed))
        self._columns[trait] = column, version
        self._columns.move_to_end(trait)
        return column

    def _make_room(self) -> None:
        size = self.nbytes
        while size > self._budget and len(self._columns) > 1:
            size -= self._columns.popitem(last=False)[1][0].nbytes


def _known(runs: _Runs, run_ids: Sequence[str]) -> Mask:
    return runs.named(run_ids)[1] if run_ids else np.zeros(0, bool)


def _with(source: Any, runs: _Runs, fresh: Sequence[str]) -> _Runs:
    """With runs whose ids come after all others; it matters to nobody whether they are in the index, for then they have no trait."""
    found = source.columns("SELECT hash(id) AS h FROM (SELECT unnest(?::VARCHAR[]) AS id)", [list(fresh)])
    hashes = np.asarray(found["h"], dtype=np.uint64)
    ids = np.concatenate([runs.ids, np.array(fresh, dtype="S")])
    at = np.searchsorted(runs.hashes, hashes)
    order = np.argsort(hashes)
    places = np.arange(len(runs.ids), len(ids), dtype=np.int32)
    return replace(
        runs,
        ids=ids,
        hashes=np.insert(runs.hashes, at[order], hashes[order]),
        places=np.insert(runs.places, at[order], places[order]),
    )


def _load(source: Any, runs: _Runs, trait: Trait) -> Column:
    value = f", {trait.value} AS v" if trait.value else ""
    found = source.columns(f"SELECT hash({trait.run}) AS h{value} FROM {trait.source}", list(trait.params))
    places, known = runs.at(np.asarray(found["h"], dtype=np.uint64))
    there = np.zeros(len(runs.ids), bool)
    there[places] = True
    if not trait.value:
        return Column(there, there)
    read = np.asarray(found["v"])
    values = np.zeros(len(runs.ids), read.dtype)
    values[places] = read[known]
    return Column(there, values)


def _padded(column: Column, length: int) -> Column:
    """A column of its own, as long as there are runs."""
    there = np.zeros(length, bool)
    there[: len(column.there)] = column.there
    if column.values is column.there:
        return Column(there, there)
    values = np.zeros(length, column.values.dtype)
    values[: len(column.values)] = column.values
    return Column(there, values)


def _patch(source: Any, runs: _Runs, trait: Trait, column: Column, changed: Sequence[str]) -> Column:
    """The column, which is nobody else's, as these runs are now."""
    if not changed:
        return column
    value = f", {trait.value} AS v" if trait.value else ""
    found = source.columns(
        f"SELECT {trait.run} AS run_id{value} FROM {trait.source} AND {trait.run} IN ({', '.join('?' * len(changed))})",
        [*trait.params, *changed],
    )
    column.there[runs.named(changed)[0]] = False
    if len(found["run_id"]):
        places, known = runs.named(list(found["run_id"]))
        column.there[places] = True
        if trait.value:
            column.values[places] = np.asarray(found["v"])[known]
    return column
