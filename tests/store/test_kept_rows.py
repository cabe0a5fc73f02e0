"""Kept answers about runs: never older than a change, never more than their budget."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.index.changes import Changes
from mlops_store.index.kept_rows import KeptRows

RUNS = [f"{number:032x}" for number in range(6)]
STEP = st.tuples(st.sampled_from(["get", "change", "all", "ask"]), st.sets(st.sampled_from(RUNS), min_size=1))


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_what_is_kept_is_what_would_be_answered(steps: list[tuple[str, set[str]]]) -> None:
    changes = Changes()
    kept = KeptRows(changes)
    truth = dict.fromkeys(RUNS, 0)
    asked: tuple[int, dict[str, bytes]] | None = None
    for step, runs in steps:
        if step == "change":
            truth |= {run: truth[run] + 1 for run in runs}
            changes.note(runs)
        elif step == "all":
            truth = {run: value + 1 for run, value in truth.items()}
            changes.note_all()
        elif step == "ask":  # its answers arrive with the next one, when all may have changed
            if asked is not None:
                kept.put("shape", asked[1], asked[0])
            asked = (changes.version, {run: b"%d" % truth[run] for run in runs})
        for run, row in kept.get("shape", RUNS).items():
            assert row == b"%d" % truth[run]
        assert kept.get("other", RUNS) == {}


def test_something_is_kept() -> None:
    changes = Changes()
    kept = KeptRows(changes)
    changes.note(["x"])
    kept.put("a", {"r": b"1", "s": b"2"}, changes.version)
    assert kept.get("a", ["s", "r", "t"]) == {"s": b"2", "r": b"1"}
    changes.note(["r"], points_only=True)
    assert kept.get("a", ["s", "r"]) == {"s": b"2"}


@pytest.mark.parametrize("every", [False, True])
def test_what_is_written_while_an_answer_is_put_is_not_missed(every: bool) -> None:
    class Meanwhile(Changes):
        """The writer comes in between: right after what has changed was asked for."""

        def since(self, version: int, *, points: bool = True) -> frozenset[str] | None:
            found = super().since(version, points=points)
            if self.version == 1:
                self.note_all() if every else self.note(["r"])
            return found

    changes = Meanwhile()
    kept = KeptRows(changes)
    changes.note(["s"])
    kept.put("a", {"r": b"old"}, changes.version)
    assert kept.get("a", ["r"]) == {}


def test_shapes_that_are_asked_for_once_do_not_add_up() -> None:
    """They are free text, as `--fields` is."""
    changes = Changes()
    kept = KeptRows(changes, budget=100_000)
    tracemalloc.start()
    for number in range(1000):
        kept.put((f"{number:05}" * 200,), {"r": b"x"}, changes.version)
        assert kept.nbytes <= 100_000
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 300_000
    changes.note(["r"])
    assert kept.get("a", ["r"]) == {} and kept.nbytes == 0


def test_memory_is_bounded_and_the_oldest_go() -> None:
    changes = Changes()
    kept = KeptRows(changes, budget=100_000)
    for number in range(1000):
        kept.put("a", {str(number): b"x" * 749}, changes.version)
        assert kept.nbytes <= 100_000
    assert set(kept.get("a", map(str, range(1000)))) == {str(number) for number in range(900, 1000)}
    kept.put("a", {"huge": b"x" * 200_000}, changes.version)
    assert kept.nbytes == 0
