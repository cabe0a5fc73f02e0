"""Keys that come before the rows do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from whole_app import Line, a_run, play, until

from mlops_store.errors import Problem
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.news import News
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.widgets.table import moving
from mlops_tui.verbs._declare import Page

RUNS = [a_run(number) for number in range(1, 31)]


class Late(asyncio.Event):
    """An answer that comes when the test says so; before it, the daemon is gone where `gone`."""

    gone = False


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    found, ask = Late(), Line.ask

    async def asked(self: Line, key: str, fields: dict[str, Any] | None = None) -> Any:
        if key == "run list":
            if found.gone:
                raise Problem(
                    "daemon_gone", "the daemon does not answer", "`mlops-tui daemon logs`", status=3
                )
            await found.wait()
        return await ask(self, key, fields)

    monkeypatch.setattr(Line, "ask", asked)
    return found


def listed(_fields: dict[str, Any]) -> Page[Any]:
    return Page(items=RUNS, total=len(RUNS))


def table(app: MlopsApp) -> QueryTable:
    return app.screen.query_one(QueryTable)


@pytest.mark.parametrize(("keys", "row"), [("jjj", 3), ("Gkk", 27), ("Gggj", 1), ("jjjjjj", 4)])
def test_moves_of_before_the_first_rows_are_made_when_they_come(
    tmp_path: Path, late: Late, monkeypatch: pytest.MonkeyPatch, keys: str, row: int
) -> None:
    monkeypatch.setattr(moving, "EARLY", 4)

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await pilot.press(*keys)
        assert table(app).total is None
        late.set()
        await until(pilot, lambda: table(app).cursor_key == RUNS[row].run_id)
        await pilot.press("k")
        assert table(app).cursor_row == row - 1 and not table(app).early

    play(tmp_path, {"run list": listed}, steps)


def test_moves_wait_for_a_daemon_that_is_started_again(tmp_path: Path, late: Late) -> None:
    late.gone = True

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await pilot.press("j", "j")
        app.screen.hear(News(connected=False))  # type: ignore[attr-defined]
        await pilot.press("j")
        late.gone = False
        app.screen.hear(News(connected=True, everything=True))  # type: ignore[attr-defined]
        await pilot.press("j")
        assert table(app).total is None
        late.set()
        await until(pilot, lambda: table(app).cursor_key == RUNS[4].run_id)

    play(tmp_path, {"run list": listed}, steps)


def test_a_daemon_that_is_started_again_under_rows_takes_no_move_back(tmp_path: Path, late: Late) -> None:
    """A row has come on top while nobody could say so: the cursor is on the row that the keys have led to."""
    late.set()
    rows = list(RUNS)

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: table(app).cursor_key == RUNS[0].run_id)
        late.clear()
        rows.insert(0, a_run(99))
        app.screen.hear(News(connected=True, everything=True))  # type: ignore[attr-defined]
        await pilot.press("j", "j")
        late.set()
        await until(pilot, lambda: table(app).total == len(RUNS) + 1)
        assert table(app).cursor_key == RUNS[2].run_id and table(app).cursor_row == 3

    play(tmp_path, {"run list": lambda _: Page(items=list(rows), total=len(rows))}, steps)


def test_moves_are_forgotten_on_leaving(tmp_path: Path, late: Late) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await pilot.press("j", "j")
        assert len(table(app).early) == 2
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "home")
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "runs")
        late.set()
        await until(pilot, lambda: table(app).cursor_key is not None)
        assert table(app).cursor_key == RUNS[0].run_id

    play(tmp_path, {"run list": listed}, steps)
