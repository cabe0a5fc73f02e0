"""The forms that start runs: a field for each parameter, judged where it is typed, and nothing typed lost when a deed is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from whole_app import Given, a_run, frame, play, until

from mlops_store.errors import Problem
from mlops_tui.project.takes import Takes
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.form import Form, Row
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.parameter_fields import common, space_of
from mlops_tui.tui.scoring import Paths
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.model import Parameter, ParameterDrawn, Parameters
from mlops_tui.verbs.project import Project
from mlops_tui.verbs.run import Sweep

WHOLE = Takes("a whole number from 1", "integer", least=1)
FAMILIES = ("boosting", "linear")
SEARCH = [
    Parameter(name="family", group="search", help="the kind", takes=Takes("a kind", "choice", choices=FAMILIES), value="boosting"),
    Parameter(name="trials", group="search", help="how many points", takes=WHOLE, value=4),
]  # fmt: skip
OWN = {
    "boosting": Parameter(
        name="leaves", group="estimator", help="leaves of a tree", takes=WHOLE, drawn=[ParameterDrawn(family="boosting", default=31, low=7, high=63)]
    ),
    "linear": Parameter(
        name="penalty", group="estimator", help="which", takes=Takes("l1 or l2", "choice", choices=("l1", "l2")), drawn=[ParameterDrawn(family="linear", default="l2")]
    ),
}  # fmt: skip
BEFORE = RunDetail(
    **{name: getattr(a_run(1), name) for name in a_run(1).__struct_fields__ if name != "params"},
    params={"leaves": 9, "best.leaves": 9}, pins={"rows": 2},
)  # fmt: skip


def parameters(fields: dict[str, Any]) -> Parameters:
    family = fields.get("family", "boosting")
    return Parameters(
        project="flights", model="late", families=list(FAMILIES), parameters=[*SEARCH, OWN[family]]
    )


class Daemon:
    """Answers what the forms ask; refuses a start as often as it is told."""

    def __init__(self, *refusals: Problem) -> None:
        self.refusals = list(refusals)
        self.asked: list[dict[str, Any]] = []

    def start(self, fields: dict[str, Any]) -> Any:
        self.asked.append(fields)
        if self.refusals:
            raise self.refusals.pop(0)
        return a_run(99, "QUEUED")

    def sweep(self, fields: dict[str, Any]) -> Any:
        self.start(fields)
        return Sweep(sweep="s", runs=[a_run(99).run_id], points=[{}])

    @property
    def given(self) -> Given:
        return {
            "run list": lambda _: Page(items=[a_run(1)], total=1),
            "run show": lambda _: BEFORE,
            "run start": self.start,
            "run sweep": self.sweep,
            "project show": lambda _: Project(
                name="flights", dir="/f", added=0, models=["late"], sources=["rows"]
            ),
            "model parameters": parameters,
        }


async def opened(pilot: Pilot[Any], app: MlopsApp, key: str) -> Form:
    await until(pilot, lambda: "late-1" in frame(app))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Form) and app.screen.focused is not None)
    form = app.screen
    assert isinstance(form, Form)
    return form


def names(form: Form) -> list[str]:
    return [row.field.name for row in form.query(Row)]


async def typed(pilot: Pilot[Any], form: Form, name: str, text: str) -> None:
    found = form.row(name).input
    assert isinstance(found, Input)
    found.focus()
    await pilot.pause()
    await pilot.press(*text)


async def yes(pilot: Pilot[Any], app: MlopsApp) -> None:
    await pilot.press("f2")
    await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen._drawn is not None)
    await pilot.press("y")


def test_a_value_that_cannot_be_is_said_at_its_field_and_nothing_is_sent(tmp_path: Path) -> None:
    daemon = Daemon()

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        form = await opened(pilot, app, "a")
        assert names(form) == ["model", "set:family", "set:trials", "set:leaves", "data:rows", "name", "tags"]
        assert form.row("set:trials").value == "4" and "drawn: 7 to 63" in frame(app)
        await typed(pilot, form, "set:leaves", "0")
        await pilot.press("f2")
        lines = frame(app).splitlines()
        place = next(place for place, line in enumerate(lines) if "leaves" in line and " 0 " in line)
        assert "leaves cannot be 0: it takes a whole number from 1" in lines[place + 1]
        assert form.focused is form.row("set:leaves").input
        await pilot.press("backspace", "5")
        assert "cannot be" not in frame(app)
        await yes(pilot, app)
        await until(pilot, lambda: bool(daemon.asked))
        assert daemon.asked[0]["params"] == {"leaves": 5} and daemon.asked[0]["pins"] == {}

    play(tmp_path, daemon.given, steps)


def test_another_family_has_other_parameters_and_what_was_typed_comes_back(tmp_path: Path) -> None:
    daemon = Daemon()

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        form = await opened(pilot, app, "a")
        await typed(pilot, form, "set:leaves", "5")
        await typed(pilot, form, "name", "mine")
        form.row("set:family").input.focus()
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: "set:penalty" in names(form))
        assert "set:leaves" not in names(form) and form.row("name").value == "mine"
        await typed(pilot, form, "set:penalty", "l")
        await pilot.press("down", "down")
        assert form.row("set:penalty").value == "l2"
        form.row("set:family").input.focus()
        await pilot.press("enter", "up", "enter")
        await until(pilot, lambda: "set:leaves" in names(form))
        assert form.row("set:leaves").value == "5"
        await yes(pilot, app)
        await until(pilot, lambda: bool(daemon.asked))
        assert daemon.asked[0]["params"] == {"leaves": 5} and daemon.asked[0]["name"] == "mine"

    play(tmp_path, daemon.given, steps)


def test_what_is_refused_or_left_at_its_plan_is_in_the_form_again(tmp_path: Path) -> None:
    gone = Problem("daemon_gone", "the daemon does not answer: [Errno 111]", "`mlops-tui daemon logs`")
    daemon = Daemon(gone)

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        form = await opened(pilot, app, "a")
        await typed(pilot, form, "set:leaves", "12")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen._drawn is not None)
        await pilot.press("n")
        await until(pilot, lambda: app.screen is form)
        await yes(pilot, app)
        await until(pilot, lambda: "the daemon does not answer" in frame(app))
        assert app.screen is form and form.row("set:leaves").value == "12"
        await yes(pilot, app)
        await until(pilot, lambda: len(daemon.asked) == 2 and not isinstance(app.screen, Form))
        assert daemon.asked[0] == daemon.asked[1]

    play(tmp_path, daemon.given, steps)


def test_a_clone_is_filled_with_what_it_clones_and_says_what_differs(tmp_path: Path) -> None:
    daemon = Daemon()

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        form = await opened(pilot, app, "C")
        assert form.row("set:leaves").value == "9" and form.row("data:rows").value == "2"
        assert "nothing differs" in frame(app)
        await typed(pilot, form, "set:leaves", "11")
        assert "differs: parameter leaves: 9 becomes 11" in frame(app)
        await yes(pilot, app)
        await until(pilot, lambda: bool(daemon.asked))
        assert daemon.asked[0]["params"] == {"leaves": 11} and daemon.asked[0]["pins"] == {"rows": 2}

    play(tmp_path, daemon.given, steps)


def test_a_search_takes_ranges_and_one_value_for_all(tmp_path: Path) -> None:
    daemon = Daemon()

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        form = await opened(pilot, app, "M")
        await pilot.press("f2")
        await until(pilot, lambda: form.row("set:leaves").complains)
        assert "give at least one parameter a range" in " ".join(frame(app).split())
        await typed(pilot, form, "set:leaves", "0..9")
        await typed(pilot, form, "runs", "2")
        assert "leaves cannot be 0: it takes a whole number from 1" in frame(app)
        form.row("set:leaves").input.focus()
        await pilot.press("down")
        assert form.row("set:leaves").value == "7..63"
        await yes(pilot, app)
        await until(pilot, lambda: bool(daemon.asked))
        found = daemon.asked[0]
        assert (found["space"], found["params"], found["trials"]) == ({"leaves": "7..63"}, {}, 2)

    play(tmp_path, daemon.given, steps)


@pytest.mark.parametrize(
    ("text", "space", "fixed"),
    [("7..63:log", {"leaves": "7..63:log"}, {}), ("7,9", {"leaves": "7,9"}, {}), ("9", {}, {"leaves": 9}), ("[7, 9]", {}, {"leaves": [7, 9]}), ("", {}, {})],
)  # fmt: skip
def test_a_space_is_what_has_a_range_or_a_list(
    text: str, space: dict[str, str], fixed: dict[str, Any]
) -> None:
    assert space_of(parameters({}), {"set:leaves": text}) == (space, fixed)


def test_several_families_have_only_what_they_share() -> None:
    both = common([parameters({}), parameters({"family": "linear"})])
    assert [one.name for one in both.parameters] == ["family", "trials"]


def test_paths_complete_by_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "june.csv").touch()
    (tmp_path / "july").mkdir()
    find = Paths().get_suggestion
    assert asyncio.run(find(f"{tmp_path}/jun")) == f"{tmp_path}/june.csv"
    assert asyncio.run(find(f"{tmp_path}/jul")) == f"{tmp_path}/july/"
    assert asyncio.run(find(f"{tmp_path}/nothing/x")) is None
