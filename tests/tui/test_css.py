"""Styles are read once for each set of colours, and follow the theme."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.css import stylesheet
from textual.widgets import Input, Static

from mlops_tui.tui.css import Css
from mlops_tui.tui.themes import DARK, LIGHT


class Small(App[None]):
    CSS = "#one { background: $primary; }"

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name
        self.stylesheet = Css(self.get_css_variables())

    def compose(self) -> ComposeResult:
        yield Static(id="one")


def test_a_source_is_read_once_until_the_colours_change(monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[Any] = Counter()
    plain = stylesheet.parse

    def counted(scope: str, css: str, read_from: Any, **rest: Any) -> Any:
        read[read_from] += 1
        return plain(scope, css, read_from, **rest)

    monkeypatch.setattr(stylesheet, "parse", counted)

    async def main() -> None:
        app = Small()
        async with app.run_test() as pilot:
            await pilot.pause()
            one = app.query_one("#one")
            primary = app.theme_variables["primary"]
            assert one.styles.background.hex == primary.upper()
            assert set(read.values()) == {1}
            app.theme = LIGHT.name
            await pilot.pause()
            assert app.theme_variables["primary"] != primary
            assert one.styles.background.hex == app.theme_variables["primary"].upper()
            assert set(read.values()) == {2}
            await app.mount(Input())  # a class that was not there before
            assert [times for (_, place), times in read.items() if place.startswith("Input.")] == [1]
            assert {
                times for (_, place), times in read.items() if place[:6] in ("Static", "Screen", "Small.")
            } == {2}

    asyncio.run(main())
