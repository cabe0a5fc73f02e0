"""Detail screens by keys, over answers that are given: what they ask, what they do, what they say where there is nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import screen_answers as answers
from rich.text import Text
from textual.app import App
from textual.pilot import Pilot
from textual.screen import ModalScreen

import mlops_tui.tui.app
from mlops_store.errors import Problem
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.data import DataRoom
from mlops_tui.tui.screens.data_version import DataVersionRoom
from mlops_tui.tui.screens.features import FeaturesRoom
from mlops_tui.tui.screens.home import HomeRoom
from mlops_tui.tui.screens.model_compare import ModelCompareRoom
from mlops_tui.tui.screens.monitor import MonitorRoom
from mlops_tui.tui.screens.monitoring import MonitoringRoom
from mlops_tui.tui.screens.proposal import ProposalRoom
from mlops_tui.tui.screens.proposals import ProposalsRoom
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.settings import Settings, look
from mlops_tui.verbs._declare import Page, Plan
from mlops_tui.verbs._shapes import DataVersion
from mlops_tui.verbs._status import LiveRun
from mlops_tui.verbs.data import Difference
from mlops_tui.verbs.model import ModelComparison
from mlops_tui.verbs.monitor import Monitored

Given = dict[str, Callable[[dict[str, Any]], Any]]


class Link:
    """Answers as they are given; keeps what was asked."""

    project = ("flights", None)
    read_only = False

    def __init__(self, given: Given) -> None:
        self.given = given
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, key: str, fields: dict[str, Any] | None = None) -> Any:
        self.asked.append((key, dict(fields or {})))
        if key not in self.given:
            raise Problem("no_such_thing", f"there is no [red]{key}[/]", "look elsewhere")
        return self.given[key](fields or {})

    async def plan(self, key: str, fields: dict[str, Any] | None = None) -> Plan:
        return Plan(title=f"the plan of {key}", steps=["a step"])


class Stand(App[None]):
    """As much of the app as a screen needs."""

    CSS_PATH = Path(mlops_tui.tui.app.__file__).parent / "styles" / "app.tcss"

    def __init__(self, room: Room, given: Given, link: type[Link] = Link) -> None:
        super().__init__()
        self.room, self.link = room, link(given)
        self.news = News(connected=True)
        self.look = look(Settings(), environ={"LANG": "C.UTF-8"})
        self.said: list[str] = []
        self.saying: list[Text] = []
        self.undoings: list[int] = []
        self.opened: list[tuple[Any, ...]] = []

    def on_mount(self) -> None:
        self.push_screen(self.room)

    def pulse(self, *, paused: bool) -> Text:
        return Text("live")

    def tell(self, message: str, severity: str = "", detail: str = "") -> None:
        self.said.append(message)

    def complain(self, problem: Problem) -> None:
        self.said.append(problem.message)

    def hush(self) -> None:
        self.saying = []

    async def in_project(self) -> bool:
        return True

    def open(self, *what: Any) -> None:
        self.opened.append(what)


def frame(app: App[None]) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], found: Callable[[], bool]) -> None:
    """Waits for what the screen is about to do, on a busy machine too."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it did not come:\n{frame(pilot.app)}")


def play(
    room: Room,
    given: Given,
    keys: Callable[[Pilot[None], Stand], Any],
    size: tuple[int, int] = (80, 24),
    link: type[Link] = Link,
) -> None:
    async def run() -> None:
        app = Stand(room, given, link)
        async with app.run_test(size=size) as pilot:
            await keys(pilot, app)

    asyncio.run(run())


def test_monitoring_shows_all_panes_of_one_answer() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "v2, champion now" in frame(app))
        await pilot.press("tab")
        await until(pilot, lambda: "PSI 0.31, noise band 0.05" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: "alarms" in frame(app) and "1 of 2 looks" in frame(app))
        await pilot.press("escape", "tab", "tab")
        await until(pilot, lambda: "2013-06-01 to 2013-07-01" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.opened))
        assert app.opened[0][1] == "r2", "the newest look's run"
        assert {key for key, _ in app.link.asked} == {"monitor show"}

    play(MonitorRoom("flights", "late"), {"monitor show": lambda _: answers.monitoring()}, keys)


def test_an_answer_that_comes_after_the_screen_was_left_is_dropped() -> None:
    """The widgets go before the workers hear of it."""
    room = ProposalRoom("prop-1")

    class Late(Link):
        async def plan(self, key: str, fields: dict[str, Any] | None = None) -> Plan:
            await room.query("*").remove()
            return await super().plan(key, fields)

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: room.gone and not any(worker.is_running for worker in app.workers))

    play(room, {"proposal show": lambda _: answers.card()}, keys, link=Late)


DATA: Given = {
    "data show": lambda _: answers.data(),
    "data quarantine": lambda _: Page(items=[answers.refused()]),
    "data redrive": lambda _: LiveRun(
        run_id="r1", name="check", kind="ingest", project="flights", state="QUEUED", created=0
    ),
    "data drop": lambda _: answers.refused(),
}


def test_a_refused_file_is_checked_again_with_a_reason() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await pilot.press("a")
        await until(pilot, lambda: "this is for a file in the tab quarantine" in app.said)
        await pilot.press("shift+tab")
        await until(pilot, lambda: "more than once" in frame(app))
        await pilot.press("a")
        await until(pilot, lambda: "admit anyway" in frame(app))
        await pilot.press("down", "down", "enter", "f2")
        await until(pilot, lambda: "say why it is admitted" in frame(app))
        await pilot.press(*"ok", "f2")
        await until(pilot, lambda: "the plan of data redrive" in frame(app))
        await pilot.press("y")
        await until(pilot, lambda: any(key == "data redrive" for key, _ in app.link.asked))
        asked = dict(app.link.asked)["data redrive"]
        assert (asked["force"], asked["reason"]) == (True, "ok") and asked["sha256"].startswith("c813")

    play(DataVersionRoom("flights", "weather", 3), DATA, keys)


def test_dropping_wants_the_name_typed() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "more than once" in frame(app))
        await pilot.press("D")
        await until(pilot, lambda: "type bad.csv to confirm" in frame(app))
        await pilot.press("tab", "tab", "y")
        assert not any(key == "data drop" for key, _ in app.link.asked)
        await pilot.press("escape", "D")
        await until(pilot, lambda: "type bad.csv to confirm" in frame(app))
        await pilot.press(*"bad", "full_stop", *"csv", "enter", "enter")
        await until(pilot, lambda: any(key == "data drop" for key, _ in app.link.asked))

    play(DataVersionRoom("flights", "weather", 3, "quarantine"), DATA, keys)


def test_any_two_versions_are_compared() -> None:
    versions = [
        DataVersion(project="flights", source="weather", version=n, snapshot="s", rows=n, files=n, created=0)
        for n in (3, 2, 1)
    ]
    given: Given = {
        **DATA,
        "data list": lambda _: Page(items=versions),
        "data diff": lambda f: Difference(source="weather", a=f["a"], b=f["b"], rows_a=1, rows_b=2),
    }

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "refuses   1 file" in frame(app))
        await pilot.press("tab")
        await until(pilot, lambda: "version 2 and 3" in frame(app))
        await pilot.press("c")
        await until(pilot, lambda: "Compare weather v3 with" in frame(app))
        await pilot.press("j", "enter")
        await until(pilot, lambda: "version 1 and 3" in frame(app))
        asked = [(fields["a"], fields["b"]) for key, fields in app.link.asked if key == "data diff"]
        assert asked == [(2, 3), (1, 3)]

    play(DataVersionRoom("flights", "weather", 3), given, keys)


def test_a_first_version_has_no_changes_until_it_is_compared() -> None:
    other = DataVersion(
        project="flights", source="weather", version=2, snapshot="s", rows=2, files=2, created=0
    )
    given: Given = {
        **DATA,
        "data list": lambda _: Page(items=[other]),
        "data diff": lambda f: Difference(source="weather", a=f["a"], b=f["b"], rows_a=1, rows_b=2),
    }

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "there is none before it to compare it with" in frame(app))
        await pilot.press("c", "enter")
        await until(pilot, lambda: "version 1 and 2" in frame(app))

    play(DataVersionRoom("flights", "weather", 1, "changes"), given, keys)


def test_what_became_of_a_file_that_was_checked_again_is_told() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        async def check() -> None:
            await until(pilot, lambda: "a checks the file again, D gives it up" in frame(app))
            await pilot.press("a")
            await until(pilot, lambda: "admit anyway" in frame(app))
            await pilot.press("f2")
            await until(pilot, lambda: "the plan of data redrive" in frame(app))
            await pilot.press("y")
            await until(pilot, lambda: not isinstance(app.screen, ModalScreen))

        room = app.screen
        assert isinstance(room, DataVersionRoom)
        await check()
        room.hear(News(entries=[("data.redrive", "flights/weather"), ("data.quarantine", "flights/planes")]))
        room.hear(News(entries=[("data.quarantine", "flights/weather")]))
        await until(pilot, lambda: "/in/bad.csv was checked and refused again" in app.said)
        await check()
        room.hear(News(entries=[("data.admit", "flights/weather@4"), ("data.admit", "flights/weather@5")]))
        await until(pilot, lambda: sum("/in/bad.csv was admitted" in each for each in app.said) == 1)

    play(DataVersionRoom("flights", "weather", 3, "quarantine"), DATA, keys)


def _compared(run_id: str | None) -> Given:
    return {
        "model compare": lambda _: ModelComparison(model="late", a=1, b=2, rows=[], run_id=run_id),
        "model report": lambda _: answers.report(),
    }


@pytest.mark.parametrize(
    ("task", "offered"),
    [("regression", (False, True)), ("classification", (True, False)), ("", (True, True))],
)
def test_tabs_that_a_task_has_nothing_for_are_not_offered(task: str, offered: tuple[bool, bool]) -> None:
    given: Given = {"model compare": lambda _: ModelComparison(model="late", a=1, b=2, rows=[], task=task)}

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "no metrics in common" in frame(app))
        tabs = frame(app).splitlines()[1]
        assert tuple(name in tabs for name in ("confusion", "residuals")) == offered
        await pilot.press("shift+tab")
        assert app.screen.tab == "b"  # type: ignore[attr-defined]

    play(ModelCompareRoom("flights", "late", 1, 2), given, keys)


def test_two_versions_are_overlaid_from_the_run_that_judged_both() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await pilot.press("tab")
        await until(pilot, lambda: "the line is that of all rows" in frame(app))
        assert [fields["run_id"] for key, fields in app.link.asked if key == "model report"] == ["r9"]

    play(ModelCompareRoom("flights", "late", 1, 2), _compared("r9"), keys)


def test_versions_that_no_run_has_judged_together_say_so() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await pilot.press("tab")
        await until(pilot, lambda: "no run has judged both" in frame(app))
        assert [fields["model"] for key, fields in app.link.asked if key == "model report"] == [
            "late@1",
            "late@2",
        ]

    play(ModelCompareRoom("flights", "late", 1, 2), _compared(None), keys)


def test_what_cannot_be_had_is_said_in_its_tab() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(
            pilot,
            lambda: "there is no [red]model compare[/]" in frame(app) and "look elsewhere" in frame(app),
        )

    play(ModelCompareRoom("flights", "late", 1, 2), {}, keys)


def test_tabs_that_do_not_fit_give_way_to_the_one_in_front() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await pilot.press("shift+tab")
        await until(pilot, lambda: "all of b" in frame(app).splitlines()[1])
        assert frame(app).splitlines()[1].startswith("<")

    play(ModelCompareRoom("flights", "late", 1, 2), {}, keys, size=(60, 20))


def test_a_card_says_what_approving_does_while_it_can_be_approved() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "Retrain late?" in frame(app))
        await pilot.press("G")
        await until(pilot, lambda: "a step" in frame(app) and "a approve" in frame(app))

    play(ProposalRoom("prop-1"), {"proposal show": lambda _: answers.card()}, keys)


def test_home_fits_a_small_terminal_and_opens_what_the_cursor_is_on() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "daemon" in frame(app) and "late has drifted" in frame(app))
        await pilot.press("enter", "j", "j", "enter")
        await until(pilot, lambda: len(app.opened) == 2)
        assert [what[1:] for what in app.opened] == [("prop-1",), ("flights", "late", None)]
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: len(app.opened) == 3)
        assert app.opened[2][1:] == ("r1",), "the cursor goes on to the live runs"

    play(HomeRoom(), {"status": lambda _: answers.status()}, keys)


WATCHED = Monitored(project="flights", source="weather", model="late", version=1, rows=1, time=0)


def _version(number: int) -> DataVersion:
    return DataVersion(
        project="flights", source="weather", version=number, snapshot="s", rows=number, files=1, created=0
    )


def test_the_preview_of_a_list_shows_all_of_what_the_cursor_rests_on() -> None:
    """Asked for where the cursor rests; what cannot be had, and what is of another row, is not shown."""
    given: Given = {"data list": lambda _: Page(items=[_version(2), _version(1)], total=2)}

    async def keys(pilot: Pilot[None], app: Stand) -> None:
        asked = lambda: [fields["source"] for key, fields in app.link.asked if key == "data show"]  # noqa: E731
        await until(pilot, lambda: "weather v2  2 rows" in frame(app) and asked() == ["weather@2"])
        assert "spread" not in frame(app) and app.said == []
        app.link.given["data show"] = lambda f: answers.data(f["source"])
        await pilot.press("j")
        await until(pilot, lambda: "weather@1" in frame(app).split("spread")[-1])
        assert "weather v1  1 rows" in frame(app)
        app.link.given["data list"] = lambda _: Page(items=[_version(2), _version(3)], total=2)
        app.link.given["data show"] = lambda f: answers.data("anew")
        assert isinstance(app.room, DataRoom)
        app.room.load()
        await until(pilot, lambda: "anew" in frame(app) and "weather@1" not in frame(app))

    play(DataRoom(), given, keys, size=(160, 40))


@pytest.mark.parametrize(
    ("room", "given", "shown"),
    [
        (FeaturesRoom, {"feature list": lambda _: Page(items=[answers.view()], total=1), "feature show": lambda _: answers.view()}, "used by"),
        (ProposalsRoom, {"proposal list": lambda _: Page(items=[answers.card()], total=1), "proposal show": lambda _: answers.card()}, "it expires in"),
        (MonitoringRoom, {"monitor list": lambda _: Page(items=[WATCHED], total=1), "monitor show": lambda _: answers.monitoring()}, "change or why not judged"),
    ],
)  # fmt: skip
def test_previews_are_of_the_detail(room: type[Room], given: Given, shown: str) -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: shown in frame(app))

    play(room(), given, keys, size=(200, 50))
