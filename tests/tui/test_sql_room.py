"""SQL by keys: a query of several lines is typed, run, completed, recalled and written to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from whole_app import frame, play, until

from mlops_store.errors import Problem
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.form import Form
from mlops_tui.tui.screens.sql import NAMES, Query, SqlRoom
from mlops_tui.verbs.top import SqlColumn, SqlResult


def answer(fields: dict[str, Any]) -> SqlResult:
    if fields["query"] == NAMES:
        columns, rows = ["table_name", "column_name"], [["runs", "run_id"], ["runs", "state"]]
    elif "nonsense" in fields["query"]:
        raise Problem("bad_sql", "there is no table nonsense", "look at the names")
    else:
        columns, rows = ["state", "runs"], [["FINISHED", 3], ["[/red]", None]]
    return SqlResult(columns=[SqlColumn(name=name, type="VARCHAR") for name in columns], rows=rows)


def asked(app: MlopsApp) -> list[str]:
    return [fields["query"] for key, fields in app.link.asked if key == "sql" and fields["query"] != NAMES]  # type: ignore[attr-defined]


def test_a_query_of_two_lines_by_keys(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        app.action_app_sql()
        await until(pilot, lambda: isinstance(app.screen, SqlRoom) and bool(app.screen._names))
        room = app.screen
        assert isinstance(room, SqlRoom)
        query = room.query_one(Query)
        await pilot.press(
            "delete", *"SELECT", "space", *"sta", "tab", "enter", *"FROM", "space", *"ru", "tab"
        )
        await until(pilot, lambda: query.text == "SELECT state\nFROM run")  # runs, run_id
        await pilot.press("s", "f5")
        await until(pilot, lambda: "2 rows" in frame(app) and "[/red]" in frame(app))
        assert asked(app) == ["SELECT state\nFROM runs"]
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, Form))
        app.screen.query("Input").first().value = str(tmp_path / "rows.csv")  # type: ignore[attr-defined]
        await pilot.press("enter")
        if isinstance(app.screen, Form):
            await pilot.press("enter")
        await until(pilot, lambda: (tmp_path / "rows.csv").exists() and app.screen is room)
        assert (tmp_path / "rows.csv").read_text().splitlines()[:2] == ["state,runs", "FINISHED,3"]
        query.text = "SELECT nonsense"
        await pilot.press("f5")
        await until(pilot, lambda: "there is no table nonsense" in frame(app))
        await pilot.press("ctrl+up", "ctrl+up")
        await until(pilot, lambda: query.text == "SELECT state\nFROM runs")
        await pilot.press("ctrl+down")
        await until(pilot, lambda: query.text == "SELECT nonsense")

    play(tmp_path, {"sql": answer}, steps)
