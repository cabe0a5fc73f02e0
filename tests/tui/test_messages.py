"""What the app says stands above the keys, and covers nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from whole_app import a_run, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.verbs._declare import Page

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
        app.tell(f"{HOSTILE} " + "many words " * 40, "error", hint="do something else")
        await until(pilot, lambda: "shows all" in frame(app))
        lines = frame(app).splitlines()
        assert "[/red] 🦊" in "".join(lines)
        assert "late-59" in lines[table.region.bottom - 1] and table.region.bottom == bottom - 2
        assert lines[-2].endswith("… ! shows all") and all("\x1b" not in line for line in lines)
        assert not app.screen.query("Toast")
        app.saying[:] = app.saying[-1:]
        app._fall_silent(app.saying[0])
        await until(pilot, lambda: "60 rows" in frame(app).splitlines()[-2])
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "Messages" in frame(app) and "many words" in frame(app))

    play(tmp_path, {"run list": listed}, steps, size=size)
