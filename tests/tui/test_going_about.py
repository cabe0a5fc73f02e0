"""Jumping by letters; undoing and doing again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.jump import Jump
from mlops_tui.tui.dialogs.plan import PlanDialog
from mlops_tui.tui.screens.run import RunRoom
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.ledger import Undone


def focused(app: MlopsApp) -> type:
    return type(app.focused)


RUNS = [a_run(number) for number in range(5)]


def test_letters_lead_to_rows_panes_and_tabs(tmp_path: Path) -> None:
    async def jump(pilot: Pilot[Any], app: MlopsApp, letter: str) -> None:
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert len(app.screen.query("Static")) > 3
        await pilot.press(letter)
        await until(pilot, lambda: not isinstance(app.screen, Jump))

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "5 rows" in frame(app))
        before = frame(app)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, Jump))
        assert [line[2] for line in frame(app).splitlines()[3:8]] == list("asdfg")
        await pilot.press("escape")
        await until(pilot, lambda: frame(app) == before)
        await jump(pilot, app, "d")
        table = app.screen.query_one(QueryTable)
        assert table.cursor_row == 2 and focused(app) is QueryTable
        await jump(pilot, app, "h")
        assert focused(app) is Doc
        await jump(pilot, app, "a")
        assert table.cursor_row == 0 and focused(app) is QueryTable
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunRoom) and "artifacts" in frame(app))
        await jump(pilot, app, "h")
        assert isinstance(app.screen, RunRoom) and app.screen.tab == "artifacts"

    detail = RunDetail(**{name: getattr(RUNS[0], name) for name in RUNS[0].__struct_fields__})
    play(tmp_path, {"run list": lambda _: Page(items=RUNS, total=5), "run show": lambda _: detail}, steps)


def test_what_was_undone_is_done_again_by_a_key(tmp_path: Path) -> None:
    seqs = iter((11, 12, 13))

    def undo(fields: dict[str, Any]) -> Undone:
        return Undone(
            seq=next(seqs),
            undoes=fields.get("seq", 10),
            verb="run.tag",
            subject="r",
            title=f"Undo entry {fields.get('seq', 10)}",
        )

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        async def deed(key: str, told: str) -> None:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, PlanDialog) and app.screen._drawn is not None)
            await pilot.press("y")
            await until(pilot, lambda: told in frame(app))

        await until(pilot, lambda: "5 rows" in frame(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "nothing was undone" in frame(app))
        await deed("u", "ctrl+r does it again")
        assert app.undoings == [11]
        await deed("ctrl+r", "✓ undone: entry 11")
        await until(pilot, lambda: app.undoings == [])
        asked = [fields.get("seq") for key, fields in app.link.asked if key == "ledger undo"]  # type: ignore[attr-defined]
        assert asked == [None, 11]

    play(tmp_path, {"run list": lambda _: Page(items=RUNS, total=5), "ledger undo": undo}, steps)
