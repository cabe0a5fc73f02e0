"""A log: follows its end, searches, wraps; of a log of any length only a window is here."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.find import ask_for_text
from mlops_tui.tui.widgets.log_lines import LogLines


class LogView(LogLines, can_focus=True, inherit_bindings=False):
    """Its keys."""

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
        ask_for_text(self, self.find)

    def action_log_find_next(self) -> None:
        """To the next match."""
        self._next(True)

    def action_log_find_previous(self) -> None:
        """To the previous match."""
        self._next(False)

    def find(self, text: str, forward: bool = True) -> bool:
        """Highlights a text and moves to the next line that has it; "" ends it. False when no loaded line has it."""
        self._needle = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._at = self._source(round(self.scroll_y)) - (1 if forward else -1)
        self._lines.clear()
        self.refresh()
        return bool(text) and self._next(forward)

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
