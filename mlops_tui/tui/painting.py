"""What an update of the screen renders, and what of it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.message import Message
from textual.messages import Update
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

_BEGIN = re.compile(r"(\x1b\[0m)?\x1b\[([\d;]+)m")
"""Where a style begins, perhaps right after the end of another."""
_CODE = re.compile(r"[34]8;(?:5;\d+|2;\d+;\d+;\d+)|\d+")


class LeanScreen(Screen[None]):
    """A screen with a lean compositor, which hears at once that a widget wants to be drawn: Textual's puts it into its queue, and then a word to
    itself to look at it."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = LeanCompositor()

    def post_message(self, message: Message) -> bool:
        widget = message.widget if isinstance(message, Update) else None
        if not isinstance(widget, Widget) or not self._drawn_now(widget):
            return super().post_message(message)
        self._dirty_widgets.add(widget)
        self._update_timer.resume()
        return True

    def _drawn_now(self, widget: Widget) -> bool:
        """What is to be laid out as well says so after this; both are one frame."""
        if widget._layout_required or self._closing or self.app._batch_count:
            return False
        return self.is_current and self in self._compositor


class LeanCompositor(Compositor):
    """Asks each widget only for the lines that are drawn anew; Textual's asks every widget near them for all of its lines: of two
    rows in which a cursor moved, that is nine widgets and the whole list, which took longer than everything else that a key sets off."""

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            if crop is not None:
                if not crop.overlaps(shown):
                    continue
                shown = shown.intersection(Region(shown.x, crop.y, shown.width, crop.height))
            if shown:
                yield region, shown, widget.render_lines(shown.translate((-region.x, -region.y)))
            if crop is not None and shown.contains_region(crop):
                break  # it covers the rest

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return _LeanLayout(update.strips, update.region)

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return _LeanChops(update.chops, update.spans, update.chop_ends) if update is not None else None


class _LeanLayout(LayoutUpdate):
    def render_segments(self, console: Console) -> str:
        return differences(super().render_segments(console))


class _LeanChops(ChopsUpdate):
    def render_segments(self, console: Console) -> str:
        return differences(super().render_segments(console))


def differences(written: str) -> str:
    """The same to a terminal in fewer bytes: a style that follows another right away says only what is other. Rich ends each style and begins
    the next from nothing, which is half of what a row of a list sends over a slow line."""
    before = ""

    def shorter(match: re.Match[str]) -> str:
        nonlocal before
        at_once, style = match.groups()
        if style == "0":
            return match.group()
        change = _change(before, style) if at_once else None
        before = style
        return match.group() if change is None else change

    return _BEGIN.sub(shorter, written)


@lru_cache(4096)
def _change(old: str, new: str) -> str | None:
    """What makes one style of another; None where something would have to be taken back."""
    (marks, *colours), (new_marks, *new_colours) = _parts(old), _parts(new)
    if not marks <= new_marks or any(was and not now for was, now in zip(colours, new_colours, strict=True)):
        return None
    others = [now for was, now in zip(colours, new_colours, strict=True) if now != was]
    codes = ";".join([*sorted(new_marks - marks), *others])
    return f"\x1b[{codes}m" if codes else ""


def _parts(style: str) -> tuple[frozenset[str], str, str]:
    """Its marks such as bold, the colour, the background."""
    codes = _CODE.findall(style)
    colour = [code for code in codes if 30 <= _number(code) <= 39 or 90 <= _number(code) <= 97]
    ground = [code for code in codes if 40 <= _number(code) <= 49 or 100 <= _number(code) <= 107]
    marks = frozenset(codes).difference(colour, ground)
    return marks, "".join(colour[-1:]), "".join(ground[-1:])


def _number(code: str) -> int:
    return int(code.partition(";")[0])
