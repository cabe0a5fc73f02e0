"""The writer thread and the readers beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.tx import Read, Tx
from mlops_store.index.writer import Writer
from mlops_store.ledger import FatalStoreError
from mlops_tui.daemon.events import EventRing
from mlops_tui.daemon.readers import Readers
from mlops_tui.daemon.writer import WriterThread


@pytest.fixture
def ring() -> EventRing:
    return EventRing("e")


@pytest.fixture
def fatal() -> list[BaseException]:
    return []


@pytest.fixture
def writer(tmp_path: Path, ring: EventRing, fatal: list[BaseException]) -> Iterator[WriterThread]:
    thread = WriterThread(Home(tmp_path / "home").create(), ring, fatal.append)
    thread.start()
    yield thread
    thread.close()


def add(name: str):  # type: ignore[no-untyped-def]
    def command(tx: Tx) -> str:
        tx.append("project.add", name, {"name": name, "dir": f"/{name}"})
        return name

    return command


def names(read: Read) -> list[str]:
    return [row["name"] for row in read.rows("SELECT name FROM projects ORDER BY name")]


def test_writes_are_seen_and_published(writer: WriterThread, ring: EventRing) -> None:
    committed: list[str] = []
    writer.on_commit = lambda entries: committed.extend(entry.subject for entry in entries)
    futures = [writer.submit(add(f"p{number}"), actor="ada") for number in range(20)]
    assert [future.result() for future in futures] == [f"p{number}" for number in range(20)]
    assert len(writer.read(names)) == 20
    assert committed == [f"p{number}" for number in range(20)]
    events = ring.after(0)
    assert events is not None
    assert [(event.type, event.subject, event.data["actor"]) for event in events] == [
        ("ledger", f"p{number}", "ada") for number in range(20)
    ]
    assert writer.ledger_seq == 20


def test_a_problem_is_its_callers_alone(writer: WriterThread) -> None:
    def refuse(tx: Tx) -> None:
        add("half")(tx)
        raise Problem("refused", "no")

    def fault(tx: Tx) -> None:
        raise ZeroDivisionError

    futures = [writer.submit(fn) for fn in (add("a"), refuse, fault, add("b"))]
    assert futures[0].result() == "a"
    with pytest.raises(Problem, match="no"):
        futures[1].result()
    with pytest.raises(ZeroDivisionError):
        futures[2].result()
    assert futures[3].result() == "b"
    assert writer.read(names) == ["a", "b"]


def test_the_same_key_does_it_once(writer: WriterThread, ring: EventRing) -> None:
    assert writer.call(add("a"), key="k") == "a"
    assert writer.call(add("b"), key="k") == "a"
    assert writer.read(names) == ["a"]
    assert writer.ledger_seq == 1


def test_closing_finishes_what_is_queued_and_refuses_the_rest(writer: WriterThread) -> None:
    futures = [writer.submit(add(f"p{number}")) for number in range(200)]
    writer.close()
    assert all(future.result() for future in futures)
    with pytest.raises(Problem) as raised:
        writer.call(add("late"))
    assert (raised.value.code, raised.value.status) == ("daemon_stopping", 3)


def test_a_disk_that_fails_ends_the_writer_and_leaves_nobody_waiting(
    writer: WriterThread, fatal: list[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Writer, _commands: object) -> None:
        raise FatalStoreError("fdatasync failed")

    monkeypatch.setattr(Writer, "execute", fail)
    with pytest.raises(Problem) as raised:
        writer.call(add("a"))
    assert (raised.value.code, raised.value.status) == ("outcome_unknown", 3)
    writer.close()
    assert isinstance(fatal[0], FatalStoreError)
    with pytest.raises(Problem):
        writer.call(add("b"))


@pytest.mark.parametrize("fails", ["on_commit", "publish"])
def test_what_is_durable_is_answered_whoever_cannot_be_told(
    writer: WriterThread, ring: EventRing, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr(*((writer, "on_commit") if fails == "on_commit" else (ring, "publish")), fail)
    assert writer.call(add("a"), timeout=5) == "a"
    assert writer.call(add("b"), timeout=5) == "b"
    assert writer.read(names) == ["a", "b"]


def test_a_slow_question_is_interrupted_and_the_next_is_answered(writer: WriterThread) -> None:
    readers = Readers(writer, deadline=0.3)

    async def scenario() -> None:
        with pytest.raises(Problem) as raised:
            await readers.run(
                lambda read: read.rows("SELECT count(*) FROM range(1000000000) a, range(1000) b")
            )
        assert (raised.value.code, raised.value.status) == ("too_slow", 3)
        assert await asyncio.gather(*(readers.run(names) for _ in range(8))) == [[]] * 8

    asyncio.run(scenario())
    readers.close()


def test_who_writes_together_is_committed_together_and_nobody_waits_for_ever(writer: WriterThread) -> None:
    """Those of the last group are waited for, each that stays away once: a lone writer soon waits for nobody."""
    going, go_on = threading.Event(), threading.Event()

    def holds(tx: Tx) -> None:
        going.set()
        assert go_on.wait(30)

    first = writer.submit(holds)
    assert going.wait(30)
    futures = [writer.submit(add(f"p{number}")) for number in range(3)]
    go_on.set()
    assert [future.result(30) for future in (first, *futures)] == [None, "p0", "p1", "p2"]
    crowds = []
    for number in range(3):
        writer.call(add(f"q{number}"), timeout=30)
        crowds.append(writer.crowd)
    assert crowds == [2, 1, 1]
