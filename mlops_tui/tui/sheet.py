"""Facts laid out as text: headings, pairs, small tables, wrapped to a width. Everything that comes from data is made harmless here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from mlops_tui.tui.formats import clean, glyphs, short

GAP = 2


class Sheet:
    """Grows line by line; `text` is what has been written, for a width in cells."""

    def __init__(self, width: int) -> None:
        self.width = max(10, width)
        self.text = Text(end="")

    def line(self, content: str | Text = "", style: str = "") -> Sheet:
        """One line, wrapped where it is too long."""
        found = content.copy() if isinstance(content, Text) else Text(clean(content), style=style)
        found.no_wrap = False
        if self.text:
            self.text.append("\n")
        self.text.append_text(found)
        return self

    def heading(self, title: str) -> Sheet:
        """A heading with a line of space before it."""
        if self.text:
            self.line()
        return self.line(Text(clean(title), style="bold underline"))

    def pairs(self, pairs: Iterable[tuple[str, Any]]) -> Sheet:
        """Names and values in two columns; nothing for None and empty values."""
        found = [(name, value) for name, value in pairs if value not in (None, "", [], {})]
        wide = max((cell_len(name) for name, _ in found), default=0)
        for name, value in found:
            shown = (
                value.copy()
                if isinstance(value, Text)
                else Text(clean(value if isinstance(value, str) else short(value, 400)))
            )
            lines = _wrapped(shown, max(10, self.width - wide - GAP))
            for place, part in enumerate(lines):
                label = clean(name) if place == 0 else ""
                self.line(Text.assemble((label + " " * (wide - cell_len(label) + GAP), "bright_black"), part))
        return self

    def table(
        self, titles: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()
    ) -> Sheet:
        """A table of short cells; `right` names the columns that are aligned to the right. The widest column gives way."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [
            max([cell_len(title), *(row[i].cell_len for row in cells)]) for i, title in enumerate(titles)
        ]
        while sum(widths) + GAP * (len(widths) - 1) > self.width and max(widths) > 6:
            widths[widths.index(max(widths))] -= 1
        self.line(_row([Text(clean(title), style="bright_black") for title in titles], widths, right))
        for row in cells:
            self.line(_row(row, widths, right))
        return self

    def paragraph(self, words: str, style: str = "") -> Sheet:
        """Prose."""
        for part in words.splitlines() or [""]:
            self.line(clean(part), style)
        return self


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value.copy()
    return Text(glyphs().dash if value is None else clean(value if isinstance(value, str) else short(value)))


def _row(cells: Sequence[Text], widths: Sequence[int], right: Sequence[int]) -> Text:
    found = Text(no_wrap=True)
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        cell.truncate(width, overflow="ellipsis")
        space = " " * (width - cell.cell_len)
        if place:
            found.append(" " * GAP)
        if place in right:
            found.append(space)
            found.append_text(cell)
        else:
            found.append_text(cell)
            found.append(space)
    found.rstrip()
    return found


def _wrapped(text: Text, width: int) -> list[Text]:
    if text.cell_len <= width and "\n" not in text.plain:
        return [text]
    from rich.console import Console  # only where something is too long

    return list(text.wrap(Console(width=width, no_color=True), width))
