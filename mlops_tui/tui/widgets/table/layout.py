"""Which columns fit into a width, and how wide each becomes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from rich.text import Text


class Column(msgspec.Struct, frozen=True):
    """One column: widths are in cells; `sort` is what the daemon calls it ("": not sortable)."""

    key: str
    title: str
    width: int
    cell: Callable[[Any], Text | str]
    align: Literal["left", "right"] = "left"
    sort: str = ""
    flex: bool = False
    priority: int = 0


class Placed(msgspec.Struct, frozen=True):
    """A column on screen: its index in the list of columns and its width in cells."""

    index: int
    width: int


def arrange(columns: Sequence[Column], width: int, cursor: int = 0, gap: int = 1) -> list[Placed]:
    """The columns to show in `width` cells, in order, with `gap` cells between them.

    Columns with a priority leave first, highest number first. When the rest is still too wide, the first
    column stays and the others scroll. The cursor column is always shown. Flexible columns share what is
    left; without one, cells at the right end stay empty.
    """
    if not columns or width <= 0:
        return []
    cursor = max(0, min(cursor, len(columns) - 1))
    shown = list(range(len(columns)))
    for index in sorted(shown, key=lambda i: (-columns[i].priority, -i)):
        if _needed(columns, shown, gap) <= width or columns[index].priority <= 0:
            break
        if index != cursor:
            shown.remove(index)
    if _needed(columns, shown, gap) > width:
        shown = _scrolled(columns, shown, width, cursor, gap)
    left = width - _needed(columns, shown, gap)
    flexible = [index for index in shown if columns[index].flex]
    share, odd = divmod(max(left, 0), len(flexible)) if flexible else (0, 0)
    extra = {index: share + (place < odd) for place, index in enumerate(flexible)}
    return [Placed(index, min(_width(columns[index]) + extra.get(index, 0), width)) for index in shown]


def _width(column: Column) -> int:
    return max(1, column.width)


def _needed(columns: Sequence[Column], shown: Sequence[int], gap: int) -> int:
    return sum(_width(columns[index]) for index in shown) + gap * max(0, len(shown) - 1)


def _scrolled(columns: Sequence[Column], shown: list[int], width: int, cursor: int, gap: int) -> list[int]:
    """The first column, and the leftmost run of the others that holds the cursor column."""
    pinned, rest = shown[:1], shown[1:]
    if cursor == pinned[0]:
        start, stop = 0, 0
    else:
        stop = rest.index(cursor) + 1
        start = 0
        while start < stop - 1 and _needed(columns, pinned + rest[start:stop], gap) > width:
            start += 1
        if _needed(columns, pinned + rest[start:stop], gap) > width:
            return [cursor]
    while stop < len(rest) and _needed(columns, pinned + rest[start : stop + 1], gap) <= width:
        stop += 1
    return pinned + rest[start:stop]
