"""With --ascii no sign but ASCII ones is drawn; letters of data stay."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot
from whole_app import Given, a_run, frame, play, until

from mlops_store.home import Home
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.ascii_filter import plain
from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.settings import Settings, look
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import DataVersion, RunDetail


@given(st.text())
def test_the_width_stays_and_letters_stay(text: str) -> None:
    found = plain(text)
    assert cell_len(found) == cell_len(text)
    rest = iter(found)  # a sign may become a letter, as × does
    assert all(char in rest for char in text if char.isalpha()) or not text.isprintable()


def test_every_screen_is_ascii(served_home: Home) -> None:
    served_home.create()
    app = MlopsApp(served_home, (None, None), look(Settings(), ascii=True, environ={}))

    async def scenario() -> str:
        shown = ""
        async with app.run_test(size=(100, 30)) as pilot:
            for key in (*"123456789", "question_mark"):
                await pilot.press(key)
                await pilot.pause(0.3)
                for strip in app.screen._compositor.render_strips():
                    shown += "".join(
                        segment.text
                        for segment in app._filters[-1].apply(list(strip), app.screen.background_colors[1])
                    )
        return shown

    try:
        shown = asyncio.run(scenario())
    finally:
        use_ascii(False)
    assert len(shown) > 10_000 and shown.isascii(), sorted({char for char in shown if not char.isascii()})


def test_rows_and_a_detail_are_ascii(tmp_path: Path) -> None:
    versions = [DataVersion(project="flights", source="weather", version=n, snapshot="s", rows=n, files=n, created=0, quarantined=n) for n in (2, 1)]  # fmt: skip
    runs = [a_run(number, state) for number, state in enumerate(("RUNNING", "FINISHED", "FAILED", "LOST"))]
    detail = RunDetail(**{name: getattr(runs[1], name) for name in runs[1].__struct_fields__})
    given: Given = {
        "run list": lambda _: Page(items=runs, total=4),
        "run show": lambda _: detail,
        "data list": lambda _: Page(items=versions, total=2),
    }
    shown = ""

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        async def look_at(key: str, text: str) -> None:
            nonlocal shown
            await pilot.press(key)
            await until(pilot, lambda: text in frame(app))
            for strip in app.screen._compositor.render_strips():
                found = app._filters[-1].apply(list(strip), app.screen.background_colors[1])
                shown += "".join(segment.text for segment in found)

        await look_at("8", "late-0")
        await look_at("5", "weather")
        await look_at("2", "late-3")
        await look_at("enter", "artifacts")

    try:
        play(tmp_path, given, steps, like=look(Settings(), ascii=True, environ={}))
    finally:
        use_ascii(False)
    assert "late-3" in shown and shown.isascii(), sorted({char for char in shown if not char.isascii()})
