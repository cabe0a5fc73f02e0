"""What was typed before a plan was on the screen does not confirm it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import events
from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page

RUN = a_run(1, "RUNNING")


def stopped(app: MlopsApp) -> bool:
    return any(key == "run stop" for key, _ in app.link.asked)  # type: ignore[attr-defined]


def test_keys_of_before_the_plan_are_dropped(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: app.screen.query_one(QueryTable).cursor_key is not None)
        early = events.Key("y", "y")
        await pilot.press("x")
        await until(
            pilot, lambda: isinstance(app.screen, PlanDialog) and not app.screen.unseen(events.Key("y", "y"))
        )
        app.post_message(early)
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog) and not stopped(app)
        await pilot.press("y")
        await until(pilot, lambda: stopped(app))

    play(tmp_path, {"run list": lambda _: Page(items=[RUN], total=1), "run stop": lambda _: RUN}, steps)


def test_a_burst_that_opens_a_plan_and_says_yes_only_opens_it(tmp_path: Path) -> None:
    """Both keys lie in the queue: the second is looked at when the dialog stands, and not earlier than before it was drawn."""

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: app.screen.query_one(QueryTable).cursor_key is not None)
        for key in ("x", "j", "j", "y", "y"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: "the plan of run stop" in frame(app))
        await pilot.pause()
        assert isinstance(app.screen, PlanDialog) and not stopped(app)

    play(tmp_path, {"run list": lambda _: Page(items=[RUN], total=1), "run stop": lambda _: RUN}, steps)
