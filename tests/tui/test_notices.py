"""What is told to someone who looks elsewhere: runs that have ended, new proposals, of the project that is looked at; by bell, OSC 9, a command."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from whole_app import NOW, Line, a_run

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.tui.news import News
from mlops_tui.tui.notifying import Notice, Notifier, ring, run_command
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs._status import CardState, Disk, LiveRun, StatusReport
from mlops_tui.verbs.daemon import DaemonStatus


class Desk:
    """Runs and cards of projects, as a daemon would tell of them."""

    def __init__(self, path: Path) -> None:
        self.runs: dict[int, Run] = {}
        self.cards: dict[str, str] = {}
        self.states: dict[str, str] = {}
        self.broken = False
        self.line = Line(Home(path), ("flights", None), {"status": self._status, "run list": self._list})
        self.notifier = Notifier(self.line)  # type: ignore[arg-type]

    def put(self, number: int, state: str = "RUNNING", **more: Any) -> str:
        ended = {} if state in ("RUNNING", "QUEUED") else {"started": NOW, "ended": NOW + 90_000}
        self.runs[number] = msgspec.structs.replace(a_run(number, state), **{**ended, **more})
        return self.runs[number].run_id

    def hear(self, *runs: str, everything: bool = False) -> list[tuple[str, bool]]:
        news = News(runs=set(runs), everything=everything)
        return [(notice.text, notice.bad) for notice in asyncio.run(self.notifier.heard(news))]

    def _mine(self) -> list[Run]:
        return [run for run in self.runs.values() if run.project == self.line.project[0]]

    def _status(self, _: dict[str, Any]) -> StatusReport:
        live = [LiveRun(run_id=run.run_id, name=run.name, kind=run.kind, project=run.project, state=run.state, created=NOW)
                for run in self._mine() if run.state in ("RUNNING", "QUEUED")]  # fmt: skip
        cards = [CardState(id=id, project=project, model="late", state=self.states.get(id, "OPEN"), revision=1, headline="drift", created=NOW)
                 for id, project in self.cards.items() if project == self.line.project[0]]  # fmt: skip
        return StatusReport(time=NOW, runs=live, proposals=cards, disk=Disk(free_bytes=1, total_bytes=2), daemon=DaemonStatus(running=True))  # fmt: skip

    def _list(self, fields: dict[str, Any]) -> Page[Run]:
        if self.broken:
            raise Problem("daemon_gone", "the daemon does not answer", "")
        wanted = re.findall(r'"([0-9a-f]+)"', fields["filter"])
        found = [run for run in self._mine() if run.run_id in wanted]
        return Page(items=found, total=len(found))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_ends_is_told_once_in_the_words_of_its_end(desk: Desk) -> None:
    ids = [desk.put(number) for number in range(3)]
    desk.put(9, "FINISHED", ended=NOW - 1)
    assert desk.hear(everything=True) == []
    desk.put(0, "FINISHED", verdict="PASS")
    desk.put(1, "FAILED")
    told = desk.hear(ids[0], ids[1])
    assert sorted(told) == [
        ("late-0 finished after 1m 30s, gate PASS", False),
        ("late-1 failed after 1m 30s", True),
    ]
    assert desk.hear(ids[0], ids[1]) == [] == desk.hear(desk.runs[9].run_id), "told, and over before we came"


def test_a_run_that_begins_and_ends_between_two_looks_is_told(desk: Desk) -> None:
    assert desk.hear(everything=True) == []
    assert desk.hear(desk.put(4, "FINISHED")) == [("late-4 finished after 1m 30s", False)]
    assert desk.hear(desk.put(5, "FINISHED", kind="ingest")) == [], "nobody waits for these"


def test_runs_that_vanish_without_an_end_are_not_told(desk: Desk) -> None:
    desk.put(1)
    assert desk.hear(everything=True) == []
    del desk.runs[1]
    assert desk.hear(everything=True) == []


def test_only_a_card_that_asks_is_told(desk: Desk) -> None:
    desk.hear(everything=True)
    for id, state in (("p1", "ERROR"), ("p2", "OPEN"), ("p3", "RUNNING")):
        desk.cards[id], desk.states[id] = "flights", state
    assert desk.hear(everything=True) == [("a retraining of late is proposed: drift", False)]
    desk.states["p2"] = "ERROR"
    assert desk.hear(everything=True) == []


def test_another_project_is_a_new_beginning(desk: Desk) -> None:
    desk.put(1)
    desk.cards = {"a": "flights", "b": "clinic", "c": "clinic"}
    assert desk.hear(everything=True) == []
    desk.line.project = ("clinic", None)
    assert desk.hear(everything=True) == [], "neither its cards are new nor are the runs of the other over"
    desk.cards["d"] = "clinic"
    assert desk.hear(everything=True) == [("a retraining of late is proposed: drift", False)]
    assert desk.hear(everything=True) == []


def test_an_answer_that_fails_loses_no_notice(desk: Desk) -> None:
    run_id = desk.put(1)
    assert desk.hear(everything=True) == []
    desk.put(1, "KILLED")
    desk.cards["a"] = "flights"
    desk.broken = True
    with pytest.raises(Problem):
        desk.hear(run_id)
    desk.broken = False
    assert [bad for _, bad in desk.hear(everything=True)] == [False, True]


@pytest.mark.parametrize(
    ("bell", "osc9", "tmux", "written"),
    [
        (True, True, "", ["\x07\x1b]9;mlops-tui: it failed\x1b\\"]),
        (False, True, "", ["\x1b]9;mlops-tui: it failed\x1b\\"]),
        (True, False, "", ["\x07"]),
        (False, False, "", []),
        (False, True, "/tmp/t,1,0", ["\x1bPtmux;\x1b\x1b]9;mlops-tui: it failed\x1b\x1b\\\x1b\\"]),
    ],
)
def test_bell_and_desktop_notice(
    monkeypatch: pytest.MonkeyPatch, bell: bool, osc9: bool, tmux: str, written: list[str]
) -> None:
    monkeypatch.setenv("TMUX", tmux)
    found: list[str] = []
    ring(found.append, Notice("it failed", bad=True), bell=bell, osc9=osc9)
    assert found == written


def test_a_command_gets_the_text_as_its_last_argument(tmp_path: Path) -> None:
    script = tmp_path / "tell"
    script.write_text(
        f'#!/bin/sh\nprintf "%s|" "$@" > {tmp_path}/.said && mv {tmp_path}/.said {tmp_path}/said\n'
    )
    script.chmod(0o755)
    run_command(f"{script} 'two words'", Notice("late-1 failed; $(reboot)"))
    deadline = time.monotonic() + 30
    while not (tmp_path / "said").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (tmp_path / "said").read_text() == "two words|late-1 failed; $(reboot)|"
    with pytest.raises(OSError):
        run_command(str(tmp_path / "none"), Notice("x"))
