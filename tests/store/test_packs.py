"""Packed runs: always what the tables say of them, whatever happened to the runs, and in an index that had no packs before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_box import command, do, end, journal, migrated_again, new_home, new_run, project, start

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index import ingest, packs, runs
from mlops_store.index.database import rows
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Writer
from mlops_store.run_folder import RunFolder

WHAT = ("point", "param", "end", "again", "submit", "settle", "resume", "tag", "note", "archive", "delete", "restore", "verdict", "register", "refused")  # fmt: skip
STEP = st.tuples(st.sampled_from(WHAT), st.integers(0, 3), st.booleans())


class Shelf:
    """A home with four runs: two whose ids begin alike, one that the ledger has asked for, one of a strange id."""

    def __init__(self, path: Path, last: str = "f" * 32) -> None:
        self.home = new_home(path)
        self.writer = Writer.open(self.home)
        do(self.writer, project())
        ids = ("0" * 31 + "1", "0" * 31 + "2", last, "0199" + "a" * 28)
        self.folders = [new_run(self.home, run_id=run_id, name=run_id[-3:], params={"big": 10**30, "lr": 0.1}, tags={"a": "b"}) for run_id in ids]  # fmt: skip
        self.attempts = [1] * 4
        for folder in self.folders:
            start(folder)
        self.take(*self.folders)

    def take(self, *folders: RunFolder) -> None:
        self.writer.ingest([folder.path for folder in folders])

    def step(self, what: str, place: int, other: bool) -> None:
        folder, run_id = self.folders[place], self.folders[place].run_id
        if what == "point":
            journal(folder, f"{self.attempts[place]}-a", ["m", "auc", 1, 2, "nan" if other else 0.1 + place], ["m", "loss", 1, 2, "-inf"])  # fmt: skip
        elif what == "param":
            journal(folder, f"{self.attempts[place]}-a", ["p", "late", {"x": [1, None]}], ["t", "tag", "\u0000'\"\U0001f600"])  # fmt: skip
        elif what == "end":
            end(folder, self.attempts[place], exit_code=int(other))
            if other:
                error = {"code": "boom", "message": "\u00e9" * 400, "hint": "less", "stage": "fit"}
                write_json(folder.attempt_dir(self.attempts[place]) / "error.json", error)
        elif what == "again":
            self.attempts[place] += 1
            start(folder, self.attempts[place])
        else:
            self.decide(what, run_id, other)
            return
        self.take(*(self.folders if other else [folder]))

    def decide(self, what: str, run_id: str, other: bool) -> None:
        run = {"run_id": run_id}
        model = {"project": "flights", "model": "late", "version": 1}
        if what == "refused":  # what a command did that then fails is taken back

            def fail(tx: Tx) -> None:
                tx.append("run.note", run_id, {**run, "text": "never"})
                tx.rows("SELECT note FROM notes")
                raise Problem("no", "no")

            assert not self.writer.execute([command(fail)])[0].ok
            return
        data = {
            "submit": {"kind": "train", "project": "flights", "model": None, "path": "x"},
            "settle": {"state": "FINISHED"},
            "resume": {"attempt": 2},
            "tag": {"set": {} if other else {"a": "c"}, "remove": ["tag"] if other else []},
            "note": {"text": "seen"},
            "delete": {"kind": "sdk", "name": "gone", "state": "FINISHED", "created": 5},
            "verdict": {**model, "verdict_id": run_id, "verdict": "PASS" if other else "FAIL"},
            "register": {**model, "tree": "t", "metric": "auc", "direction": "min" if other else "max"},
        }.get(what, {})
        verbs = {"verdict": "gate.verdict", "register": "model.register", "archive": "run.unarchive" if other else "run.archive"}  # fmt: skip
        verb = verbs.get(what, f"run.{what}")
        self.writer.execute([command(lambda tx: tx.append(verb, run_id, run | data))])[0].unwrap()

    def check(self) -> int:
        """Raises AssertionError where what is packed is not what is to be. Returns the number of packs."""
        ids = [folder.run_id for folder in self.folders]
        with self.writer.reader() as read:
            # as texts: NaN is not itself
            assert repr(runs.shapes(read, ids, kept=read.kept)) == repr(runs.shapes(read, ids))
            for shape in runs.shapes(read, ids, kept=read.kept):
                mine = [shape["run_id"]]
                said = read.rows("SELECT key, value FROM tags WHERE run_id = ? ORDER BY key", mine)
                assert list(shape["tags"].items()) == [(row["key"], row["value"]) for row in said]
                note = read.one("SELECT note FROM notes WHERE run_id = ?", mine)
                assert shape["note"] == (note["note"] if note else "")
            return check_all(read._con)

    def close(self) -> None:
        self.writer.close()


def check_all(con: object) -> int:
    """Whether the table is what packing all anew gives."""
    query = "SELECT k, run_id, pack FROM run_packs ORDER BY run_id, k"
    found = rows(con, query)
    own = con.cursor()  # type: ignore[attr-defined]
    own.execute("BEGIN")
    own.execute("DELETE FROM run_packs")
    packs.pack_all(own)
    anew = rows(own, query)
    own.execute("ROLLBACK")
    own.close()
    assert found == anew
    return len(found)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=8))
def test_packs_are_what_the_tables_say(shelf: Shelf, steps: list[tuple[str, int, bool]]) -> None:
    for step in steps:
        shelf.step(*step)
    shelf.check()


def test_each_change_of_a_run_that_is_over_is_packed(shelf: Shelf) -> None:
    for place in (0, 1, 2):
        shelf.step("end", place, False)
    assert shelf.check() == 3
    for what in WHAT:
        shelf.step(what, 0, False)
        shelf.check()
    for what in ("submit", "end", "settle", "point", "tag", "again", "settle"):
        shelf.step(what, 3, True)
        shelf.check()


def test_a_live_run_costs_its_batches_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    monkeypatch.setattr(ingest.packs, "update", lambda _con, ids: asked.append(set(ids)))
    shelf.step("point", 0, False)
    shelf.step("param", 0, False)
    assert asked == [set(), set()]


def test_a_run_too_large_is_read_from_the_tables(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "_LARGEST", 10)
    shelf.step("end", 0, False)
    assert shelf.check() == 0


def test_no_more_is_gathered_than_may_be_in_memory(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run that is too large nothing is, and of many no more at once than the limit."""
    for place in range(3):
        shelf.step("end", place, False)
    journal(shelf.folders[1], "1-b", ["p", "long", "x" * packs._LARGEST])
    gathered: list[list[str]] = []
    real = packs._gather
    monkeypatch.setattr(packs, "_gather", lambda read, ids, only=None: gathered.append(ids) or real(read, ids, only))  # fmt: skip
    monkeypatch.setattr(packs, "_AT_ONCE", 10)
    shelf.take(shelf.folders[1])
    assert gathered == []
    shelf.decide("archive", shelf.folders[1].run_id, False)
    assert gathered == []
    assert shelf.check() == 2
    fitting = [[shelf.folders[place].run_id] for place in (0, 2)]
    assert gathered[-2:] == fitting


def test_what_people_say_of_a_run_leaves_its_pack_as_it_is(shelf: Shelf) -> None:
    shelf.step("end", 0, False)
    folder, read = shelf.folders[0], shelf.writer.reader()
    before = rows(read._con, "SELECT rowid, * FROM run_packs")
    mine = {"run_id": folder.run_id}
    for data in ({"set": {"z": "1", "a": "2"}}, {"remove": ["a"]}, {"clear": ["a"]}):
        shelf.writer.execute([command(lambda tx, data=data: tx.append("run.tag", folder.run_id, mine | data))])[0].unwrap()  # fmt: skip
        shelf.check()
    shelf.step("note", 0, False)
    shown = runs.shapes(read, [folder.run_id], kept=read.kept)[0]
    assert (shown["tags"], shown["note"]) == ({"a": "b", "z": "1"}, "seen")
    assert rows(read._con, "SELECT rowid, * FROM run_packs") == before
    read.close()


def test_an_index_without_packs_gets_them(shelf: Shelf) -> None:
    for place in (0, 2):
        shelf.step("end", place, False)
    home: Home = shelf.home
    shelf.writer.close()
    migrated_again(home, 9, "DELETE FROM run_packs", packs.FILL)
    shelf.writer = Writer.open(home)
    assert shelf.check() == 2
