"""With --ascii no sign but ASCII ones is drawn; letters of data stay."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mlops_store.home import Home
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.ascii_filter import plain
from mlops_tui.tui.formats import use_ascii
from mlops_tui.tui.settings import Settings, look


@given(st.text())
def test_the_width_stays_and_letters_stay(text: str) -> None:
    found = plain(text)
    assert cell_len(found) == cell_len(text)
    assert [char for char in found if char.isalpha()] == [
        char for char in text if char.isalpha()
    ] or not text.isprintable()


def test_every_screen_is_ascii(served_home: Home) -> None:
    served_home.create()
    app = MlopsApp(served_home, (None, None), look(Settings(), ascii=True, environ={}))

    async def scenario() -> str:
        shown = ""
        async with app.run_test(size=(100, 30)) as pilot:
            for key in ("1", "2", "3", "5", "9", "question_mark"):
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
