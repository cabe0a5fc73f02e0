"""Promotions, rollbacks and questions about the past, against a model in plain Python; the index built anew is the same."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from effort import examples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from registry_box import Box

from mlops_store.atomic import read_json_if
from mlops_store.errors import Problem
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_tui.services import alias_files
from mlops_tui.services import model as service
from mlops_tui.services.alias_files import AliasFile
from mlops_tui.verbs.model import ModelHistory, ModelShow

ALIASES = ("champion", "challenger")


class Registry(RuleBasedStateMachine):
    """`stacks` is what undoing would go through; `past` is (time, aliases) after each move."""

    @initialize()
    def start(self) -> None:
        self.box = Box.make()
        self.versions = 0
        self.stacks: dict[str, list[int]] = {alias: [] for alias in ALIASES}
        self.past: list[tuple[int, dict[str, int]]] = []
        self.moves: list[tuple[str, int | None, int]] = []
        self.register()

    @rule()
    def register(self) -> None:
        self.versions += 1
        assert self.box.register() == self.versions

    @rule(
        alias=st.sampled_from(ALIASES),
        version=st.integers(1, 6),
        expected=st.sampled_from(["none", "right", "wrong"]),
    )
    def promote(self, alias: str, version: int, expected: str) -> None:
        stack = self.stacks[alias]
        now = stack[-1] if stack else 0
        belief = {"none": None, "right": now, "wrong": now + 1}[expected]
        allowed = version <= self.versions and expected != "wrong" and version != now
        try:
            move = self.box.promote(f"late@{version}", alias=alias, expected_from=belief)
        except Problem as problem:
            assert not allowed, problem
            return
        assert allowed
        stack.append(version)
        self.moved(alias, now or None, version, move.time)

    @rule(alias=st.sampled_from(ALIASES))
    def rollback(self, alias: str) -> None:
        stack = self.stacks[alias]
        try:
            move = self.box.rollback(alias=alias)
        except Problem as problem:
            assert len(stack) < 2 and problem.code == "nothing_to_roll_back"
            return
        top = stack.pop()
        self.moved(alias, top, stack[-1], move.time)

    def moved(self, alias: str, before: int | None, after: int, at: int) -> None:
        self.moves.append((alias, before, after))
        self.past.append((at, {name: stack[-1] for name, stack in self.stacks.items() if stack}))
        while int(time.time() * 1000) <= at:
            time.sleep(0.0005)
        with self.box.read() as read:
            alias_files.write(self.box.home, read, "air", "late")

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        at, expected = data.draw(st.sampled_from(self.past))
        with self.box.read() as read:
            assert service.show(read, ModelShow(model="late", as_of=at)).aliases == expected
            latest = service.show(read, ModelShow(model="late"))
            assert latest.aliases == self.past[-1][1] and len(latest.versions) == self.versions
            history = service.history(read, ModelHistory(model="late", limit=1000)).items
            assert [(m.alias, m.from_, m.to) for m in reversed(history)] == self.moves
        file = read_json_if(self.box.home.alias_file("air", "late"), AliasFile)
        assert file is not None and {k: v.version for k, v in file.aliases.items()} == self.past[-1][1]

    def teardown(self) -> None:
        if not hasattr(self, "box"):
            return
        try:
            same_when_rebuilt(self.box)
        finally:
            self.box.close()
            shutil.rmtree(self.box.home.path, ignore_errors=True)


def same_when_rebuilt(box: Box) -> None:
    target = box.home.tmp / "rebuilt.duckdb"
    build(box.home, target)
    fresh = Database.open(target)
    try:
        assert compare(box.writer.database, fresh) == []
    finally:
        fresh.close()
        target.unlink()


TestRegistry = pytest.mark.filterwarnings("ignore")(Registry.TestCase)
TestRegistry.settings = settings(
    max_examples=examples(5), stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_waivers_and_rollbacks_are_the_same_when_rebuilt(box: Box, tmp_path: Path) -> None:
    box.register(verdict=None)
    box.waive("late@1", "gate")
    box.promote("late@1")
    box.register()
    box.promote("late@2")
    box.rollback()
    same_when_rebuilt(box)
    box.writer.close()
    box.writer = type(box.writer).open(box.home)
    box.promote("late@2")
    assert box.rollback().to == 1
