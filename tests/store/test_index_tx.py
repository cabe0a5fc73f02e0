"""Commands: whole or not at all, once per key, and there after any kill."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import duckdb
import pytest
from index_box import command, do, new_home, project

from mlops_store import ledger as ledger_module
from mlops_store.errors import Problem
from mlops_store.index import apply as applying
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.index.tx import Tx
from mlops_store.index.writer import Command, Writer
from mlops_store.ledger import FatalStoreError, read_entries, verify


def names(writer: Writer) -> list[str]:
    with writer.reader() as read:
        return [row["name"] for row in read.rows("SELECT name FROM projects ORDER BY name")]


def test_a_command_is_in_ledger_and_index_and_gives_its_entries(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)

    def two(tx: Tx) -> dict[str, Any]:
        first = tx.append(*_entry("a"))
        seen = tx.one("SELECT count(*) AS n FROM projects")
        return {"first": first, "second": tx.append(*_entry("b")), "seen": seen}

    result = writer.execute([command(two)])[0]
    assert result.unwrap() == {"first": 1, "second": 2, "seen": {"n": 1}}
    assert [(e.seq, e.more, bool(e.hash)) for e in result.entries] == [(1, True, True), (2, False, True)]
    assert names(writer) == ["a", "b"]
    assert [e.data["name"] for e in read_entries(home.ledger)] == ["a", "b"]
    assert verify(home.ledger) == []
    writer.close()


def test_a_failed_command_takes_only_its_own_entries_with_it(tmp_path: Path) -> None:
    writer = Writer.open(new_home(tmp_path))

    def fails(tx: Tx) -> None:
        tx.append(*_entry("gone"))
        raise Problem("no", "refused")

    def breaks(tx: Tx) -> None:
        tx.append(*_entry("gone-too"))
        tx.rows("SELECT * FROM no_such_table")

    def reads(tx: Tx) -> list[str]:
        return [row["name"] for row in tx.rows("SELECT name FROM projects ORDER BY name")]

    results = writer.execute([command(lambda tx: tx.append(*_entry("a"))), command(fails), command(breaks),
                              command(lambda tx: tx.append(*_entry("b"))), command(reads)])  # fmt: skip
    assert [result.ok for result in results] == [True, False, False, True, True]
    assert results[1].problem is not None and results[1].problem.code == "no"
    assert results[2].error is not None
    assert results[4].value == ["a", "b"], (
        "later commands see what came before, and nothing of those that failed"
    )
    assert [[e.seq for e in result.entries] for result in results] == [[1], [], [], [2], []]
    assert names(writer) == ["a", "b"]
    writer.close()


def test_the_same_key_gives_the_first_reply_also_after_a_restart_and_in_one_group(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    runs: list[int] = []

    def once(tx: Tx) -> dict[str, int]:
        runs.append(1)
        return {"seq": tx.append(*_entry(f"p{len(runs)}"))}

    first, second = writer.execute([command(once, "k"), command(once, "k")])
    assert first.value == second.value == {"seq": 1} and second.replayed and not second.entries
    writer.close()
    writer = Writer.open(home)
    again = writer.execute([command(once, "k")])[0]
    assert again.replayed and again.value == {"seq": 1} and len(runs) == 1
    writer.close()


@pytest.mark.parametrize("data", [{}, {"name": 3, "dir": "/x"}, {"name": None, "dir": "/x"}])
def test_a_payload_that_cannot_be_applied_never_reaches_the_ledger(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    with pytest.raises(Problem) as caught:
        do(writer, ("project.add", data))
    assert caught.value.code == "bad_entry"
    assert list(read_entries(home.ledger)) == []
    writer.close()


def test_a_full_disk_refuses_the_group_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project("a"))
    real = os.write

    def full(fd: int, data: Any) -> int:
        if fd == writer.ledger._fd:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr(ledger_module.os, "write", full)
    results = writer.execute(
        [command(lambda tx: tx.append(*_entry("b"))), command(lambda tx: tx.append(*_entry("c")))]
    )
    assert [result.problem.code for result in results if result.problem] == ["ledger_unavailable"] * 2
    monkeypatch.undo()
    assert names(writer) == ["a"]
    do(writer, project("d"))
    assert names(writer) == ["a", "d"]
    writer.close()


@pytest.mark.parametrize("where", ["append", "commit"])
def test_a_refused_group_answers_no_key_that_was_first_used_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """What was answered to a key before the group still holds."""
    home = new_home(tmp_path)
    writer = Writer.open(home)
    kept = do(writer, project("a"), key="old")

    def full(*_: object) -> None:
        raise (
            Problem("ledger_unavailable", "full")
            if where == "append"
            else duckdb.IOException("No space left on device")
        )

    monkeypatch.setattr(*((writer.ledger, "append") if where == "append" else (applying, "record")), full)
    asked = [command(lambda tx: tx.append(*_entry("b")), key) for key in ("k", "k", "old")]
    first, again, old = writer.execute(asked)
    assert first.problem is not None and again.problem is not None and again.value is None
    assert old.ok and old.value == kept
    monkeypatch.undo()
    assert writer.execute(asked[:1])[0].unwrap() == 2, "the key is free, and what it was for is done now"
    assert names(writer) == ["a", "b"] and verify(home.ledger) == []
    writer.close()


def test_a_failed_sync_ends_the_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer.open(new_home(tmp_path))

    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ledger_module, "_datasync", broken)
    with pytest.raises(FatalStoreError):
        do(writer, project("a"))
    monkeypatch.undo()
    writer.close()


_CHILD = """
    import os, sys
    from pathlib import Path
    from mlops_store.home import Home
    from mlops_store.index.writer import Command, Writer
    home = Home(Path(sys.argv[1]))
    armed = False
    def stop(name):
        if armed and name == sys.argv[2]:
            os._exit(9)
    writer = Writer.open(home, stop)
    add = lambda name: lambda tx: [tx.append("project.add", name, {"name": name, "dir": "/x"}),
                                   tx.append("policy.set", name, {"project": name, "model": "m", "auto_approve": True})]
    print(writer.execute([Command(add("before"), "me", "k0")])[0].unwrap(), flush=True)
    armed = True
    print(writer.execute([Command(add("killed"), "me", "k1")])[0].unwrap(), flush=True)
"""


@pytest.mark.parametrize(("step", "kept"), [("applied", False), ("appended", True), ("committed", True)])
def test_a_kill_at_each_step_loses_nothing_acknowledged_and_applies_nothing_twice(
    tmp_path: Path, step: str, kept: bool
) -> None:
    home = new_home(tmp_path)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(_CHILD), str(home.path), step],
                          capture_output=True, text=True, check=False, env=_env())  # fmt: skip
    assert done.returncode == 9, done.stderr
    assert done.stdout == "[1, 2]\n"
    for _ in range(2):  # the second opening finds nothing left to do
        writer = Writer.open(home)
        assert names(writer) == (["before", "killed"] if kept else ["before"])
        assert writer.recover() == 0
        writer.close()
    writer = Writer.open(home)
    calls: list[int] = []

    def again(tx: Tx) -> list[int]:
        calls.append(1)
        return [tx.append(*_entry("killed"))]

    result = writer.execute([Command(again, "me", "k1")])[0]
    assert result.replayed is kept and len(calls) == (0 if kept else 1), (
        "a client that asks again gets the stored reply"
    )
    assert result.value == ([3, 4] if kept else [3])
    writer.close()
    assert verify(home.ledger) == []
    build(home, tmp_path / "fresh.duckdb")
    fresh, live = Database.open(tmp_path / "fresh.duckdb"), Database.open(home.index)
    assert compare(fresh, live) == []
    fresh.close()
    live.close()


def test_half_a_command_in_a_torn_ledger_is_not_applied(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project("a"))
    writer.close()
    before = (home.ledger / "000001.jsonl").read_bytes()
    writer = Writer.open(home)
    do(writer, project("b"), project("c"))
    writer.close()
    lines = (home.ledger / "000001.jsonl").read_bytes()[len(before) :].split(b"\n")
    (home.ledger / "000001.jsonl").write_bytes(before + lines[0] + b"\n" + lines[1][:20])
    home.index.unlink()
    writer = Writer.open(home)
    assert names(writer) == ["a"]
    do(writer, project("d"))
    assert names(writer) == ["a", "d"] and verify(home.ledger) == []
    writer.close()


def test_an_index_that_is_ahead_of_its_ledger_is_refused(tmp_path: Path) -> None:
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project("a"))
    writer.close()
    (home.ledger / "000001.jsonl").unlink()
    with pytest.raises(Problem) as caught:
        Writer.open(home)
    assert caught.value.code == "index_ahead" and "rebuild" in caught.value.hint


def test_readers_see_only_what_is_committed(tmp_path: Path) -> None:
    writer = Writer.open(new_home(tmp_path))
    seen: list[int] = []

    def looks(tx: Tx) -> None:
        tx.append(*_entry("a"))
        with writer.reader() as read:
            seen.append(len(read.rows("SELECT * FROM projects")))

    writer.execute([command(looks)])
    assert seen == [0] and names(writer) == ["a"]
    writer.close()


def _entry(name: str) -> tuple[str, str, dict[str, Any]]:
    return ("project.add", name, {"name": name, "dir": "/x"})


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
