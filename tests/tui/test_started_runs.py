"""A run that was started is at the cursor, or it is said what hides it and which key shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

from mlops_store.errors import Problem
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.screens.runs import RunsRoom
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run, RunDetail

NEW = a_run(99, "QUEUED")


@pytest.mark.parametrize(
    ("filter", "view", "told"),
    [
        ("", "listed", ""),
        (
            "state = FAILED",
            "listed",
            "late-99 started; hidden by the filter state = FAILED → esc removes the filter",
        ),
        ("state ==", "listed", "late-99 started; hidden by the filter state == → esc removes the filter"),
        ("", "deleted", "late-99 started; the trash hides it → . leaves the trash"),
    ],
)
def test_where_a_started_run_is(tmp_path: Path, filter: str, view: str, told: str) -> None:
    started: list[Run] = []
    runs = [a_run(number) for number in range(40)]

    def listed(fields: dict[str, Any]) -> Page[Run]:
        wanted = fields.get("filter", "")
        if "==" in wanted:
            raise Problem("bad_filter", "this is no filter")
        found = [*runs, *started]
        if "FAILED" in wanted or fields.get("deleted"):
            found = runs[:3] if "id in" not in wanted else []
        elif "id in" in wanted:
            found = [run for run in found if run.run_id in wanted]
        part = found[fields.get("offset", 0) :][: fields["limit"]]
        return Page(items=part, total=len(found))

    def start(_: dict[str, Any]) -> Run:
        started.append(NEW)
        return NEW

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        room = app.screen
        assert isinstance(room, RunsRoom)
        table = room.query_one(QueryTable)
        await until(pilot, lambda: table.cursor_key is not None)
        room.view = view
        room.filter_by(filter)
        await until(pilot, lambda: table.cursor_key is not None)
        await pilot.press("g", "R")
        await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen._drawn is not None)
        await pilot.press("y")
        if told:
            await until(pilot, lambda: told in " ".join(frame(app).split()))
        else:
            await until(pilot, lambda: table.cursor_key == NEW.run_id)
            assert "▸" in next(line for line in frame(app).splitlines() if "late-99" in line)

    detail = RunDetail(**{name: getattr(runs[0], name) for name in runs[0].__struct_fields__})
    given = {"run list": listed, "run show": lambda _: detail, "run start": start}
    play(tmp_path, given, steps)
