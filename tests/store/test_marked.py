"""Which runs may be marked: never fewer than are, whatever happened in between."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store.index import changes as noted
from mlops_store.index import marked
from mlops_store.index.changes import Changes
from mlops_store.index.marked import Marked

RUNS = [f"{number:02}" for number in range(12)]


class Index:
    """Marks as they are committed; `rows` is the one question."""

    def __init__(self, changes: Changes) -> None:
        self.marks: set[str] = set()
        self.asked = 0
        self._changes = changes

    def rows(self, _sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self.asked += 1
        return [{"run_id": run_id} for run_id in sorted(self.marks)[: params[0]]]

    def mark(self, run_id: str) -> None:
        self.marks.add(run_id)
        self._changes.note([run_id])


STEP = st.tuples(st.sampled_from(("mark", "unmark", "points", "other", "all", "look")), st.sampled_from(RUNS))


@settings(max_examples=80, deadline=None)
@given(st.lists(STEP, max_size=25), st.sampled_from((3, 100)), st.sampled_from((4, 100)))
def test_none_is_missed(steps: list[tuple[str, str]], most: int, kept: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marked, "MOST", most)
        patch.setattr(noted, "_KEPT", kept)
        changes = Changes()
        index, known = Index(changes), Marked(changes)
        for what, run_id in steps:
            if what == "mark":
                index.mark(run_id)
            elif what == "unmark":
                index.marks.discard(run_id)
                changes.note([run_id])
            elif what == "points":
                changes.note([run_id], points_only=True)
            elif what == "other":
                changes.note([run_id])
            elif what == "all":
                index.marks.update(RUNS[::5])
                changes.note_all()
            else:
                found = known.among(index, RUNS)
                assert index.marks <= set(found)
                assert found == sorted(found)


def test_what_is_unmarked_is_not_asked_about() -> None:
    changes = Changes()
    index, known = Index(changes), Marked(changes)
    index.mark("03")
    assert known.among(index, RUNS) == ["03"]
    index.mark("05")
    changes.note(["07"], points_only=True)
    assert known.among(index, RUNS) == ["03", "05"]
    assert index.asked == 1


def test_a_mark_that_was_acknowledged_is_seen_by_every_reader() -> None:
    changes = Changes()
    index, known = Index(changes), Marked(changes)
    told: set[str] = set()
    missed: list[set[str]] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            before = set(told)
            missed.extend([gone] if (gone := before - set(known.among(index, names))) else [])

    names = [f"{number:04}" for number in range(1500)]
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for run_id in names:
        index.mark(run_id)
        told.add(run_id)
    over.set()
    for reader in readers:
        reader.join()
    assert missed == []
