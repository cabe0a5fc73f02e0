"""The command that a screen or a plan of the app shows is one that the real command line takes, and takes as the same."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk import AIR, Desk
from rich.text import Text
from textual.app import App

import mlops_tui.cli.invoke
import mlops_tui.tui.app
from mlops_store.errors import Problem
from mlops_store.records import Outcome
from mlops_tui.cli.main import main
from mlops_tui.commandline.twin import command
from mlops_tui.daemon.dispatch import find_service
from mlops_tui.tui.actions import ACTIONS
from mlops_tui.tui.dialogs.choose import Choose
from mlops_tui.tui.dialogs.form import Form
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.data import DataRoom
from mlops_tui.tui.screens.features import FeaturesRoom
from mlops_tui.tui.screens.ledger import LedgerRoom
from mlops_tui.tui.screens.lineage import LineageRoom
from mlops_tui.tui.screens.model import ModelRoom
from mlops_tui.tui.screens.model_compare import ModelCompareRoom
from mlops_tui.tui.screens.models import ModelsRoom
from mlops_tui.tui.screens.monitor import MonitorRoom
from mlops_tui.tui.screens.monitoring import MonitoringRoom
from mlops_tui.tui.screens.proposal import ProposalRoom
from mlops_tui.tui.screens.proposals import ProposalsRoom
from mlops_tui.tui.screens.queue import QueueRoom
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.screens.run import RunRoom
from mlops_tui.tui.screens.run_compare import CompareRoom
from mlops_tui.tui.screens.runs import RunsRoom
from mlops_tui.tui.settings import Settings, look
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Plan

TOML = (
    AIR
    + """task = "classification"
"""
)
TYPED = {"set:max_iter": "60", "runs": "3", "tags": "owner='ann b' x=-1", "remove": "draft", "text": "--it's [red]",
         "paths": "/tmp/x", "name": "n", "input": "/tmp/in.csv", "output": "/tmp/out.csv", "model": "late"}  # fmt: skip


class Line:
    """The services over a home, without a daemon between."""

    project = ("air", None)
    read_only = False

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _request(self, key: str, fields: dict[str, Any] | None) -> Any:
        kind = find(key).input
        given = {"project": "air"} if "project" in kind.__struct_fields__ else {}
        return msgspec.convert({**given, **(fields or {})}, kind)

    async def ask(self, key: str, fields: dict[str, Any] | None = None) -> Any:
        service = find_service(find(key))
        if service is None or find(key).writes:
            raise Problem("not_here", key)
        with self.desk.read("ann") as read:
            return service(read, self._request(key, fields))

    async def plan(self, key: str, fields: dict[str, Any] | None = None) -> Plan:
        plan = find_service(find(key), "plan_")
        assert plan is not None
        with self.desk.read("ann") as read:
            found: Plan = plan(read, self._request(key, fields))
            return found

    def wake(self) -> None:
        """It is."""


class Stand(App[None]):
    """As much of the app as screens need; every dialog is answered at once, and of a plan the command is kept."""

    CSS_PATH = Path(mlops_tui.tui.app.__file__).parent / "styles" / "app.tcss"

    def __init__(self, room: Room, desk: Desk) -> None:
        super().__init__()
        self.room, self.link = room, Line(desk)
        self.news, self.look = News(connected=True), look(Settings(), environ={"LANG": "C.UTF-8"})
        self.lines: list[str] = []
        self.said: list[str] = []
        self.saying: list[Any] = []
        self.undoings: list[int] = []

    def on_mount(self) -> None:
        self.push_screen(self.room)

    async def push_screen_wait(self, screen: Any, *_: Any, **__: Any) -> Any:
        if isinstance(screen, PlanDialog):
            self.lines.append(screen._command)
            return None
        if isinstance(screen, Form):
            return self._filled(screen)
        return screen._options[0][0] if isinstance(screen, Choose) else None

    def push_screen(self, screen: Any, *rest: Any, **how: Any) -> Any:
        """A form that stays is sent once, and left when its plan has been."""
        if isinstance(screen, Form):
            screen._sent.put_nowait(self._filled(screen))
            screen._sent.put_nowait(None)
        return super().push_screen(screen, *rest, **how)

    @staticmethod
    def _filled(form: Form) -> dict[str, str]:
        typed = TYPED | ({"set:max_iter": "50..90"} if form._title.startswith("Search") else {})
        return {
            field.name: typed.get(field.name) or field.value or next(iter(field.choices), "")
            for field in form._fields
        }

    async def in_project(self) -> bool:
        return True

    def pulse(self, *, paused: bool) -> Text:
        return Text()

    def tell(self, message: str, *_: Any, **__: Any) -> None:
        self.said.append(message)

    def complain(self, problem: Problem) -> None:
        self.said.append(f"{problem.code}: {problem.message}")

    def open(self, *_: Any) -> None:
        """Another screen: it has its own turn."""

    open_lineage = yank = open


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A project with data, runs in several states, versions, a card and decisions to undo. Nothing is changed by who only looks."""
    folder = tmp_path_factory.mktemp("air")
    (folder / "mlops.toml").write_text(TOML)
    desk = Desk.make(folder / "home")
    desk.project("air", str(folder))
    desk.data(1)
    desk.data(2)
    done, failed, live = desk.run(run_id="a" * 32), desk.run(run_id="b" * 32), desk.run(run_id="c" * 32)
    desk.end(done, Outcome(kind="train"))
    desk.end(failed)
    desk.append("run.settle", {"run_id": failed.run_id, "state": "KILLED"}, subject=failed.run_id)
    assert live.latest() == 1
    desk.version(1, done.run_id, {"flights": 1})
    desk.version(2, failed.run_id, {"flights": 2})
    desk.version(3, "d" * 32, {"flights": 2})
    desk.champion(1)
    desk.champion(2, 1)
    desk.card("prop-1")
    desk.drift(2, 2, 1)
    yield desk
    desk.close()


ROOMS = {
    "runs": (RunsRoom, ()), "run": (RunRoom, ("c" * 32,)), "run that has ended": (RunRoom, ("a" * 32,)), "queue": (QueueRoom, ()),
    "models": (ModelsRoom, ()), "model": (ModelRoom, ("air", "late", 3)), "proposals": (ProposalsRoom, ()), "proposal": (ProposalRoom, ("prop-1",)),
    "data": (DataRoom, ()), "features": (FeaturesRoom, ()), "monitoring": (MonitoringRoom, ()), "monitor": (MonitorRoom, ("air", "late")),
    "ledger": (LedgerRoom, ()), "compare": (CompareRoom, (["a" * 32, "b" * 32],)), "versions": (ModelCompareRoom, ("air", "late", 1, 2)),
    "lineage": (LineageRoom, ("run:" + "a" * 32,)),
}  # fmt: skip
PLANS = {
    "runs": {"run start", "run sweep", "run tag", "run note", "ledger undo"}, "run": {"run stop", "run tag", "run note", "ledger undo"},
    "models": {"model promote", "model rollback", "ledger undo"}, "model": {"model promote", "model rollback"},
    "proposals": {"proposal approve", "proposal reject", "proposal snooze"}, "proposal": {"proposal approve", "proposal reject", "proposal snooze"},
    "ledger": {"ledger undo"},
}  # fmt: skip
"""Plans that a screen of this home comes to at least."""


def deeds(room: Room) -> list[str]:
    """The methods of its actions that change something."""
    contexts = {"room", *room.CONTEXTS}
    methods = [
        f"action_{each.method}" for each in ACTIONS.values() if each.danger and contexts & set(each.contexts)
    ]
    return [name for name in methods if hasattr(room, name)]


def shown(room: Room, desk: Desk) -> list[str]:
    """The twin of the screen, and the commands of all plans that its actions come to."""

    async def play() -> list[str]:
        app = Stand(room, desk)
        async with app.run_test(size=(120, 36)) as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause()
            await app.workers.wait_for_complete()
            key, fields = room.twin()
            lines = [command(key, fields, project="air")] if key else []
            for name in deeds(room):
                getattr(room, name)()
                await app.workers.wait_for_complete()
            return [*lines, *app.lines]

    return asyncio.run(play())


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_screen_shows_to_type_is_a_command(
    name: str, home: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        mlops_tui.cli.invoke,
        "invoke",
        lambda _session, verb, fields, _how: taken.append((verb.key, fields)) or 0,
    )
    kind, arguments = ROOMS[name]
    lines = shown(kind(*arguments), home)  # type: ignore[operator]
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "mlops-tui" and not {"SEQ", "RUN", "..."} & set(words), line
        assert main(words[1:]) == 0, f"{line}\n{capsys.readouterr().err}"
        key, fields = taken[-1]
        assert command(key, fields, project="air") == line, "it says the same"
        msgspec.convert(fields, find(key).input)
    assert PLANS.get(name, set()) <= {key for key, _ in taken}
    assert all(fields.get("seq") for key, fields in taken if key == "ledger undo"), (
        "the entry that the plan is about"
    )
