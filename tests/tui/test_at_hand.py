"""What reaches beyond the screen or leads about in it: the clipboard, files, views, history, zoom, pause, projects, commands, the mouse."""

from __future__ import annotations

import base64
import csv
import json
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import polars as pl
import pytest
from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

from mlops_tui.tui import clipboard
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.command_line import CommandLine
from mlops_tui.tui.dialogs.form import Form
from mlops_tui.tui.dialogs.palette import Palette
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.run import RunRoom
from mlops_tui.tui.settings import Settings, look
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.project import Project
from mlops_tui.verbs.run import Fields

RUNS = [a_run(number, "FAILED" if number % 2 else "FINISHED") for number in range(6)]
DETAIL = RunDetail(**{name: getattr(RUNS[0], name) for name in RUNS[0].__struct_fields__})


def listed(fields: dict[str, Any]) -> Page[Run]:
    found = [run for run in RUNS if "FAILED" not in fields.get("filter", "") or run.state == "FAILED"]
    return Page(items=found[fields.get("offset", 0) :][: fields["limit"]], total=len(found))


GIVEN = {"run list": listed, "run show": lambda _: DETAIL, "run fields": lambda _: Fields(fields=[])}


async def filtered(pilot: Pilot[Any], app: MlopsApp) -> None:
    await until(pilot, lambda: "6 rows" in frame(app))
    await pilot.press("slash", *"state", "equals_sign", *"FAILED", "enter")
    await until(
        pilot, lambda: "3 rows" in frame(app) and app.screen.query_one(QueryTable).cursor_key is not None
    )


@pytest.mark.parametrize(
    ("environ", "before", "after"),
    [
        ({}, "\x1b]52;c;", "\x07"),
        ({"TMUX": "/tmp/t,1,0", "TERM": "screen"}, "\x1bPtmux;\x1b\x1b]52;c;", "\x07\x1b\\"),
        ({"TERM": "screen-256color"}, "\x1bP\x1b]52;c;", "\x07\x1b\\"),
    ],
)
def test_what_the_terminal_is_sent_to_copy(environ: dict[str, str], before: str, after: str) -> None:
    found = clipboard.sequence("späte Flüge\n", environ)
    assert found is not None and found.startswith(before) and found.endswith(after)
    sent = base64.b64decode(found.removeprefix(before).removesuffix(after))
    assert sent.decode() == "späte Flüge\n"
    assert clipboard.sequence("x" * (clipboard.LIMIT + 1), environ) is None


def test_cell_row_id_and_command_are_copied(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        copied = []
        with mock.patch.object(app, "yank", lambda text, what: copied.append(text)):
            for keys in ("yi", "yy", "yr", "yc"):
                await pilot.press(*keys)
                await pilot.pause()
        assert copied[0] == RUNS[0].run_id and copied[1] == "late-0"
        assert json.loads(copied[2])["run_id"] == RUNS[0].run_id
        assert copied[3].startswith("mlops-tui run list")

    play(tmp_path, GIVEN, steps)


def rows_of(path: Path) -> list[str]:
    """The run ids that a file has."""
    text = path.read_text(encoding="utf-8") if path.suffix != ".parquet" else ""
    if path.suffix == ".csv":
        return [row["run_id"] for row in csv.DictReader(text.splitlines())]
    if path.suffix == ".jsonl":
        return [msgspec.json.decode(line)["run_id"] for line in text.splitlines()]
    if path.suffix == ".md":
        head, _, *lines = text.splitlines()
        place = head.split(" | ").index("| run_id" if head.startswith("| run_id") else "run_id")
        return [line.split(" | ")[place].removeprefix("| ") for line in lines]
    found: list[str] = pl.read_parquet(path)["run_id"].to_list()
    return found


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".md", ".parquet", ".svg"])
def test_a_filtered_list_is_written_to_a_file(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"list{ending}"

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await filtered(pilot, app)
        await pilot.press("e")
        await until(
            pilot, lambda: isinstance(app.screen, Form) and "all rows that the filter finds" in frame(app)
        )
        app.screen.query_one("Input").value = str(target)  # type: ignore[attr-defined]
        await pilot.press("f2")
        await until(pilot, lambda: any("wrote" in said.text for said in app.said))

    play(tmp_path, GIVEN, steps)
    if ending == ".svg":
        text = target.read_text(encoding="utf-8")
        assert text.startswith("<svg") and "late-1" in text and "late-2<" not in text
    else:
        assert rows_of(target) == [run.run_id for run in RUNS if run.state == "FAILED"]


def test_a_view_is_saved_and_recalled_in_another_sitting(tmp_path: Path) -> None:
    async def save(pilot: Pilot[Any], app: MlopsApp) -> None:
        await filtered(pilot, app)
        await pilot.press("m", "f")
        await until(pilot, lambda: "saved this view as f" in frame(app))

    async def recall(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        await pilot.press("apostrophe", "x")
        await until(pilot, lambda: any("no view is saved as x" in said.text for said in app.said))
        await pilot.press("apostrophe", "f")
        await until(pilot, lambda: "3 rows" in frame(app) and "state=FAILED" in frame(app))

    play(tmp_path, GIVEN, save)
    play(tmp_path, GIVEN, recall)


def test_history_leads_back_and_forward(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunRoom))
        await pilot.press("5")
        await until(pilot, lambda: app.current_mode == "data")
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: isinstance(app.screen, RunRoom))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "6 rows" in frame(app))
        await pilot.press("left_square_bracket")
        assert app.current_mode == "runs"
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: app.current_mode == "data")

    play(tmp_path, GIVEN, steps)


def test_zoom_shows_the_focused_pane_alone(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app) and "late-0" in frame(app))
        table = app.screen.query_one(QueryTable)
        before = table.size
        await pilot.press("z")
        await until(pilot, lambda: app.screen.maximized is table and table.size.height > before.height)
        await pilot.press("j", "z")
        await until(pilot, lambda: table.size == before)
        assert table.cursor_row == 1

    play(tmp_path, GIVEN, steps)


def test_paused_a_screen_stays_as_it_is(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        def asked() -> int:
            return sum(key == "run list" for key, _ in app.link.asked)  # type: ignore[attr-defined]

        await until(pilot, lambda: "6 rows" in frame(app))
        await pilot.press("p")
        await until(pilot, lambda: "PAUSED (p goes on)" in frame(app))
        before = asked()
        app._hear(News(connected=True, everything=True))
        await pilot.pause(0.1)
        assert asked() == before
        await pilot.press("p")
        await until(pilot, lambda: asked() > before and "PAUSED" not in frame(app))

    play(tmp_path, GIVEN, steps)


def test_another_project_is_looked_at(tmp_path: Path) -> None:
    projects = [Project(name=name, dir=f"/p/{name}", added=0) for name in ("flights", "weather")]

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        before = len(app.link.asked)  # type: ignore[attr-defined]
        await pilot.press("g", "j")
        await until(pilot, lambda: "/p/weather" in frame(app))
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: frame(app).startswith(" weather"))
        assert app.link.project == ("weather", None)
        await until(pilot, lambda: any(key == "run list" for key, _ in app.link.asked[before:]))  # type: ignore[attr-defined]

    play(tmp_path, {**GIVEN, "project list": lambda _: Page(items=projects)}, steps)


def test_an_app_that_only_reads_writes_nothing(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        for key in ("x", "u", "t", "D"):
            app.said.clear()
            await pilot.press(key)
            await until(pilot, lambda: any("this app only reads" in said.text for said in app.said))
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(app.screen, CommandLine))
        app.said.clear()
        await pilot.press(*"run stop 0", "enter")
        await until(pilot, lambda: any("this app only reads" in said.text for said in app.said))
        verbs = {key for key, _ in app.link.asked}  # type: ignore[attr-defined]
        assert not verbs & {"run stop", "run delete", "run tag", "ledger undo"}

    play(tmp_path, GIVEN, steps, like=look(Settings(), read_only=True, environ={"LANG": "C.UTF-8"}))


def test_commands_lead_to_screens_runs_and_answers(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        async def command(text: str) -> None:
            await pilot.press("colon")
            await until(pilot, lambda: isinstance(app.screen, CommandLine))
            app.screen.query_one("Input").value = text  # type: ignore[attr-defined]
            await pilot.press("enter")
            await until(pilot, lambda: not isinstance(app.screen, CommandLine))

        await until(pilot, lambda: "6 rows" in frame(app))
        await command("data")
        await until(pilot, lambda: app.current_mode == "data")
        await command("runs state=FAILED")
        await until(pilot, lambda: "3 rows" in frame(app))
        await command(f"run show {RUNS[0].run_id}")
        await until(pilot, lambda: isinstance(app.screen, RunRoom))
        await command("project list")
        await until(pilot, lambda: isinstance(app.screen, Reader))
        await pilot.press("escape")
        await command("rnu list")
        await until(pilot, lambda: any("rnu" in said.text for said in app.said))
        await command("quit")
        await until(pilot, lambda: app._exit)

    play(tmp_path, GIVEN, steps)


def test_the_palette_carries_out_what_is_chosen(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "6 rows" in frame(app))
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        await pilot.press(*"ledger")
        await until(pilot, lambda: "Every decision" in frame(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "ledger")

    play(tmp_path, GIVEN, steps)


def test_the_mouse_points_turns_and_chooses_tabs(tmp_path: Path) -> None:
    runs = [a_run(number) for number in range(60)]
    given = {**GIVEN, "run list": lambda f: Page(items=runs[f.get("offset", 0) :][: f["limit"]], total=60)}

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "60 rows" in frame(app))
        table = app.screen.query_one(QueryTable)
        lines = frame(app).splitlines()
        line = next(number for number, text in enumerate(lines) if "late-3 " in text)
        await pilot.click(offset=(10, line))
        await until(pilot, lambda: table.cursor_row == 3)
        table.post_message(_wheel(table))
        await until(pilot, lambda: table.scroll_y > 0)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunRoom) and "artifacts" in frame(app))
        await pilot.click("#tabs", offset=(frame(app).splitlines()[1].index("artifacts") + 2, 0))
        await until(pilot, lambda: isinstance(app.screen, RunRoom) and app.screen.tab == "artifacts")

    play(tmp_path, given, steps)


def _wheel(table: QueryTable) -> Any:
    from textual.events import MouseScrollDown

    return MouseScrollDown(table, 5, 5, 0, 1, 0, False, False, False)
