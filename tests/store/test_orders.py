"""The kept order of runs against a list that is sorted anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.index.changes import Changes
from mlops_store.index.orders import Order, Orders, arrange
from mlops_store.records import LedgerEntry

Key = float | str | None


class Table:
    """Runs with a key each, and the question for all of them that are shown."""

    ages = False
    metrics = True

    def __init__(self, text: bool = False) -> None:
        self.keys: dict[str, Key] = {}
        self.text = text
        self.asked: list[int | None] = []

    def ask(self, source: Any, now: int, run_ids: Sequence[str] | None) -> Order:
        self.asked.append(None if run_ids is None else len(run_ids))
        found = [item for item in self.ascending() if run_ids is None or item[0] in run_ids]
        keys = np.ma.masked_array(
            [("" if self.text else 0) if key is None else key for _, key in found],
            [key is None for _, key in found],
            dtype=object if self.text else np.float64,
        )
        return arrange(np.array([run_id for run_id, _ in found], dtype=object), keys)

    def ascending(self) -> list[tuple[str, Key]]:
        there = [item for item in self.keys.items() if item[1] is not None]
        missing = [item for item in self.keys.items() if item[1] is None]
        return sorted(there, key=lambda item: (item[1], item[0])) + sorted(missing)

    def listed(self, descending: bool) -> list[str]:
        """Brute force: what `ORDER BY key, id NULLS LAST` gives, in either direction."""
        there = [run_id for run_id, key in self.ascending() if key is not None]
        missing = [run_id for run_id, key in self.ascending() if key is None]
        return there[::-1] + missing[::-1] if descending else there + missing


def run_id(number: int) -> str:
    return f"{number:032x}"


CHANGE = st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(-3, 3), st.just("gone")))


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(st.lists(CHANGE, max_size=6), max_size=8), st.data())
def test_an_order_that_is_patched_is_the_order_made_anew(
    text: bool, steps: list[list[Any]], data: st.DataObject
) -> None:
    table, changes = Table(text), Changes()
    orders = Orders(changes)
    for number in range(0, 30, 3):
        table.keys[run_id(number)] = ("a" if text else 1.0) if number % 2 else None
    for step in steps:
        for number, key in step:
            if key == "gone":
                table.keys.pop(run_id(number), None)
            else:
                table.keys[run_id(number)] = (
                    None if key is None else f"name {key}" if text else float(key) / 2
                )
        changes.note(run_id(number) for number, _ in step)
        order = orders.of(None, table, 0)
        assert len(order) == len(table.keys)
        descending = data.draw(st.booleans())
        offset, limit = data.draw(st.integers(0, 35)), data.draw(st.integers(1, 35))
        assert (
            order.window(offset, limit, descending=descending)
            == table.listed(descending)[offset : offset + limit]
        )
        for place, name in enumerate(table.listed(descending)):
            assert order.key(place, descending=descending) == table.keys[name]
    assert all(asked is not None for asked in table.asked[1:]), "small changes are never asked for as a whole"


def test_windows_at_the_edges() -> None:
    order = arrange(
        np.array(["a", "b", "c"], dtype=object), np.ma.masked_array([1, 2, 0], [False, False, True])
    )
    assert order.window(0, 10, descending=False) == ["a", "b", "c"]
    assert order.window(0, 10, descending=True) == ["b", "a", "c"]
    assert order.window(2, 1, descending=True) == ["c"]
    assert order.window(1, 1, descending=False) == ["b"]
    assert order.window(3, 5, descending=False) == order.window(10**12, 5, descending=True) == []
    empty = arrange(np.array([], dtype=object), np.array([], dtype=np.float64))
    assert len(empty) == 0 and empty.window(0, 5, descending=True) == []
    with pytest.raises(IndexError):
        empty.key(0, descending=False)


def test_nothing_is_asked_while_nothing_changes() -> None:
    table, changes = Table(), Changes()
    orders = Orders(changes)
    table.keys = {run_id(number): float(number) for number in range(1000)}
    first = orders.of(None, table, 0)
    assert orders.of(None, table, 5) is first and table.asked == [None]
    changes.note([run_id(4)])
    again = orders.of(None, table, 6)
    assert again.ids is first.ids, "what changed without moving leaves the arrays as they are"
    assert table.asked == [None, 1]


def test_metrics_alone_do_not_touch_an_order_that_has_none() -> None:
    table, changes = Table(), Changes()
    table.metrics = False
    orders = Orders(changes)
    table.keys = {run_id(1): 1.0}
    orders.of(None, table, 0)
    changes.note([run_id(1)], points_only=True)
    orders.of(None, table, 0)
    assert table.asked == [None]
    changes.note([run_id(1)])
    orders.of(None, table, 0)
    assert table.asked == [None, 1]


def test_many_changes_and_long_absence_are_asked_for_as_a_whole() -> None:
    table, changes = Table(), Changes()
    orders = Orders(changes)
    orders.of(None, table, 0)
    changes.note(run_id(number) for number in range(500))
    orders.of(None, table, 0)
    for number in range(9):
        changes.note(run_id(1000 * number + i) for i in range(600))
    orders.of(None, table, 0)
    changes.note_all()
    orders.of(None, table, 0)
    assert table.asked == [None] * 4


def test_ages_make_an_order_old() -> None:
    table = Table()
    table.ages = True
    orders = Orders(Changes())
    for now in (0, 999, 1000, 1500, 400):
        orders.of(None, table, now)
    assert len(table.asked) == 3, "at 0, after a second, and where the clock went back"


@pytest.mark.parametrize("text", [False, True])
def test_memory_is_bounded(text: bool) -> None:
    orders = Orders(Changes(), most=5, budget=200_000)
    tables = [Table(text) for _ in range(12)]
    for table in tables:
        table.keys = {run_id(number): "x" * 50 if text else 1.0 for number in range(1000)}
        orders.of(None, table, 0)
        assert orders.nbytes <= 200_000 and len(orders) <= 5
    big = Table()
    big.keys = {run_id(number): 1.0 for number in range(10_000)}
    assert len(orders.of(None, big, 0)) == 10_000
    assert len(orders) == 1, "one order is always kept, however large"


def test_a_question_that_fails_leaves_nothing_behind() -> None:
    table = Table()
    orders = Orders(Changes())

    def fail(*_: Any) -> Any:
        raise ValueError("no")

    works, table.ask = table.ask, fail  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            orders.of(None, table, 0)
    table.ask = works  # type: ignore[method-assign]
    assert isinstance(orders.of(None, table, 0), Order)


def test_ledger_entries_name_their_runs() -> None:
    changes = Changes()

    def entry(verb: str, **data: Any) -> LedgerEntry:
        return LedgerEntry(seq=1, time=0, actor="", verb=verb, subject="", data=data)

    changes.note_entries(
        [entry("run.settle", run_id="a"), entry("proposal.open", id="p"), entry("run.stop", run_id="b")]
    )
    assert changes.since(0) == {"a", "b"} and changes.since(0, points=False) == {"a", "b"}
    before = changes.version
    changes.note_entries([entry("alias.move"), entry("data.admit")])
    assert changes.version == before
    changes.note_entries([entry("model.register", run_id="a")])
    assert changes.since(before) is None, "a new direction may turn any order around"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(-3, 3))), max_size=20),
    st.tuples(st.one_of(st.none(), st.integers(-4, 4)), st.integers(0, 31)),
    st.booleans(),
    st.booleans(),
)
def test_a_page_goes_on_after_a_place_whether_or_not_a_run_is_there(
    entries: list[tuple[int, int | None]], place: tuple[int | None, int], text: bool, descending: bool
) -> None:
    def key(number: int | None) -> Key:
        return number if number is None or not text else chr(ord("m") + number)

    table = Table(text)
    table.keys = {run_id(number): key(value) for number, value in entries}
    order = table.ask(None, 0, None)
    value, run = key(place[0]), run_id(place[1])
    table.keys.pop(run, None)
    without = table.listed(descending)
    table.keys[run] = value
    listed = table.listed(descending)
    expected = listed[listed.index(run) + 1 :]
    found = order.window(order.after(value, run, descending=descending), 100, descending=descending)
    assert [each for each in found if each != run] == expected and set(expected) <= set(without)


@pytest.mark.parametrize("text", [True, False])
def test_a_place_of_another_kind_is_refused(text: bool) -> None:
    table = Table(text)
    table.keys = {run_id(1): "a" if text else 1}
    order = table.ask(None, 0, None)
    with pytest.raises(ValueError):
        order.after(5 if text else "b", run_id(1), descending=True)
    assert order.after(10**40 if not text else "z", "\u00e9\x00" * 40, descending=False) == 1
