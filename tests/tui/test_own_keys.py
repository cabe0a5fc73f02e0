"""The user's own keys: each does what it is said to do, or is refused by name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

import mlops_tui.tui.actions
from mlops_store.errors import Problem
from mlops_tui.tui import keymap
from mlops_tui.tui.actions import ACTIONS, bound
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.settings import Look, Settings, look
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page

RUN = a_run(1, "RUNNING")


def with_keys(**own: str) -> Look:
    keys = {id.replace("_", "."): key for id, key in own.items()}
    keymap.check(keys)
    return look(msgspec.convert({"keys": keys}, Settings), environ={"LANG": "C.UTF-8"})


def _nodes(base: type) -> list[type]:
    found, child = [base], base
    for child in base.__subclasses__():
        found += _nodes(child)
    return found


def test_every_action_has_a_place_where_an_own_key_finds_it() -> None:
    tui = Path(mlops_tui.tui.actions.__file__).parents[1]
    for path in (*tui.glob("screens/*.py"), *tui.glob("dialogs/*.py"), *tui.glob("widgets/**/*.py")):
        importlib.import_module(".".join(("mlops_tui.tui", *path.relative_to(tui).with_suffix("").parts)))
    left = set(ACTIONS)
    for node in _nodes(DOMNode):
        for binding in node.__dict__.get("BINDINGS", ()):
            id = getattr(binding, "id", None)
            if node.__module__.startswith("mlops_tui.") and id in left:
                found = BindingsMap(node.__dict__["BINDINGS"])
                found.apply_keymap({id: bound(id, "f9")})
                assert [each.action for each in found.key_to_bindings["f9"]][-1] == ACTIONS[id].method
                left.discard(id)
    assert not left


@pytest.mark.parametrize("id", ["app_sql", "app_project", "app_themes", "run_adopt", "copy_id", "go_runs"])
def test_what_has_chords_only_or_no_key_gets_one(tmp_path: Path, id: str) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: app.screen.query_one(QueryTable).cursor_key is not None)
        before = app.screen
        await pilot.press("f7")
        if id == "copy_id":
            await until(pilot, lambda: "the id, sent" in frame(app))
        elif id == "go_runs":
            await pilot.press("3", "f7")
            await until(pilot, lambda: app.current_mode == "runs")
        else:
            await until(pilot, lambda: app.screen is not before)

    like = with_keys(**{id: "f7"})
    play(tmp_path, {"run list": lambda _: Page(items=[RUN], total=1)}, steps, like=like)


def test_own_chords_do_it_and_take_the_place_of_those_of_before(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: app.screen.query_one(QueryTable).cursor_key is not None)
        assert "gx Stop" in frame(app)
        await pilot.press("x", "g", "m")
        assert app.current_mode == "runs" and not isinstance(app.screen, PlanDialog)
        await pilot.press("g", "x")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog))

    like = with_keys(run_stop="gx", go_models="3")
    play(
        tmp_path,
        {"run list": lambda _: Page(items=[RUN], total=1)},
        steps,
        like=like,
        size=(200, 50),
    )


@pytest.mark.parametrize(
    ("id", "key", "why"),
    [
        ("run.stop", "mx", "letter of a view"),
        ("run.stop", "F9", "no key of that name"),
        ("run.stop", "control+x", "no key of that name"),
        ("plan.yes", "gy", "second one"),
        ("filter.complete", "gx", "second one"),
        ("command.leave", "x", "letters are text"),
        ("find.leave", "space", "letters are text"),
    ],
)
def test_keys_that_would_never_do_it_are_refused_by_name(id: str, key: str, why: str) -> None:
    with pytest.raises(Problem) as found:
        keymap.check({id: key})
    assert id in found.value.message and repr(key) in found.value.message and why in found.value.message


def test_keys_of_every_kind_are_taken() -> None:
    for key in ("f9", "A", "ctrl+x", "alt+shift+f3", "ctrl+home", ";", "gx", "yx"):
        keymap.check({"run.adopt": key})
    for id, action in ACTIONS.items():
        assert not any(keymap.never(action, key) for key in action.keys.split()), id
