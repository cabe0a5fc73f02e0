"""Where pages are drawn: on a terminal, in a pipe, or on a screen of the app.

A terminal, or a given width, makes tables fit: columns shrink, or are left out where a renderer says so. In a pipe tables
take the width that they need.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from mlops_tui.pages.layout import GAP, cells, cut, fit, pad, wrap
from mlops_tui.text import clean, number

PROSE = 100
"""Lines of prose are never longer than this: longer ones are hard to read."""
_LONGEST = 400
_READABLE = 20
_NUMBER = 34
_LEAST = 8
COLOURS = {
    "PASS": "green", "FINISHED": "green", "DONE": "green", "FAIL": "red", "FAILED": "red", "ERROR": "red", "LOST": "red",
    "failed": "red", "MAJOR": "red", "INCONCLUSIVE": "yellow", "alert": "yellow", "OPEN": "cyan", "RUNNING": "cyan",
}  # fmt: skip


class Surface(ABC):
    """A page for people. All text that is given to it may come from data: it is cleaned here, and cut.

    `terminal`: it ends up on one; `width` in cells, none in a pipe, where tables take what they need.
    """

    def __init__(self, terminal: bool, width: int | None) -> None:
        self.terminal = terminal
        self.width = width
        self.prose = min(self.width or PROSE, PROSE)

    def line(self, text: str = "") -> None:
        """One line."""
        self.put(clean(text, keep="\t"))

    def heading(self, title: str, note: str = "") -> None:
        """The start of a part: a title in capitals, and what there is to say of it in a few words."""
        self.put()
        first, *rest = wrap(cut(clean(f"{title}  {note}".rstrip()), _LONGEST), self.prose)
        self.put(first, bold=len(title))
        for line in rest:
            self.put("  " + line)

    def title(self, text: str) -> None:
        """The first line of an answer."""
        shown = cut(clean(text), self.width or _LONGEST)
        self.put(shown, bold=len(shown))

    def text(self, text: str, mark: str = "") -> None:
        """Prose, wrapped; with a mark in front of its first line where it is one of several points."""
        for place, line in enumerate(wrap(cut(clean(text), 3 * _LONGEST), self.prose - len(mark))):
            self.put(f"{mark if place == 0 else ' ' * len(mark)}{line}".rstrip())

    def commands(self, pairs: Sequence[tuple[str, str]]) -> None:
        """What can be typed, each with what it is for. A command is never cut, so that it can be copied; one
        that could not be shown as it is, is left out."""
        shown = [
            (command, clean(purpose))
            for command, purpose in pairs
            if clean(command) == command and cells(command) <= _LONGEST
        ]
        longest = max((cells(command) for command, purpose in shown if purpose), default=0)
        room = self.width or PROSE
        if any(longest + cells(purpose) + 6 > room for _, purpose in shown if purpose):
            longest = 0
        for command, purpose in shown:
            beside = f"  {pad(command, longest)}  # {purpose}"
            if purpose and cells(beside) <= room:
                self.put(beside)
                continue
            if purpose:
                self.text(f"# {purpose}", "  ")
            self.put(f"  {command}")

    def facts(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values; those without a value are left out."""
        shown = [(name, _text(value)) for name, value in pairs if value not in (None, "", [], {})]
        width = max((cells(name) for name, _ in shown), default=0)
        width = min(width, PROSE if self.width is None else max(self.width // 3, 12))
        for name, value in shown:
            head = pad(cut(clean(name), width), width) + " " * GAP
            if self.width is None or (" " not in value and cells(value) <= _LONGEST):
                self.put(f"{head}{cut(value, 3 * _LONGEST)}".rstrip())  # a path stays whole, to be copied
                continue
            for place, line in enumerate(wrap(cut(value, 3 * _LONGEST), max(self.width - len(head), 20))):
                self.put(f"{head if place == 0 else ' ' * len(head)}{line}".rstrip())

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        empty: str = "nothing",
        *,
        drop: Sequence[str] = (),
        middle: Collection[str] = (),
        keep: Collection[str] = (),
        whole: bool = False,
    ) -> None:
        """Columns of numbers stand to the right. `empty` is said on a terminal where there are no rows.

        `drop`: columns that may be left out where there is no room, the first one first, and all of one name together. `middle`: columns of names that
        are shortened in the middle. `keep`: columns that are never cut, since they are typed again. `whole`: a
        pipe gets every cell in full, however long it is.
        """
        texts = [[_text(value) for value in row] for row in rows]
        if not texts and self.terminal:
            self.text(empty)
            return
        heads = [clean(name) for name in columns]
        if self.width is None and not whole:
            heads = [cut(name, _LONGEST) for name in heads]
            texts = [[cut(text, _LONGEST) for text in row] for row in texts]
        right = [_numeric([row[place] for row in texts]) for place in range(len(heads))]
        fixed = [number or name in keep for number, name in zip(right, columns, strict=True)]
        kept = list(range(len(heads)))
        widths = self._widths(heads, texts, fixed, kept, _READABLE)
        for name in drop:
            if widths is not None or name not in columns:
                continue
            kept = [place for place in kept if columns[place] != name]
            widths = self._widths(heads, texts, fixed, kept, _READABLE)
        widths = widths or self._widths(heads, texts, fixed, kept, _LEAST)
        if widths is None:
            self._records(heads, texts)
            return
        lines = [
            [cut(row[p], width, columns[p] in middle) for p, width in zip(kept, widths, strict=True)]
            for row in [heads, *texts]
        ]
        self._draw(lines, widths, [right[p] for p in kept])

    def _widths(
        self, heads: list[str], texts: list[list[str]], fixed: list[bool], kept: list[int], least_text: int
    ) -> list[int] | None:
        """A width for each column that is kept; None where they do not fit. What is `fixed` is never cut."""
        widths = [max(cells(row[p]) for row in [heads, *texts]) for p in kept]
        if self.width is None:
            return widths
        least = [
            width if fixed[p] and width <= _NUMBER else min(width, max(least_text, cells(heads[p])))
            for p, width in zip(kept, widths, strict=True)
        ]
        return fit(widths, least, self.width)

    def _records(self, heads: list[str], texts: list[list[str]]) -> None:
        """A table that is too wide for any shrinking: a row after the other, a value on each line."""
        for place, row in enumerate(texts):
            if place:
                self.put()
            self.facts(zip(heads, row, strict=True))

    def _draw(self, lines: list[list[str]], widths: list[int], right: list[bool]) -> None:
        if self.terminal:
            self.coloured(lines, widths, right)
            return
        for line in lines:
            parts = (
                pad(text, width, to_right) for text, width, to_right in zip(line, widths, right, strict=True)
            )
            self.put((" " * GAP).join(parts).rstrip())

    # --- where it goes ---

    @abstractmethod
    def put(self, text: str = "", bold: int = 0) -> None:
        """One finished line; the first `bold` letters stand out."""

    @abstractmethod
    def coloured(self, lines: list[list[str]], widths: list[int], right: list[bool]) -> None:
        """A table that is laid out; its first line names the columns."""

    @abstractmethod
    def block(self, text: str) -> None:
        """Several lines, such as Markdown or a log."""

    @abstractmethod
    def piece(self, text: str) -> None:
        """A part of a stream, with the line ends that it has."""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int | float) or value is None:
        return number(value)
    if isinstance(value, list | tuple):
        return clean(", ".join(str(item) for item in value)) or "-"
    return clean(str(value))


def _numeric(texts: list[str]) -> bool:
    return (
        bool(texts)
        and all(text == "-" or text[:1].isdigit() or text[:1] in "+-−.≠" for text in texts)
        and any(text != "-" for text in texts)
    )
