"""Room: a budget warns, a disk that is nearly full is told of before it is full, and below the floor nothing new is started."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from care_box import Box

from mlops_store.errors import Problem
from mlops_store.index.writer import Command
from mlops_tui.daemon.meter import Meter
from mlops_tui.services import disk, notify, space
from mlops_tui.services import doctor as doctors
from mlops_tui.services import home as homes
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext
from mlops_tui.verbs.home import HomeBudgetSet, HomeShow

MB = 1_000_000


class Room(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Says how much is free on the disk."""

    def say(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: Room(100_000 * MB, 0, free))

    say(50_000 * MB)
    return say


class Writes:
    """The part of a daemon's writer that the meter uses."""

    def __init__(self, box: Box) -> None:
        self.home, self._box = box.home, box

    def read(self, fn: Any) -> Any:
        with self._box.read() as read:
            return fn(read)

    recall = read

    def call(self, fn: Any, *, actor: str = "daemon", key: str = "") -> Any:
        return self._box.writer.execute([Command(fn, actor, key)])[0].unwrap()


def said(box: Box) -> list[str]:
    return [
        row["state"]
        for row in box.rows(
            "SELECT data ->> '$.state' AS state FROM ledger WHERE verb = 'home.space' ORDER BY seq"
        )
    ]


def test_the_meter_says_each_change_once(box: Box, room: Callable[[int], None]) -> None:
    meter = Meter(Writes(box), period=0)
    steps = [50_000, 1_900, 1_800, 2_050, 150, 210, 500, 2_100, 2_300]
    for free in steps:
        room(free * MB)
        meter.tick()
    assert said(box) == ["low", "full", "low", "ok"]
    room(1_000 * MB)
    Meter(Writes(box), period=0).tick()
    Meter(Writes(box), period=0).tick()  # a daemon that starts anew says nothing twice
    assert said(box)[4:] == ["low"]
    assert box.differences() == []


def test_everyone_who_wants_to_be_told_is_told(box: Box, room: Callable[[int], None], tmp_path: Any) -> None:
    folder = tmp_path / "clinic"
    folder.mkdir()
    (folder / "mlops.toml").write_text('[project]\nname = "clinic"\n[notify]\ncommand = "true"\n')
    box.append(("project.add", {"name": "clinic", "dir": str(folder)}))
    room(1_000 * MB)
    Meter(Writes(box), period=0).tick()
    with box.read() as read:
        found, _ = notify.notices(read, 0)
    assert [(notice.event["event"], notice.event["project"], notice.event["state"]) for notice in found] == [
        ("space", "clinic", "low")
    ]
    assert "1.0 GB are free" in found[0].event["text"]


def test_below_the_floor_nothing_new_is_started_and_the_loop_goes_on(
    box: Box, room: Callable[[int], None]
) -> None:
    room(150 * MB)
    client = ClientContext(cwd="/", python="python3")
    with pytest.raises(Problem, match="150 MB are free") as caught:
        box.do(lambda tx, _: submit(tx, kind="train", project="p", client=client, command=["true"]), None)
    assert (caught.value.code, caught.value.status) == ("disk_full", 3)
    assert "home gc" in caught.value.hint
    box.do(lambda tx, _: submit(tx, kind="drift", project="p"), None)
    box.do(homes.budget, HomeBudgetSet(floor=100 * MB))
    box.do(lambda tx, _: submit(tx, kind="train", project="p", client=client, command=["true"]), None)


def test_a_budget_is_in_the_ledger_and_warns(box: Box, room: Callable[[int], None]) -> None:
    box.run()
    plan = box.ask(homes.plan_budget, HomeBudgetSet(budget=1))
    assert plan.steps == ["budget: no limit → 0.00 GB"]
    box.do(homes.budget, HomeBudgetSet(budget=1))
    counter = disk.usage(box.home)
    counter.now()
    counter.wait(30)
    with box.read() as read:
        assert space.look(read).state == "over"
        findings = [
            finding for finding in doctors.index_findings(read, deep=False) if finding.code == "home_space"
        ]
    assert findings and findings[0].level == "warning"
    assert box.ask(homes.show, HomeShow()).state == "over"
    assert box.differences() == []
    box.do(homes.budget, HomeBudgetSet(budget=0))
    assert box.ask(homes.show, HomeShow()).state == "ok"


@pytest.mark.parametrize("wrong", [{}, {"floor": 10**12}])
def test_a_budget_that_makes_no_sense_is_refused(box: Box, wrong: dict[str, int]) -> None:
    with pytest.raises(Problem) as caught:
        box.do(homes.budget, HomeBudgetSet(**wrong))
    assert caught.value.status == 2


def test_show_counts_by_class(box: Box) -> None:
    run_id = box.run()
    (box.home.run_dir(run_id) / "artifacts" / "big.bin").write_bytes(b"x" * 200_000)
    report = box.ask(homes.show, HomeShow())
    classes = {item.name: item for item in report.classes}
    assert classes["artifacts"].bytes >= 200_000 and classes["logs"].files == 1
    assert report.bytes == sum(item.bytes for item in report.classes)
    assert (report.counts.runs, report.counts.live) == (1, 0)
