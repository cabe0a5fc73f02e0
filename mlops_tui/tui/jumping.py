"""What one can go to at once on a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from textual.geometry import Offset
from textual.screen import Screen
from textual.widget import Widget


class Landing(msgspec.Struct, frozen=True):
    """A place in a widget (or on the screen), and how to get there."""

    at: Offset
    go: Callable[[], object]


def landings(screen: Screen[Any]) -> Iterator[Landing]:
    """What the screen and its widgets offer by a method `jumps`, from the top down; of other widgets that can have the focus, they themselves."""
    for node in (screen, *screen.walk_children(Widget)):
        if not node.region or not node.is_on_screen:
            continue
        offered: Callable[[], Iterable[Landing]] | None = getattr(node, "jumps", None)
        if offered is not None:
            yield from (Landing(node.region.offset + each.at, each.go) for each in offered())
        elif node.focusable and node is not screen.focused:
            yield Landing(node.region.offset, node.focus)
