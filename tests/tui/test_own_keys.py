"""The user's own keys: each does what it is said to do, or is refused by name."""

from __future__ import annotations

import importlib
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.pilot import Pilot
from whole_app import NOW, Given, a_run, frame, play, until

import mlops_tui.tui.actions
from mlops_store.errors import Problem
from mlops_tui.tui import keymap
from mlops_tui.tui.actions import ACTIONS, SCREENS, bound, shown_key
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.form import Field, Form
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.dialogs.too_small import TooSmall
from mlops_tui.tui.own_keys import use_keys
from mlops_tui.tui.screens.sql import SqlRoom
from mlops_tui.tui.settings import Look, Settings, look
from mlops_tui.tui.widgets.column_picker import ColumnPicker
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.writers.card import review
from mlops_tui.tui.writers.home import decisions
from mlops_tui.verbs._declare import Page, Plan
from mlops_tui.verbs._shapes import Proposal
from mlops_tui.verbs._status import Disk, StatusProject, StatusReport
from mlops_tui.verbs.daemon import DaemonStatus

RUN = a_run(1, "RUNNING")
KEYS = [
    f"{modifier}+{letter}"
    for modifier in ("alt", "ctrl+alt", "super", "hyper", "meta", "ctrl+super", "ctrl+hyper", "ctrl+meta")
    for letter in string.ascii_lowercase
]
OTHERS = dict(zip(ACTIONS, KEYS, strict=False))
"""Another key for each action, all different."""
WORDS = {shown_key(key) for each in ACTIONS.values() for key in each.keys.split() if len(key) > 1 and key not in ("up", "down", "home", "end", "left", "right", "delete")}  # fmt: skip
"""Keys that are words, but for those that mean something else in a sentence."""
USUAL = re.compile(
    rf"(?<![\w+])(?:{'|'.join(map(re.escape, sorted(WORDS)))})(?![\w+])"
    r"|(?<![\w+])[a-zA-Z0-9/:?!.](?=,? (?:starts|puts|trains|shows|asks|opens|changes|approve|reject|snooze|there|then|JSON))"
)
"""A usual key in a sentence of ours."""


@pytest.fixture(autouse=True)
def usual_keys() -> Iterator[None]:
    yield
    use_keys({})


def _nothing(running: bool) -> StatusReport:
    return StatusReport(
        time=NOW, disk=Disk(free_bytes=1, total_bytes=2), daemon=DaemonStatus(running=True, pid=7),
        projects=[StatusProject(name="flights", dir="/flights", added=NOW)] if running else [],
    )  # fmt: skip


@pytest.mark.parametrize("project", ["flights", None])
def test_no_screen_names_a_key_that_the_user_has_changed(tmp_path: Path, project: str | None) -> None:
    assert len(OTHERS) == len(ACTIONS)
    seen: list[str] = []

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        async def look_at(place: str) -> None:
            await pilot.pause()
            await pilot.pause()
            text = frame(app)
            assert not USUAL.findall(text), f"{place} says {USUAL.findall(text)}:\n{text}"
            seen.append(text)

        for name in SCREENS:
            app.go(name)
            await until(pilot, lambda: app.screen.updated is not None)  # type: ignore[attr-defined]
            await look_at(name)
        app.go_with_filter("runs", "state = FAILED")
        await until(pilot, lambda: "nothing passes the filter" in frame(app))
        await look_at("a filter")
        app.action_app_sql()
        await until(pilot, lambda: isinstance(app.screen, SqlRoom))
        await look_at("SQL")
        for dialog in (
            PlanDialog(Plan(title="it", steps=["a step"]), command="it"), Form("it", [Field("name", "name")]), ColumnPicker([("it", "it")], ["it"]),
            Reader("it", "it", raw="it"), TooSmall(),
        ):  # fmt: skip
            app.push_screen(dialog)
            await until(pilot, lambda dialog=dialog: app.screen is dialog)  # type: ignore[misc]
            await look_at(type(dialog).__name__)
            app.pop_screen()

    given: Given = {"status": lambda _: _nothing(running=project is not None)}
    like = with_keys(**{id.replace(".", "_", 1): key for id, key in OTHERS.items()})
    play(tmp_path, given, steps, screen="home", like=like, size=(140, 40), project=(project, None))
    everything = "\n".join(seen)
    named = ("run.new", "proposal.request", "go.runs") if project else ("home.sample", "app.project")
    assert all(
        OTHERS[id] in everything
        for id in (*named, "sql.run", "list.filter", "plan.yes", "form.send", "picker.take")
    )


def test_cards_and_home_name_the_own_keys() -> None:
    use_keys(OTHERS)
    card = Proposal(
        id="prop-1",
        project="flights",
        model="late",
        state="OPEN",
        revision=1,
        reasons=["new data"],
        created=NOW,
    )
    shown = review(card, None, NOW, 100).plain
    shown += "\n".join(row.text.plain for row in decisions(_nothing(running=True), 100))
    assert all(
        OTHERS[id] in shown
        for id in ("proposal.approve", "proposal.reject", "proposal.snooze", "go.runs", "run.new")
    )
    assert not USUAL.findall(shown)


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
