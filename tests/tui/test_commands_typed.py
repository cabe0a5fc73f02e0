"""What is typed after `:`, with the options of a shell, and what is said of what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from whole_app import Given, frame, play, until

from mlops_store.errors import Problem
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.screens.run import RunRoom
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.project import Project
from mlops_tui.verbs.top import FoundList

PROJECTS = [Project(name=name, dir=f"/{name}", added=0, models=["late"]) for name in ("flights", "plain")]


def show(fields: dict[str, Any]) -> Project:
    name = fields.get("name")
    for each in PROJECTS:
        if each.name == name:
            return each
    raise Problem("project_not_added", f"the project {name!r} is not in this home", "did you mean plain?")


def no_run(fields: dict[str, Any]) -> Any:
    raise Problem("no_such_run", f"there is no run {fields['run_id']!r}", "look in `run list`")


GIVEN: Given = {
    "project show": show,
    "run show": no_run,
    "project list": lambda _: Page(items=PROJECTS, total=2),
}


async def typed(pilot: Pilot[Any], line: str) -> None:
    await pilot.press("colon")
    await pilot.press(
        *("space" if char == " " else {"-": "minus", "=": "equals_sign"}.get(char, char) for char in line)
    )
    await pilot.press("enter")


def test_a_command_may_name_the_project(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await typed(pilot, "run list --project plain --json")
        await until(pilot, lambda: app.link.project[0] == "plain")
        assert app.current_mode == "runs"
        await typed(pilot, "run list --project nope")
        await until(pilot, lambda: "did you mean plain?" in frame(app))
        assert app.link.project[0] == "plain"
        await typed(pilot, "run list --help")
        await until(pilot, lambda: "Usage: run list" in frame(app))

    play(tmp_path, GIVEN, steps, screen="home")


def test_what_is_not_there_is_said_and_opens_nothing(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        for line in ("run show nope", "run logs nope"):
            app.saying.clear()
            await typed(pilot, line)
            await until(pilot, lambda: "there is no run 'nope'" in frame(app))
            assert not isinstance(app.screen, RunRoom)

    play(tmp_path, GIVEN, steps)


def test_a_palette_that_finds_nothing_says_so_and_where(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await pilot.press("ctrl+p", *"zzqqj")
        await until(pilot, lambda: "nothing found for 'zzqqj' among actions and all of flights" in frame(app))
        await pilot.press("enter", "escape")
        assert not app.is_modal

    play(tmp_path, {"find": lambda _: FoundList(text="zzqqj", items=[])}, steps)
