"""A client that asks for the stream of events and does not read it: nobody else pays, and it is cut off."""

from __future__ import annotations

import http.client
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fault_box import spoilt_daemon
from run_box import until

from mlops_store.home import Home
from mlops_tui.client import Client, connect
from mlops_tui.client.wire import UnixConnection
from mlops_tui.daemon.peer import OwnerOnly
from mlops_tui.verbs.top import Event

KEPT, NOISE, SIZE, COMMANDS = 60, 20, 100_000, 30
# with each event come large ones: what happens during the test is 60 MB, of which the ring keeps 6
HOW = f"""
from mlops_tui.daemon import events, peer
peer.DEAF = 0.5
events.EventRing.__init__.__defaults__ = ({KEPT}, events.BUDGET)
publish = events.EventRing.publish
def much(self, kind, subject, data=None):
    for _ in range({NOISE}):
        publish(self, "noise", "", {{"text": "x" * {SIZE}}})
    publish(self, kind, subject, data)
events.EventRing.publish = much
"""


def listen(home: Home) -> http.client.HTTPResponse:
    """The stream from now on, of which nobody has read anything yet."""
    connection = UnixConnection(home, 30.0)
    connection.request("GET", "/v1/events?follow=1")
    return connection.getresponse()


def heard(stream: http.client.HTTPResponse) -> Iterator[Event]:
    """Whole lines, to where the stream breaks off."""
    try:
        while (line := stream.readline()).endswith(b"\n"):
            yield msgspec.json.decode(line, type=Event)
    except (http.client.IncompleteRead, ConnectionError):
        return


def peak(pid: int) -> int:
    """Megabytes that a process ever had."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) >> 10


def toggle(client: Client, folder: Path, times: int) -> float:
    """So many commands; the longest time that one took, in seconds."""
    longest = 0.0
    for number in range(times):
        before = time.monotonic()
        verb, request = ("remove", {"name": "p"}) if number % 2 else ("add", {"dir": str(folder)})
        client.call(f"project {verb}", request)
        longest = max(longest, time.monotonic() - before)
    return longest


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_one_who_does_not_read_costs_nobody_else_and_is_cut_off(
    served_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_tui.client.spawn.daemon_command", spoilt_daemon(HOW))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mlops.toml").write_text('[project]\nname = "p"\n')
    with connect(served_home) as client:
        toggle(client, tmp_path / "p", 4)
        pid, before = client.ping().pid, peak(client.ping().pid)
        deaf = listen(served_home)
        assert toggle(client, tmp_path / "p", COMMANDS) < 5.0, "others are answered meanwhile"
        assert peak(pid) - before < NOISE * SIZE * COMMANDS / 2 / 1e6
        until(lambda: "took nothing for 0.5 s is cut off" in served_home.log_file.read_text())
        events = list(heard(deaf))
        assert 0 < len(events) < KEPT and events[-1].type not in ("end", "reset")
        # it knows its place, and is told that it has missed something
        again = client.events(follow=False, epoch=events[-1].epoch, seq=events[-1].seq)
        assert [event.type for event in again if event][:2] == ["hello", "reset"]
        assert client.ping().pid == pid


class Slow:
    """Transport and loop of a connection: each look finds so many bytes that were not taken."""

    def __init__(self, *waiting: int) -> None:
        self.waiting = deque(waiting)
        self.aborted = False
        self.later: tuple[Any, ...] | None = None

    def get_write_buffer_size(self) -> int:
        return self.waiting[0]

    def abort(self) -> None:
        self.aborted = True

    def call_later(self, _seconds: float, *call: Any) -> Slow:
        self.later = call
        return self

    def cancel(self) -> None:
        self.later = None


def test_who_takes_a_little_is_waited_for() -> None:
    world = Slow(90, 80, 70, 70)
    protocol: Any = OwnerOnly.__new__(OwnerOnly)
    protocol.loop = protocol.transport = protocol.flow = world
    protocol._look_again()
    while world.later is not None and not world.aborted and len(world.waiting) > 1:
        world.waiting.popleft()
        look, *arguments = world.later
        look(*arguments)
    assert world.aborted and list(world.waiting) == [70]
