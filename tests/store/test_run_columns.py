"""What is kept of all runs for filters: after whatever happened it is what the tables say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import new_run, start
from test_packs import STEP, Shelf

from mlops_store.filters import parse
from mlops_store.index import run_columns
from mlops_store.index.changes import Changes
from mlops_store.index.run_columns import RunColumns, Trait
from mlops_store.index.run_order import RunsQuestion
from mlops_store.index.tx import Read

FILTERS = (
    "", "state = FINISHED or attempts > 1", "best(auc) > 0.5", "last(loss) < 0 or not has:metrics.auc", "params.lr < 1 and not params.lr = 0.5",
    "params.late ~ x or has:params.late", "tags.tag is null and tags.a in (b, c)", "seen", "has:note", "age < 1000w",
)  # fmt: skip
QUESTIONS = [
    RunsQuestion(parse(text), sort, archived)
    for text in FILTERS
    for sort, archived in (("created", False), ("best(auc)", True))
]
ANY = st.one_of(STEP, st.tuples(st.sampled_from(["older", "newer"]), st.just(0), st.booleans()))


class Rack(Shelf):
    """A shelf to which runs come, and what is asked of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, last="02" + "f" * 30)
        self.read: Read = self.writer.reader()

    def step(self, what: str, place: int, other: bool) -> None:
        if what not in ("older", "newer"):
            super().step(what, place, other)
            return
        number = len(self.folders)
        run_id = f"{number if what == 'older' else 2**128 - 2**64 + number:032x}"
        self.folders.append(new_run(self.home, run_id=run_id, name="come", params={"lr": 0.5}))
        self.attempts.append(1)
        if other:
            start(self.folders[-1])
        self.take(self.folders[-1])

    def compare(self) -> None:
        for question in QUESTIONS:
            kept = question._by_columns(self.read, self.read.now)
            assert kept is not None
            told = question._by_tables(self.read, self.read.now, None)
            for name in ("ids", "rest", "keys"):
                assert getattr(kept, name).tolist() == getattr(told, name).tolist(), (name, question)


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    rack = Rack(tmp_path)
    yield rack
    rack.close()


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANY, min_size=1, max_size=6))
def test_what_is_kept_is_what_the_tables_say(rack: Rack, steps: list[tuple[str, int, bool]]) -> None:
    rack.compare()
    for step in steps:
        rack.step(*step)
    rack.compare()


def test_only_what_changed_is_asked_for_again(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    rack.compare()
    monkeypatch.setattr(run_columns, "_load", None)
    for what in ("point", "end", "newer", "tag", "note", "archive"):
        rack.step(what, 1, False)
        rack.compare()
    monkeypatch.undo()
    rack.step("register", 1, True)  # the direction of a metric is that of all runs
    rack.compare()


def test_room_is_made_and_ids_of_one_hash_are_not_kept() -> None:
    class Tables:
        same = False

        def columns(self, sql: str, _params: object = ()) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
            hashes = np.array([7, 7 if self.same else 8], np.uint64)
            ids = np.array(["a", "b"], object)
            return {"run_id": ids, "h": hashes, "v": np.array([1.0, 2.0])}

    changes, tables = Changes(), Tables()
    columns = RunColumns(changes, budget=40)
    traits = [Trait("t", (number,), "v") for number in range(5)]
    for trait in traits:
        found = columns.ask(tables, lambda _ids, get, trait=trait: get(trait).values.tolist())
        assert found == [1.0, 2.0]
    assert 0 < columns.nbytes <= 40
    tables.same = True
    assert columns.ask(tables, lambda ids, _get: len(ids)) == 2
    changes.note_all()
    assert columns.ask(tables, lambda ids, _get: len(ids)) is None
