"""Commands that are committed together: the same rows as one by one, each its own refusal, and no more statements for eight than for one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from index_box import do, end, journal, migrated_again, new_home, new_run, start

from mlops_store.errors import Problem
from mlops_store.index import apply as applying
from mlops_store.index import group, marks, packs
from mlops_store.index.database import Connection, Database
from mlops_store.index.fact import Fact, Remembered
from mlops_store.index.marks import MARKS
from mlops_store.index.rebuild import compare
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Command, Writer
from mlops_store.ledger import read_entries
from mlops_store.records import LedgerEntry
from mlops_store.run_folder import RunFolder
from mlops_tui.services.project import PROJECTS
from mlops_tui.services.run_marks import note, tag
from mlops_tui.verbs.run import RunNote, RunTag

RUNS = [f"{number:032x}" for number in range(1, 5)]


def entry(chance: random.Random) -> tuple[str, str, dict[str, Any]]:
    """Something that people say: verb, subject and payload."""
    run_id, key, name = chance.choice(RUNS), chance.choice("abc"), chance.choice("pqr")
    match chance.randrange(7):
        case 0 | 1:
            return (
                "run.tag",
                run_id,
                {"run_id": run_id, "set": {key: str(chance.random())}, "remove": [chance.choice("abc")]},
            )
        case 2:
            return "run.tag", run_id, {"run_id": run_id, "clear": [key]}
        case 3:
            return "run.note", run_id, {"run_id": run_id, "text": chance.choice(["", "x", "y"])}
        case 4:
            return "run.archive", run_id, {"run_id": run_id}
        case 5:
            return "project.add", name, {"name": name, "dir": f"/{chance.random()}"}
    return "project.remove", name, {"name": name}


def home_with_runs(tmp_path: Path) -> Writer:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    for run_id in RUNS[:2]:
        folder = new_run(home, run_id=run_id, kind="sdk", tags={"a": "own"})
        start(folder)
        end(folder)
        writer.ingest([folder.path])
    return writer


@pytest.mark.parametrize("seed", range(2))
def test_together_is_as_one_by_one(tmp_path: Path, seed: int) -> None:
    """Facts are what a question would say at each point, also after an entry that was refused."""
    chance = random.Random(seed)
    writer = home_with_runs(tmp_path)

    def said(tx: Tx) -> None:
        verb, subject, data = entry(chance)
        for run_id, fact in tx.facts(MARKS, RUNS).items():
            row = tx.one("SELECT note FROM notes WHERE run_id = ?", [run_id])
            shown = tx.rows("SELECT key, value FROM tags WHERE run_id = ?", [run_id])
            assert (fact.note, fact.tags) == (
                row["note"] if row else "",
                {each["key"]: each["value"] for each in shown},
            )
        live = {row["name"] for row in tx.rows("SELECT name FROM projects WHERE removed IS NULL")}
        assert {name for name in "pqr" if tx.fact(PROJECTS, name)} == live
        tx.append(verb, subject, data)
        if chance.random() < 0.1:
            raise Problem("no", "refused")

    for size in (1, 8, 30):
        before = chance.getstate()
        asking = [Command(said, "ann", about=chance.choice(RUNS)) for _ in range(size // 4 + 1)]
        for result in writer.execute(asking):
            assert result.error is None, result.error
        chance.setstate(before)
        silent = [
            Command(lambda tx: tx.append(*entry(chance)), "ann", str(chance.random())) for _ in range(size)
        ]
        assert all(result.ok for result in writer.execute(silent))
        with writer.reader() as read:
            found = read.rows("SELECT name, dir, added FROM projects WHERE removed IS NULL")
            assert {name: row.dir for name, row in read.all(PROJECTS).items()} == {
                row["name"]: row["dir"] for row in found
            }
    singly = Database.open(tmp_path / "singly.duckdb")
    con = singly.cursor()
    for each in read_entries(writer.home.ledger):
        applying.apply(con, each)
    for table in ("projects", "mark_log", "run_tags", "notes"):
        one, other = (
            sorted(c.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for c in (con, writer.database.cursor())
        )
        assert one == other, table
    archived = "SELECT run_id, archived FROM runs WHERE archived IS NOT NULL ORDER BY run_id"
    assert con.execute(archived).fetchall() == writer.database.cursor().execute(archived).fetchall()
    singly.close()
    writer.close()


def test_an_entry_that_cannot_be_applied_is_refused_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = home_with_runs(tmp_path)
    real = applying.TOGETHER["run.note"]

    def fails(con: Connection, entries: Sequence[LedgerEntry]) -> None:
        if any(each.data["text"] == "bad" for each in entries):
            raise duckdb.ConstraintException("cannot be")
        real(con, entries)

    monkeypatch.setitem(applying.TOGETHER, "run.note", fails)
    texts = ["one", "bad", "three", "four"]
    results = writer.execute(
        [
            Command(
                lambda tx, i=i, text=text: tx.append("run.note", RUNS[i], {"run_id": RUNS[i], "text": text}),
                "ann",
            )
            for i, text in enumerate(texts)
        ]
    )
    assert [result.ok for result in results] == [True, False, True, True]
    assert isinstance(results[1].error, duckdb.Error)
    with writer.reader() as read:
        found = {row["run_id"]: row["note"] for row in read.rows("SELECT run_id, note FROM notes")}
    assert found == {RUNS[0]: "one", RUNS[2]: "three", RUNS[3]: "four"}
    assert [each.data["text"] for each in read_entries(writer.home.ledger)] == ["one", "three", "four"]
    writer.close()


@pytest.mark.parametrize("kind", [duckdb.ConversionException, UnicodeError])
def test_a_run_that_cannot_be_packed_is_the_refusal_of_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    writer = home_with_runs(tmp_path)
    real = group.packs.follow

    def fails(con: Connection, entries: Sequence[LedgerEntry]) -> None:
        if any(each.subject == RUNS[1] for each in entries):
            raise kind("cannot be")
        real(con, entries)

    monkeypatch.setattr(group.packs, "follow", fails)
    results = writer.execute(
        [
            Command(lambda tx, run_id=run_id: tx.append("run.archive", run_id, {"run_id": run_id}), "ann")
            for run_id in RUNS[:3]
        ]
    )
    assert [result.ok for result in results] == [True, False, True]
    assert isinstance(results[1].error, kind)
    assert [each.subject for each in read_entries(writer.home.ledger)] == [RUNS[0], RUNS[2]]
    writer.close()


class Counting:
    """A connection that counts its statements."""

    def __init__(self, con: Connection) -> None:
        self._con = con
        self.statements = 0

    def execute(self, *words: Any) -> Any:
        self.statements += 1
        return self._con.execute(*words)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def test_eight_commands_take_no_more_statements_than_one(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    ids = [f"{number:032x}" for number in range(16)]
    for run_id in ids:
        folder = new_run(home, run_id=run_id, kind="sdk")
        start(folder)
        end(folder)
        writer.ingest([folder.path])
    counting = Counting(writer._con)
    writer._con = counting

    def statements(some: list[str], value: str) -> int:
        counting.statements = 0
        commands = [
            Command(
                lambda tx, run_id=run_id: tag(tx, RunTag(run_id=run_id, tags={"best": value})),
                "ann",
                f"{run_id}{value}",
                run_id,
            )
            for run_id in some
        ] + [
            Command(
                lambda tx, run_id=run_id: note(tx, RunNote(run_id=run_id, text=value)),
                "ann",
                f"n{run_id}{value}",
                run_id,
            )
            for run_id in some
        ]
        assert all(result.ok for result in writer.execute(commands))
        return counting.statements

    for_one = statements(ids[:1], "1")
    assert statements(ids, "2") <= for_one + 1
    assert for_one <= 8
    assert compare(writer.database, writer.database) == []
    writer.close()


def test_a_fact_is_asked_once_for_all_that_are_named(tmp_path: Path) -> None:
    writer = home_with_runs(tmp_path)
    asked: list[list[str]] = []
    fact: Fact[str] = Fact(
        lambda _ask, keys: asked.append(list(keys)) or {key: key.upper() for key in keys if key != "none"}
    )
    writer.execute(
        [
            Command(lambda tx: tx.fact(fact, "a"), "ann", about="a"),
            Command(
                lambda tx: (tx.fact(fact, "b"), tx.append("run.note", "a", {"run_id": "a", "text": "x"})),
                "ann",
                about="b",
            ),
            Command(
                lambda tx: (
                    tx.fact(fact, "none"),
                    tx.fact(fact, "b"),
                    tx.fact(fact, "a"),
                    tx.fact(fact, "a"),
                ),
                "ann",
            ),
        ]
    )
    assert asked == [["a", "b"], ["a", "none"]]
    writer.close()


def test_what_is_remembered_of_a_run_is_what_a_question_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the groups its journals speak, it is deleted and comes back."""
    writer = home_with_runs(tmp_path)
    chance = random.Random(5)
    runs = [RunFolder(writer.home.run_dir(run_id)) for run_id in RUNS[:2]]

    def seen() -> Any:
        return writer.execute([Command(lambda tx: tx.facts(MARKS, RUNS), "ann")])[0].unwrap()

    def step(number: int) -> None:
        place = chance.randrange(2)
        run_id = RUNS[place]
        match chance.randrange(5):
            case 0:
                journal(runs[place], f"1-w{number}", ["t", chance.choice("abc"), str(number)])
                writer.ingest([runs[place].path])
            case 1:
                end_of = chance.choice(["run.delete", "run.restore"])
                data = {"run_id": run_id, "kind": "sdk", "state": "FINISHED", "name": str(number)}
                do(writer, (end_of, data))
            case _:
                verb, subject, data = entry(chance)
                writer.execute(
                    [Command(lambda tx: (tx.facts(MARKS, RUNS), tx.append(verb, subject, data)), "ann")]
                )

    for number in range(40):
        step(number)
        known, kept = seen(), writer._remembered
        writer._remembered = Remembered()
        assert known == seen(), number
        writer._remembered = kept
    monkeypatch.setattr(marks, "_WORDS", 3)  # of more words the index finds the last
    writer._remembered = Remembered()
    assert known == seen()
    writer.close()


@pytest.mark.parametrize("value", ["new", "old"])
def test_the_first_mark_of_a_run_reads_the_newest_runs_along(tmp_path: Path, value: str) -> None:
    """Whether it changes anything or not."""
    writer = home_with_runs(tmp_path)

    def mark(run_id: str, value: str) -> None:
        request = RunTag(run_id=run_id, tags={"best": value})
        writer.execute([Command(lambda tx: tag(tx, request), "ann", about=run_id)])[0].unwrap()

    mark(RUNS[0], "old")
    writer._remembered = Remembered()
    mark(RUNS[0], value)
    writer._con = counting = Counting(writer._con)
    mark(RUNS[1], "new")
    assert counting.statements == 4  # BEGIN, the log of marks, the ledger, COMMIT
    writer.close()


def test_what_is_remembered_is_bounded() -> None:
    fact: Fact[str] = Fact(lambda _ask, _keys: {}, after=lambda value, _entry: value, size=len)
    kept = Remembered(budget=10)
    for key in "abc":
        kept.put(fact, key, key * 4)
    assert [kept.get(fact, key) for key in "abc"] == [None, "bbbb", "cccc"]
    kept.put(fact, "b", "b")
    kept.put(fact, "d", "dd")
    assert [kept.get(fact, key) for key in "bcd"] == ["b", "cccc", "dd"]
    kept.put(fact, "e", "e" * 11)
    assert not any(kept.get(fact, key) for key in "bcde") and kept._size == 0


def test_an_older_index_gets_each_word_of_the_ledger(tmp_path: Path) -> None:
    writer = home_with_runs(tmp_path)
    chance = random.Random(9)
    for _ in range(30):
        writer.execute([Command(lambda tx: tx.append(*entry(chance)), "ann")])
    question = "SELECT * FROM mark_log ORDER BY ALL"
    with writer.reader() as read:
        before = read.rows(question)
    assert before
    home = writer.home
    writer.close()
    old = (
        "DROP VIEW marks; DROP VIEW notes; DROP VIEW run_tags; DROP TABLE mark_log; ALTER TABLE runs ADD COLUMN note VARCHAR; "
        "CREATE TABLE run_tags (run_id VARCHAR, key VARCHAR, value VARCHAR, seq BIGINT, PRIMARY KEY (run_id, key))"
    )
    migrated_again(home, 8, old, packs.FILL)
    writer = Writer.open(home)
    with writer.reader() as read:
        assert read.rows(question) == before
    writer.close()
