"""What the app says stands above the keys, and covers nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from whole_app import Given, a_run, frame, play, until

from mlops_tui.tui import told
from mlops_tui.tui.actions import ACTIONS
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.model import AliasMove, Parameters
from mlops_tui.verbs.project import Project
from mlops_tui.verbs.run import RunMarks

HOSTILE = "[/red] 🦊 \x1b[31m"
RUNS = [a_run(number) for number in range(60)]


def listed(fields: dict[str, Any]) -> Page[Any]:
    return Page(items=RUNS[fields["offset"] : fields["offset"] + fields["limit"]], total=len(RUNS))


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
def test_messages_cover_no_row(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "60 rows" in frame(app))
        await pilot.press("G")
        table = app.screen.query_one(QueryTable)
        bottom = table.region.bottom
        app.tell("one line")
        await until(pilot, lambda: "one line" in frame(app))
        assert frame(app).splitlines()[-2].strip() == "one line" and "late-59" in frame(app)
        app.tell(f"{HOSTILE} " + "many words " * 60, "error", hint="do something else")
        await until(pilot, lambda: "shows all" in frame(app))
        lines = frame(app).splitlines()
        assert "[/red] 🦊" in "".join(lines)
        assert "late-59" in lines[table.region.bottom - 1] and table.region.bottom == bottom - 4
        assert lines[-2].endswith("… ! shows all") and all("\x1b" not in line for line in lines)
        assert not app.screen.query("Toast")
        app.saying[:] = app.saying[-1:]
        app._fall_silent(app.saying[0])
        await until(pilot, lambda: "60 rows" in frame(app).splitlines()[-2])
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "Messages" in frame(app) and "many words" in frame(app))

    play(tmp_path, {"run list": listed}, steps, size=size)


def test_a_refusal_goes_with_the_place_it_is_about(tmp_path: Path) -> None:
    long = "mlops-tui run start late " + "--set name=value " * 60 + "--end"

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        for leave in ("3", "escape", "left_square_bracket"):
            app.tell("it cannot be", "error", hint=long)
            await until(pilot, lambda: "it cannot be" in frame(app))
            await pilot.press(leave)
            await until(pilot, lambda: "it cannot be" not in frame(app))
        assert app.said[-1].text.endswith("--end")

    play(tmp_path, {"run list": listed}, steps)


def test_every_deed_of_the_app_says_what_has_happened() -> None:
    deeds = {action.verb for action in ACTIONS.values() if action.danger and action.verb}
    assert {key for key in deeds if find(key).writes} <= told._TOLD.keys()
    assert (
        told.told("model rollback", AliasMove(project="p", model="churn", alias="champion", to=2), "")
        == "churn rolled back to v2"
    )
    assert told.told("run archive", RunMarks(changed=[]), "") == "0 runs archived"


def test_what_is_done_in_a_project_asks_which_where_all_are_looked_at(tmp_path: Path) -> None:
    projects = [Project(name=name, dir=f"/{name}", added=0, models=["late"]) for name in ("flights", "plain")]
    given: Given = {
        "project list": lambda _: Page(items=projects, total=2),
        "project show": lambda _: projects[1],
        "run list": listed,
        "model parameters": lambda fields: Parameters(project="plain", model=fields["model"], parameters=[]),
    }

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "60 rows" in frame(app))
        await pilot.press("a")
        await until(pilot, lambda: "In which project?" in frame(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "New run" in frame(app) and "label of the run" in frame(app))
        assert app.link.project[0] == "plain"

    play(tmp_path, given, steps, project=(None, None))
