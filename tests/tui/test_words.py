"""At 80 columns nothing that explains is cut within a word: help and choices wrap, hints and the palette end between words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import OptionList
from whole_app import frame, play, until

from mlops_tui.tui.actions import ACTIONS, SCREENS
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.dialogs.help import Help
from mlops_tui.tui.dialogs.palette import Palette
from mlops_tui.tui.formats import at_word
from mlops_tui.tui.widgets.doc import Doc

TITLES = {action.title for action in ACTIONS.values()}


@given(st.text("ab ,", max_size=40), st.integers(1, 30))
def test_a_text_ends_between_words(text: str, width: int) -> None:
    found = at_word(text, width)
    assert cell_len(found) <= width and (found == text or found.endswith("…"))
    if found != text and " " in text[:width].strip():
        assert text.startswith(found[:-1]) and not (text[: len(found)] + " ")[len(found) - 1].isalpha()


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 50)])
def test_hints_are_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        for number, name in enumerate(SCREENS, 1):
            await pilot.press(str(number))
            await until(pilot, lambda name=name: app.current_mode == name and "? Help" in frame(app))  # type: ignore[misc]
            await pilot.pause()
            hints = frame(app).splitlines()[-1].strip()
            shown = [part.split(" ", 1)[1] for part in re.split(r"  +", hints.removesuffix("…").strip())]
            assert set(shown) <= TITLES and "Help" in shown, hints
        await pilot.press("g")

        def all_there() -> bool:
            choices = " ".join(" ".join(frame(app).splitlines()[-3:]).split())
            wanted = [("h", "Home"), ("l", "Ledger"), ("s", "SQL"), ("j", "Project")]
            return all(f"{key} {title}" in choices for key, title in wanted)

        await until(pilot, all_there)
        app.screen.show_frame()  # an answer that comes meanwhile takes nothing away
        await pilot.pause()
        assert all_there()
        await pilot.press("escape")
        await until(pilot, lambda: "? Help" in frame(app).splitlines()[-1])

    play(tmp_path, {}, steps, size=size)


def test_help_and_palette_are_made_of_whole_words(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Help) and "One line down" in frame(app))
        doc = app.screen.query_one(Doc)
        shown = doc._shown
        assert isinstance(shown, Text) and doc._width < 76
        lines = shown.plain.splitlines()
        assert max(map(cell_len, lines)) <= doc._width
        words = " ".join(" ".join(line[32:] for line in lines).split())
        assert [action.id for action in ACTIONS.values() if action.help not in words] == []
        titles = " ".join(" ".join(line[14:32] for line in lines).split())
        assert [action.id for action in ACTIONS.values() if action.title not in titles] == []
        await pilot.press("escape", "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Palette) and "Home" in frame(app))
        options = app.screen.query_one(OptionList)
        told = {action.help for action in ACTIONS.values()} | {
            f"only in: {', '.join(a.contexts)}" for a in ACTIONS.values()
        }
        assert options.option_count > 50
        for place in range(options.option_count):
            line = str(options.get_option_at_index(place).prompt)
            assert cell_len(line) <= 76
            explained = line[48:].removesuffix("…")
            assert any(
                text == explained or re.match(re.escape(explained) + r"[ ,;:–]", text) for text in told
            ), line

    play(tmp_path, {}, steps)
