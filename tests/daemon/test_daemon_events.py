"""The ring of events and its streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from mlops_tui.daemon.events import EventRing
from mlops_tui.verbs.top import Event


def decode(lines: list[bytes]) -> list[Event]:
    return [msgspec.json.decode(line, type=Event) for block in lines for line in block.splitlines() if line]


async def collect(stream: AsyncIterator[bytes]) -> list[Event]:
    return decode([line async for line in stream])


def test_without_follow_a_stream_has_all_that_is_kept_and_ends() -> None:
    ring = EventRing("e1")
    for number in range(3):
        ring.publish("run", f"r{number}")
    found = asyncio.run(collect(ring.stream(None, 0, False)))
    assert [(event.type, event.seq) for event in found] == [("hello", 0), ("run", 1), ("run", 2), ("run", 3)]
    assert {event.epoch for event in found} == {"e1"}


def test_a_known_place_is_continued() -> None:
    ring = EventRing("e1")
    for number in range(3):
        ring.publish("run", f"r{number}")
    found = asyncio.run(collect(ring.stream("e1", 2, False)))
    assert [(event.type, event.seq) for event in found] == [("hello", 2), ("run", 3)]


def test_a_place_of_another_daemon_or_too_old_is_reset() -> None:
    ring = EventRing("e2", capacity=2)
    for number in range(5):
        ring.publish("run", f"r{number}")
    for epoch, seq in (("e1", 4), ("e2", 1), ("e2", 99)):
        found = asyncio.run(collect(ring.stream(epoch, seq, False)))
        assert [event.type for event in found] == ["hello", "reset"], (epoch, seq)
        assert found[1].seq == 5


def test_long_events_push_out_more_of_the_older_ones() -> None:
    ring = EventRing("e", budget=10_000)
    for number in range(100):
        ring.publish("ledger", f"r{number}", {"text": "x" * 1000})
    assert ring.after(90) is None
    kept = ring.after(91)
    assert kept is not None and [event.seq for event in kept] == list(range(92, 101))
    ring.publish("ledger", "huge", {"text": "x" * 50_000})
    assert [event.subject for event in ring.after(100) or ()] == ["huge"], "who keeps up hears of all"
    ring.publish("run", "next")
    assert [event.subject for event in ring.after(101) or ()] == ["next"] and ring.after(100) is None


def test_follow_starts_now_hears_news_and_ends_with_the_daemon() -> None:
    async def scenario() -> list[Event]:
        ring = EventRing("e1")
        ring.attach(asyncio.get_running_loop())
        ring.publish("run", "before")
        stream = ring.stream(None, 0, True)
        lines = [await anext(stream)]
        assert ring.listeners == 1
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.to_thread(ring.publish, "run", "after")
        lines.append(await waiting)
        ring.close()
        lines += [line async for line in stream]
        assert ring.listeners == 0
        return decode(lines)

    assert [(event.type, event.subject) for event in asyncio.run(scenario())] == [
        ("hello", ""),
        ("run", "after"),
        ("end", ""),
    ]


def test_a_listener_that_falls_behind_is_told_and_costs_no_memory() -> None:
    async def scenario() -> list[Event]:
        ring = EventRing("e1", capacity=10)
        ring.attach(asyncio.get_running_loop())
        stream = ring.stream(None, 0, True)
        lines = [await anext(stream)]
        for number in range(100):
            ring.publish("run", str(number))
        lines.append(await anext(stream))
        await stream.aclose()
        return decode(lines)

    assert [(event.type, event.seq) for event in asyncio.run(scenario())] == [("hello", 0), ("reset", 100)]
