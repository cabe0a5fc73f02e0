"""The whole app without a terminal and without a daemon: its line to it answers as a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from textual.pilot import Pilot

import mlops_tui.tui.app
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.news import News
from mlops_tui.tui.settings import Look, Settings, look
from mlops_tui.verbs._declare import Page, Plan
from mlops_tui.verbs._shapes import Headline, MetricSummary, Run
from mlops_tui.verbs.run import Trends

NOW = 1_700_000_000_000

Given = dict[str, Callable[[dict[str, Any]], Any]]
Steps = Callable[[Pilot[Any], MlopsApp], Awaitable[None]]


def a_run(number: int, state: str = "FINISHED", **more: Any) -> Run:
    """A training that has logged one metric."""
    metrics = {"auc": MetricSummary(last=0.8, best=0.9, min=0.1, max=0.9, count=8)}
    return Run(
        run_id=f"{number:032x}", kind="train", project="flights", experiment="late", state=state,  # type: ignore[arg-type]
        created=NOW, model="late", headline=Headline(metric="auc", value=0.9), **{"name": f"late-{number}", "metrics": metrics, **more},
    )  # fmt: skip


class Line:
    """Answers as it is told, lists that nothing is said of with nothing; keeps what was asked."""

    awake = True

    def __init__(
        self, home: Home, project: tuple[str | None, str | None], given: Given, *, read_only: bool = False
    ) -> None:
        self.home, self.project, self.given, self.read_only = home, project, given, read_only
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def ask(self, key: str, fields: dict[str, Any] | None = None) -> Any:
        self.asked.append((key, dict(fields or {})))
        if key in self.given:
            return self.given[key](fields or {})
        if key == "run trends":
            return Trends(key=(fields or {})["key"], runs=[])
        if key.endswith(" list"):
            return Page(items=[], total=0)
        raise Problem("no_such_thing", f"there is no {key} here", "look elsewhere")

    async def plan(self, key: str, fields: dict[str, Any] | None = None) -> Plan:
        return Plan(title=f"the plan of {key}", steps=["a step"])

    def rest(self) -> None:
        """The daemon was stopped."""

    wake = close = changed = rest


class Silence:
    """Nothing new ever comes; the line is there."""

    def __init__(self, _link: Any, tell: Callable[[News], None], _interval: float) -> None:
        tell(News(connected=True))

    def stop(self) -> None:
        """No more of it."""


@contextmanager
def stood_in(given: Given) -> Iterator[None]:
    def line(home: Home, project: Any, *, read_only: bool = False) -> Line:
        return Line(home, project, given, read_only=read_only)

    with (
        mock.patch.object(mlops_tui.tui.app, "Link", line),
        mock.patch.object(mlops_tui.tui.app, "Follower", Silence),
    ):
        yield


def play(
    tmp_path: Path, given: Given, steps: Steps, *, screen: str = "runs", size: tuple[int, int] = (80, 24),
    like: Look | None = None, project: tuple[str | None, str | None] = ("flights", None),
) -> MlopsApp:  # fmt: skip
    """Runs the app on a screen, and what a test does with it."""
    home = Home(tmp_path / "home")
    home.create()
    with stood_in(given):
        app = MlopsApp(home, project, like or look(Settings(), environ={"LANG": "C.UTF-8"}), screen=screen)

        async def run() -> None:
            async with app.run_test(size=size) as pilot:
                await pilot.pause()
                await steps(pilot, app)

        asyncio.run(run())
    return app


def frame(app: MlopsApp) -> str:
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], found: Callable[[], bool]) -> None:
    """Waits for what the app is about to do, on a busy machine too."""
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline, f"it did not come:\n{frame(pilot.app)}"  # type: ignore[arg-type]
        await pilot.pause(0.01)
