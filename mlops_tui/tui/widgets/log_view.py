"""A log: follows its end, searches, wraps; of a log of any length only a window is here."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rich.cells import cell_len, chop_cells
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.text import size as bytes_text
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.find import Find
from mlops_tui.tui.formats import clean, glyphs
from mlops_tui.tui.widgets.log_text import LogBuffer
from mlops_tui.tui.widgets.table import line

CHUNK = 256 * 1024
"""Bytes asked for at once."""


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Line-rendered; the last line of the widget says where in the log one is."""

    COMPONENT_CLASSES = {"log-view--match", "log-view--status"}

    DEFAULT_CSS = """
    LogView {
        background: $background; color: $foreground; overflow-x: hidden; overflow-y: auto;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable;
        & > .log-view--match { background: $warning; color: $background; }
        & > .log-view--status { background: $background; color: $text-muted; }
        &:nocolor > .log-view--match { text-style: bold underline; }
    }
    """

    BINDINGS: ClassVar[list[Any]] = bindings("log")

    follow = reactive(True)
    wrap = reactive(False)
    ended = reactive(False)
    """Nothing more will come."""

    class Wanted(Message):
        """Bytes [offset, offset + count) of the log; answer with `view.prepend(text, offset=offset)`."""

        def __init__(self, view: LogView, offset: int, count: int) -> None:
            super().__init__()
            self.view, self.offset, self.count = view, offset, count

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._buffer = LogBuffer()
        self._total = 0
        self._asked: int | None = None
        self._left = 0
        self._needle: re.Pattern[str] | None = None
        self._at = -1
        self._wrapped: list[tuple[int, str]] | None = None
        self._lines: LRUCache[tuple[int, int], Strip] = LRUCache(1024)

    # --- what the screen gives --------------------------------------------------------------------------------

    def append(self, text: str, offset: int | None = None, size: int | None = None) -> None:
        """Text at the end; `offset` is its first byte in the log, `size` the bytes that the log has by now.

        Where `offset` does not continue the window, the window begins anew with this text.
        """
        before = self._buffer.stop
        if offset is not None and offset > before and not self.follow and self._buffer.lines:
            # Someone reads further up, and the end has left the window: it is fetched when they come back to it.
            self._total = max(self._total, offset + len(text), size or 0)
            self._refresh_status()
            return
        began_anew = offset is not None and offset != before
        old, open_line = self._rows(), len(self._buffer.lines)
        dropped = self._buffer.append(text, offset)
        self._total = max(self._buffer.stop, size or 0)
        self._asked = None if began_anew else self._asked
        if began_anew or dropped or self.wrap:
            self._changed()
        else:
            self._wrapped = None
            self._lines.discard((max(0, open_line - 1), self._left))
        self._fit()
        top = round(self.scroll_y)
        if self.follow:
            self._scroll(self._rows())
        elif dropped:
            self._scroll(max(0, top - dropped))
        if old - 1 <= top + self._height or began_anew or dropped:
            self.refresh()
        else:
            self._refresh_status()

    def prepend(self, text: str, offset: int) -> None:
        """An answer to Wanted: text from before the window, or from its end on; what is on screen stays where it is."""
        if offset >= self._buffer.stop and self._buffer.lines:
            self._asked = None
            self.append(text, offset)
            return
        top, old = round(self.scroll_y), self._rows()
        self._asked = None
        self._buffer.prepend(text, offset)
        self._changed()
        self._fit()
        if not self.follow:
            self._scroll(top + self._rows() - old)
        self.refresh()

    def clear(self) -> None:
        """Another log."""
        self._buffer.clear()
        self._total, self._asked = 0, None
        self._changed()
        self._fit()
        self.refresh()

    def find(self, text: str, forward: bool = True) -> bool:
        """Highlights a text and moves to the next line that has it; "" ends it. False when no loaded line has it."""
        self._needle = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._at = self._source(round(self.scroll_y)) - (1 if forward else -1)
        self._lines.clear()
        self.refresh()
        return bool(text) and self._next(forward)

    # --- keys -------------------------------------------------------------------------------------------------

    def action_log_down(self) -> None:
        """One line down."""
        self._by(1)

    def action_log_up(self) -> None:
        """One line up."""
        self._by(-1)

    def action_log_half_down(self) -> None:
        """Half a page down."""
        self._by(max(1, self._height // 2))

    def action_log_half_up(self) -> None:
        """Half a page up."""
        self._by(-max(1, self._height // 2))

    def action_log_page_down(self) -> None:
        """A page down."""
        self._by(self._height)

    def action_log_page_up(self) -> None:
        """A page up."""
        self._by(-self._height)

    def action_log_top(self) -> None:
        """To the first line that is here; earlier ones are fetched."""
        self._by(-self._rows())

    action_top = action_log_top

    def action_log_bottom(self) -> None:
        """To the end, and follow it."""
        self.follow = True
        if self._buffer.stop < self._total:
            self._buffer.clear(self._total)
            self._changed()
            self._fit()
            self._asked = None
            self._ask()
        self._scroll(self._rows())
        self._refresh_status()

    def action_log_left(self) -> None:
        """Half a width to the left."""
        self._sideways(-1)

    def action_log_right(self) -> None:
        """Half a width to the right."""
        self._sideways(1)

    def action_log_follow(self) -> None:
        """Follows the end, or stays."""
        if self.follow:
            self.follow = False
            self._refresh_status()
        else:
            self.action_log_bottom()

    def action_log_wrap(self) -> None:
        """Wraps long lines, or cuts them."""
        source = self._source(round(self.scroll_y))
        self.wrap = not self.wrap
        self._left = 0
        self._changed()
        self._fit()
        self._scroll(self._rows() if self.follow else self._row_of(source))
        self.refresh()

    def action_log_find(self) -> None:
        """Asks for a text and goes to the next line that has it."""

        def found(text: str | None) -> None:
            if text is not None and not self.find(text) and text:
                self.notify(f"no line that is loaded has {clean(text)}", severity="warning", markup=False)

        self.app.push_screen(Find(), found)

    def action_log_find_next(self) -> None:
        """To the next match."""
        self._next(True)

    def action_log_find_previous(self) -> None:
        """To the previous match."""
        self._next(False)

    # --- scrolling --------------------------------------------------------------------------------------------

    @property
    def _height(self) -> int:
        return max(1, self.size.height - 1)

    def _by(self, lines: int) -> None:
        bottom = max(0, self._rows() - self._height)
        to = max(0, min(round(self.scroll_y) + lines, bottom))
        self.follow = lines > 0 and to >= bottom and self._buffer.stop >= self._total
        self._scroll(to)
        self._refresh_status()
        self._ask()

    def _sideways(self, way: int) -> None:
        if not self.wrap:
            self._left = max(0, self._left + way * max(1, self.size.width // 2))
            self.refresh()

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=max(0, min(y, self._rows() - self._height)), animate=False, force=True)

    def _ask(self) -> None:
        """Asks for what lies before or after the window when that end is near."""
        start = self._buffer.start
        if start > 0 and round(self.scroll_y) < 2 * self._height and self._asked != start:
            self._asked = start
            offset = max(0, start - CHUNK)
            self.post_message(self.Wanted(self, offset, start - offset))
            return
        stop = self._buffer.stop
        near_end = round(self.scroll_y) + 3 * self._height > self._rows()
        if stop < self._total and near_end and not self.follow and self._asked != stop:
            self._asked = stop
            self.post_message(self.Wanted(self, stop, min(CHUNK, self._total - stop)))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) < round(old_value):
            self.follow = self.follow and new_value >= self._rows() - self._height
        self._ask()

    def on_resize(self) -> None:
        source = self._source(round(self.scroll_y))
        self._changed()
        self._fit()
        self._scroll(self._rows() if self.follow else self._row_of(source))

    def _next(self, forward: bool) -> bool:
        if self._needle is None:
            return False
        lines = self._buffer.lines
        step = 1 if forward else -1
        for index in range(self._at + step, len(lines) if forward else -1, step):
            if self._needle.search(lines[index]):
                self._at = index
                self.follow = False
                self._scroll(max(0, self._row_of(index) - self._height // 3))
                self._refresh_status()
                return True
        return False

    # --- drawing ----------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._wrapped = None
        self._lines.clear()

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, self._rows() + 1)

    def _folds(self) -> list[tuple[int, str]]:
        """With wrapping: (index of the line, piece) per row on screen."""
        if self._wrapped is None:
            width = max(1, self.scrollable_content_region.width)
            self._wrapped = [
                (index, piece)
                for index, text in enumerate(self._buffer.lines)
                for piece in (chop_cells(text, width) if cell_len(text) > width else [text])
            ]
        return self._wrapped

    def _rows(self) -> int:
        return len(self._folds()) if self.wrap else len(self._buffer.lines)

    def _source(self, row: int) -> int:
        """The line that a row on screen shows."""
        if not self.wrap:
            return row
        folds = self._folds()
        return folds[min(row, len(folds) - 1)][0] if folds else 0

    def _row_of(self, index: int) -> int:
        if not self.wrap:
            return index
        return next((row for row, (source, _) in enumerate(self._folds()) if source >= index), self._rows())

    def notify_style_update(self) -> None:
        self._lines.clear()
        super().notify_style_update()

    def _refresh_status(self) -> None:
        self.refresh_line(round(self.scroll_y) + self.size.height - 1)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y == self.size.height - 1:
            return self._status(width)
        row = round(self.scroll_y) + y
        if row >= self._rows():
            return Strip.blank(width, self.rich_style)
        found = self._lines.get((row, self._left))
        if found is None or found.cell_length != width:
            text = self._folds()[row][1] if self.wrap else self._buffer.lines[row]
            found = self._drawn(text, width)
            self._lines[(row, self._left)] = found
        return found

    def _drawn(self, text: str, width: int) -> Strip:
        match = self.get_component_rich_style("log-view--match")
        pieces = line.highlighted([(text, None)], self._needle, match)
        if self._left:
            long = line.strip(pieces, self.rich_style, max(cell_len(text), self._left + width))
            return long.crop(self._left, self._left + width)
        return line.strip(line.fit(pieces, width, ellipsis=glyphs().ellipsis), self.rich_style, width)

    def _status(self, width: int) -> Strip:
        style: Style = self.get_component_rich_style("log-view--status")
        top = round(self.scroll_y)
        count = len(self._buffer.lines)
        last = min(top + self._height, self._rows())
        shown = (
            f"lines {self._source(top) + 1:,}-{self._source(last - 1) + 1:,} of {count:,}"
            if count
            else "no output"
        )
        where = "" if self._buffer.start == 0 else f" from byte {self._buffer.start:,}"
        words = [shown + where, bytes_text(self._total)]
        words += ["ended" if self.ended else "following"] if self.follow else []
        words += ["wrapped"] if self.wrap else []
        words += [f"column {self._left + 1}"] if self._left else []
        return line.strip(line.fit([(" · ".join(words), None)], width), style, width)
