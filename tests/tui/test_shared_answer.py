"""How everything is: asked once for each change, whoever wants to know."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from textual.pilot import Pilot
from whole_app import Silence

import mlops_tui.tui.app
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.tui.actions import SCREENS
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.link import Link
from mlops_tui.tui.news import News
from mlops_tui.tui.settings import Settings, look
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._status import Disk, StatusProject, StatusReport
from mlops_tui.verbs.daemon import DaemonStatus


class Counted(Link):
    """Counts what reaches the daemon, which takes its time."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, ("flights", None))
        self.questions: list[Any] = []
        self.refuses = False

    async def _in_thread(self, question: Callable[..., Any], request: Any) -> Any:
        self.questions.append(request)
        number = len(self.questions)
        await asyncio.sleep(0.01)
        if self.refuses:
            raise Problem("busy", "not now")
        return number


def played(tmp_path: Path, steps: Callable[[Counted], Awaitable[None]]) -> None:
    async def run() -> None:
        link = Counted(Home(tmp_path))
        await steps(link)
        link.close()

    asyncio.run(run())


def test_all_who_ask_share_one_answer_until_something_has_changed(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        for news in range(1, 4):
            assert await asyncio.gather(*(link.ask("status") for _ in range(5))) == [news] * 5
            assert await link.ask("status") == news
            link.changed()
        assert len(link.questions) == 3

    played(tmp_path, steps)


def test_news_while_the_answer_is_on_its_way_ask_anew(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        early = asyncio.ensure_future(link.ask("status"))
        await asyncio.sleep(0)
        link.changed()
        assert (await link.ask("status"), await early) == (2, 1)
        assert await link.ask("status") == 2

    played(tmp_path, steps)


@pytest.mark.parametrize("why", ["another project", "a deed", "a wish to see"])
def test_what_may_have_changed_it_asks_anew(tmp_path: Path, why: str) -> None:
    async def steps(link: Counted) -> None:
        before = await link.ask("status")
        if why == "another project":
            link.project = (None, None)
        elif why == "a deed":
            await link.ask("ledger undo", {"seq": 1})
        else:
            link.wake()
        assert await link.ask("status") > before

    played(tmp_path, steps)


def test_a_refusal_and_a_caller_who_leaves_are_nobody_elses(tmp_path: Path) -> None:
    async def steps(link: Counted) -> None:
        link.refuses = True
        with pytest.raises(Problem):
            await link.ask("status")
        link.refuses = False
        leaves = asyncio.ensure_future(link.ask("status"))
        stays = asyncio.ensure_future(link.ask("status"))
        await asyncio.sleep(0)
        leaves.cancel()
        assert await stays == 2 and await link.ask("status") == 2

    played(tmp_path, steps)


REPORT = StatusReport(
    time=1_700_000_000_000, projects=[StatusProject(name="flights", dir="/flights", added=1)], disk=Disk(free_bytes=1, total_bytes=2),
    daemon=DaemonStatus(running=True, pid=7),
)  # fmt: skip


class Answers:
    """A client that answers from memory, and counts."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def call(self, key: str, request: Any) -> Any:
        self.asked[key] += 1
        return REPORT if key == "status" else Page(items=[], total=0)


def test_the_whole_app_asks_how_everything_is_once_for_each_change(tmp_path: Path) -> None:
    """Through the real line, with each of the nine screens in front in turn: however many of them show it."""
    client = Answers()

    class Line(Link):
        async def _in_thread(self, question: Callable[..., Any], request: Any) -> Any:
            await asyncio.sleep(0)
            return question(client)

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        async def settled() -> None:
            while True:
                before = client.asked.copy()
                await pilot.pause(0.02)
                if client.asked == before:
                    return

        asked = {}
        for turn in (
            1,
            2,
        ):  # in the first one: once at the start, once more when the line to the daemon is there
            for name in SCREENS:
                app.go(name)
                await settled()
                asked[name] = client.asked["status"]
            assert turn == 2 or client.asked["status"] <= 2
        assert len(set(asked.values())) == 1, f"going about asked again: {asked}"
        for number, name in enumerate(("home", "runs", "queue", "ledger"), 1):
            app.go(name)
            await settled()
            before = client.asked["status"]
            app._hear(News(runs={f"{number:032x}"}, entries=[("run.settle", "")]))
            await settled()
            assert client.asked["status"] - before <= 1, f"{name} asked more than once for one change"
            for other in ("home", "queue"):
                app.go(other)
                await settled()
            assert client.asked["status"] - before == 1, f"after a change on {name}"

    home = Home(tmp_path / "home")
    home.create()
    with (
        mock.patch.object(mlops_tui.tui.app, "Link", Line),
        mock.patch.object(mlops_tui.tui.app, "Follower", Silence),
    ):
        app = MlopsApp(home, ("flights", None), look(Settings(), environ={"LANG": "C.UTF-8"}))

        async def run() -> None:
            async with app.run_test(size=(80, 24)) as pilot:
                await steps(pilot, app)

        asyncio.run(run())
