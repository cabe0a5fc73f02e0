"""Text laid out in the cells of a terminal: measured, cut, wrapped, and columns made to fit."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

GAP = 2


def cells(text: str) -> int:
    """How many cells a text takes: East Asian letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int, middle: bool = False) -> str:
    """At most `width` cells of a text; `middle` keeps its end too, where names like view__feature differ."""
    if cells(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail = (width - 1) * 3 // 5 if middle else 0
    end = _take(reversed(text), tail)[::-1]
    return _take(text, width - 1 - tail) + "…" + end


def _take(chars: Iterable[str], width: int) -> str:
    taken: list[str] = []
    for char in chars:
        width -= _cell(char)
        if width < 0:
            break
        taken.append(char)
    return "".join(taken)


def pad(text: str, width: int, right: bool = False) -> str:
    """A text filled up with spaces, to the right where `right`."""
    space = " " * max(width - cells(text), 0)
    return space + text if right else text + space


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces; a longer word is broken anywhere."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cells(word) > width:
            head = _take(word, width) or word[:1]
            lines.append(head)
            word = word[len(head) :]
        line = word
    return [*lines, line] if line or not lines else lines


def fit(widths: Sequence[int], least: Sequence[int], room: int) -> list[int] | None:
    """Widths of columns that together with the gaps take at most `room` cells: the widest gives first, none goes below
    `least`. None where they cannot."""
    room -= GAP * (len(widths) - 1)
    if sum(min(pair) for pair in zip(widths, least, strict=True)) > room:
        return None
    found = [min(width, room) for width in widths]
    while sum(found) > room:
        place = max((p for p, width in enumerate(found) if width > least[p]), key=lambda p: found[p])
        found[place] -= 1
    return found
