"""Answers as the commands print them, as text of the app: what a shell shows, a screen shows too."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from mlops_tui.pages import render
from mlops_tui.pages.layout import GAP, pad
from mlops_tui.pages.surface import COLOURS, Surface
from mlops_tui.verbs import find


class TextScreen(Surface):
    """Draws into a rich text of `width` cells."""

    def __init__(self, width: int) -> None:
        super().__init__(terminal=True, width=max(20, width))
        self.written = Text(end="")

    def put(self, text: str = "", bold: int = 0) -> None:
        found = Text(text)
        if bold:
            found.stylize("bold", 0, bold)
        self._add(found)

    def block(self, text: str) -> None:
        for line in text.splitlines():
            self.line(line)

    def piece(self, text: str) -> None:
        self.block(text)

    def coloured(self, lines: list[list[str]], widths: list[int], right: list[bool]) -> None:
        for place, line in enumerate(lines):
            shown = Text()
            for column, (text, width, to_right) in enumerate(zip(line, widths, right, strict=True)):
                if column:
                    shown.append(" " * GAP)
                shown.append(
                    pad(text, width, to_right), style="bright_black" if place == 0 else COLOURS.get(text, "")
                )
            shown.rstrip()
            self._add(shown)

    def _add(self, line: Text) -> None:
        if self.written:
            self.written.append("\n")
        self.written.append_text(line)


def page(key: str, answer: Any, width: int) -> Text:
    """The answer of the verb `key` as its command shows it on a terminal of that width."""
    screen = TextScreen(width)
    render(find(key), answer, screen)
    return screen.written
