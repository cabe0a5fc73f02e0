"""Drawings of `tui.plot` as text of a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import zip_longest

from rich.text import Text

from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.plot.bars import bar
from mlops_tui.tui.plot.colours import styles
from mlops_tui.tui.plot.glyphs import Mode
from mlops_tui.tui.plot.glyphs import glyphs as signs
from mlops_tui.tui.plot.lines import Line, fit
from mlops_tui.tui.sheet import Sheet


def mode() -> Mode:
    """The kind of signs that this terminal's font has."""
    return "ascii" if glyphs().mode == "ascii" else "braille"


@cache
def _styles() -> dict[str, str]:
    return styles("ansi")


def drawn(line: Line) -> Text:
    """One line, in the theme's own colours."""
    roles = _styles()
    return Text.assemble(*((text, roles.get(role, "")) for text, role in line), no_wrap=True, end="")


def put(sheet: Sheet, lines: Iterable[Line]) -> Sheet:
    """Adds a drawing to a sheet."""
    for line in lines:
        sheet.line(drawn(line))
    return sheet


def beside(left: Sequence[Line], right: Sequence[Line], width: int, gap: int = 2) -> list[Line]:
    """Two drawings side by side; `width` is that of the left one in cells."""
    return [[*fit(list(a or []), width), (" " * gap, ""), *(b or [])] for a, b in zip_longest(left, right)]


def meter(share: float, width: int, style: str = "cyan") -> Text:
    """A bar over its share (0 … 1) of `width` cells, on a track that shows the whole."""
    filled = bar(share, width, signs(mode())).rstrip()
    track = signs(mode()).shades[1] * (width - len(filled))
    return Text.assemble((filled, style), (track, "bright_black"), no_wrap=True)
