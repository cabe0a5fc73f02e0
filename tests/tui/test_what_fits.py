"""Keys that do nothing at the cursor are dimmed and say why; a plan of nothing has no yes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Button
from whole_app import a_run, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.screens.run_deeds import unfit
from mlops_tui.tui.widgets.lines import Hints
from mlops_tui.verbs._declare import NOTHING, Page, Plan

RUNS = [a_run(1, "RUNNING"), a_run(2)]


def dimmed(app: MlopsApp) -> set[str]:
    return {title for _, title, can in app.screen.query_one(Hints)._pairs if not can}


def test_what_a_run_is_not_fit_for_is_dimmed(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "late-2" in frame(app))
        assert "Stop" not in dimmed(app)
        await pilot.press("j")
        await until(pilot, lambda: "Stop" in dimmed(app))
        await pilot.press("Y")
        await until(pilot, lambda: "it is not archived" in frame(app))
        await pilot.press("k")
        await until(pilot, lambda: "Stop" not in dimmed(app))
        await pilot.press("R")
        await until(pilot, lambda: "what is not over cannot be resumed" in frame(app))

    play(tmp_path, {"run list": lambda _: Page(items=RUNS, total=2)}, steps, size=(160, 40))
    assert not unfit("run.unarchive", a_run(3, archived=True)) and not unfit("run.stop", RUNS[0])


def test_a_plan_of_nothing_has_no_yes(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        answers: list[object] = []
        plan = Plan(title="Show again 0 runs", steps=[NOTHING])
        app.push_screen(PlanDialog(plan, command="x", reason="required", word="0"), answers.append)
        await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen._drawn is not None)
        assert [button.id for button in app.screen.query(Button)] == ["no"]
        await pilot.press("y", "a", "enter")
        await until(pilot, lambda: answers == [None])

    play(tmp_path, {}, steps)
