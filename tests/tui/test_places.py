"""Where commands and keys lead, and what is there when one comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input
from whole_app import NOW, Given, a_run, frame, play, until

from mlops_tui.tui import views
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.help import Help
from mlops_tui.tui.dialogs.too_small import TooSmall
from mlops_tui.tui.finding import entries
from mlops_tui.tui.screens.model import ModelRoom
from mlops_tui.tui.screens.monitor import MonitorRoom
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.screens.run import RunRoom
from mlops_tui.tui.screens.runs import RunsRoom
from mlops_tui.tui.screens.subject import READ_ONLY
from mlops_tui.tui.settings import Settings, look
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import ModelVersion
from mlops_tui.verbs.model import ModelDetail

RUNS: Given = {"run list": lambda _: Page(items=[a_run(1)], total=1)}
VERSIONS = [ModelVersion(version=number, run_id="r" * 32, created=NOW) for number in (1, 2, 3)]
MODEL = ModelDetail(name="late", project="flights", aliases={"champion": 1}, versions=VERSIONS, metric="auc")
REGISTRY: Given = {"model list": lambda _: Page(items=[MODEL], total=1), "model show": lambda _: MODEL}


async def there(pilot: Pilot[Any], app: MlopsApp) -> QueryTable:
    await until(pilot, lambda: app.screen.query_one(QueryTable).cursor_key is not None)
    return app.screen.query_one(QueryTable)


def test_commands_of_monitoring_open_the_model_and_the_list(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        assert app.open_by_command("monitor show", {"model": "late"})
        await until(pilot, lambda: isinstance(app.screen, MonitorRoom))
        assert isinstance(app.screen, MonitorRoom) and app.screen.model == "late"
        assert app.open_by_command("monitor list", {})
        await until(pilot, lambda: app.current_mode == "monitoring")

    play(tmp_path, RUNS, steps)


def test_a_list_by_command_has_the_filter_and_order_of_the_command_and_no_other(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await there(pilot, app)
        room = app.screen
        assert isinstance(room, RunsRoom)
        usual = room.sort
        app.open_by_command("run list", {"filter": "state=FAILED", "sort": "-auc"})
        await until(pilot, lambda: (room.filter_text, room.sort) == ("state=FAILED", "-auc"))
        app.open_by_command("run list", {"filter": None})
        await until(pilot, lambda: (room.filter_text, room.sort) == ("", usual))
        assert not app.open_by_command("run list", {"archived": True}), "shown as in a shell"

    play(tmp_path, RUNS, steps)


def test_leaving_what_stands_over_too_small_a_window_shows_the_screen(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await there(pilot, app)
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: isinstance(app.screen, TooSmall))
        app.push_screen(Help([], {}))
        await until(pilot, lambda: isinstance(app.screen, Help))
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsRoom))

    play(tmp_path, RUNS, steps)


def test_the_versions_of_a_model_begin_at_the_one_that_is_looked_at(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        app.open(ModelRoom, "flights", "late", 1)
        await until(pilot, lambda: isinstance(app.screen, ModelRoom) and app.screen.model is not None)
        room = app.screen
        assert isinstance(room, ModelRoom)
        room.show_tab("versions")
        await until(pilot, lambda: room.query_one(QueryTable).cursor_key == "1")
        await pilot.pause()
        assert room.version == 1
        await pilot.press("k")
        await until(pilot, lambda: room.version == 2)

    play(tmp_path, REGISTRY, steps)


def test_each_list_keeps_views_of_its_own(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await there(pilot, app)
        await pilot.press("m", "a", "8")
        await until(pilot, lambda: app.current_mode == "queue")
        await there(pilot, app)
        await pilot.press("m", "a")
        await until(pilot, lambda: set(views.load(app.link.home)["flights"]) == {"runs", "queue"})

    play(tmp_path, RUNS, steps)


def test_back_in_history_goes_from_where_escape_has_led(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await there(pilot, app)
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "models")
        await pilot.press("2", "2")
        await until(pilot, lambda: app.current_mode == "runs")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunRoom))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsRoom))
        await pilot.press("[")
        await until(pilot, lambda: app.current_mode == "models")
        await pilot.press("]", "]")
        await until(pilot, lambda: isinstance(app.screen, RunRoom))

    play(tmp_path, RUNS, steps)


def test_an_app_that_only_reads_refuses_before_it_asks_for_anything(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        room = app.screen
        assert isinstance(room, Room)
        refused = {entry.value: entry.why for entry in entries(room, {})}
        assert refused["home.sample"] == READ_ONLY
        await pilot.press("a")
        await until(pilot, lambda: "only reads" in frame(app))
        assert app.screen is room

    like = look(Settings(), read_only=True, environ={"LANG": "C.UTF-8"})
    play(tmp_path, {}, steps, screen="home", like=like)


def test_the_id_of_a_row_is_what_commands_take(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        table = await there(pilot, app)
        assert table.cursor_key == "flights/late"
        await pilot.press("y", "i")
        await until(pilot, lambda: "clipboard: late@1" in frame(app))
        assert "its gate" in frame(app), "what promotion depends on is seen at 80 columns"

    play(tmp_path, REGISTRY, steps, screen="models")


def test_a_column_that_was_hidden_stays_hidden(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        table, room = await there(pilot, app), app.screen
        assert isinstance(room, RunsRoom)
        shown = [column.key for column in table.columns]
        assert shown[0] == "project"
        room.choose_columns(table.columns, shown[1:])
        room.load()
        assert [column.key for column in table.columns] == shown[1:]
        app.choose_project("flights")
        app.choose_project("")
        assert [column.key for column in table.columns] == shown

    play(tmp_path, RUNS, steps, project=(None, None))


@pytest.mark.parametrize("opener", ["colon", "ctrl+p", "ctrl+f", "e"])
def test_what_is_typed_with_the_key_that_opens_a_line_stands_in_it(tmp_path: Path, opener: str) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await there(pilot, app)
        room = app.screen
        for key in (opener, *"zap"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: app.screen is not room and bool(app.screen.query(Input)))
        await until(pilot, lambda: app.screen.query(Input).first().value.endswith("zap"))

    play(tmp_path, RUNS, steps)
