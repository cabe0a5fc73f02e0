"""The part of a log that is here, on the screen: text is given, lines are drawn, more is asked for.

Line-rendered; the last line of the widget says where in the log one is.
"""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells
from rich.style import Style
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.text import size as bytes_text
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.widgets.log_text import LogBuffer
from mlops_tui.tui.widgets.table import line

CHUNK = 256 * 1024
"""Bytes asked for at once."""


class LogLines(ScrollView, can_focus=True, inherit_bindings=False):
    """What keys do is in LogView."""

    COMPONENT_CLASSES = {"log-view--match", "log-view--status"}

    follow = reactive(True)
    wrap = reactive(False)
    ended = reactive(False)
    """Nothing more will come."""

    class Wanted(Message, namespace="log_view"):
        """Bytes [offset, offset + count) of the log; answer with `view.prepend(text, offset=offset)`."""

        def __init__(self, view: LogLines, offset: int, count: int) -> None:
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

    # --- what the screen gives --------------------------------------------------------------------------------------------

    def append(
        self, text: str, offset: int | None = None, size: int | None = None, end: int | None = None
    ) -> None:
        """Text at the end; it stands for the bytes [offset, end) of the log, which has `size` of them by now.

        Where `offset` does not continue the window, the window begins anew with this text.
        """
        before = self._buffer.stop
        if offset is not None and offset > before and not self.follow and self._buffer.lines:
            # Someone reads further up, and the end has left the window: it is fetched when they come back to it.
            self._total = max(self._total, end or offset + len(text), size or 0)
            self._refresh_status()
            return
        began_anew = offset is not None and offset != before
        old, open_line = self._rows(), len(self._buffer.lines)
        dropped = self._buffer.append(text, offset, end)
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

    def prepend(self, text: str, offset: int, end: int | None = None) -> None:
        """An answer to Wanted: text from before the window, or from its end on; what is on screen stays where it is."""
        if offset >= self._buffer.stop and self._buffer.lines:
            self._asked = None
            self.append(text, offset, end=end)
            return
        top, old = round(self.scroll_y), self._rows()
        self._asked = None
        self._buffer.prepend(text, offset, end)
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

    # --- scrolling --------------------------------------------------------------------------------------------------------

    @property
    def _height(self) -> int:
        return max(1, self.size.height - 1)

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

    # --- drawing ----------------------------------------------------------------------------------------------------------

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
