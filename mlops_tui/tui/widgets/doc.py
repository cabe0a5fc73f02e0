"""A text to read: scrolls by keys, laid out for the width that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import Static

from mlops_tui.tui.actions import bindings

Writer = Callable[[int], RenderableType]
"""Makes the text for a width in cells."""


class Doc(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Shows what a writer makes; `write` again when the facts have changed."""

    DEFAULT_CSS = "Doc { scrollbar-size-vertical: 1; scrollbar-gutter: stable; } Doc > Static { width: 1fr; height: auto; }"
    BINDINGS: ClassVar[list[Any]] = bindings("doc")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        self._body = Static(markup=False)
        super().__init__(self._body, id=id, classes=classes)
        self._writer: Writer | None = None
        self._shown: RenderableType | None = None
        self._width = 0

    def write(self, writer: Writer | RenderableType) -> None:
        """Shows a text, or what a function makes of the width."""
        self._writer = writer if callable(writer) else lambda _width: writer
        self._draw()

    def clear(self) -> None:
        """Shows nothing."""
        self.write(Text())

    def on_resize(self, event: Resize) -> None:
        if self.scrollable_content_region.width != self._width:
            self._draw()

    def _draw(self) -> None:
        self._width = self.scrollable_content_region.width
        if self._writer is None or self._width <= 0:
            return
        shown = self._writer(self._width)
        if isinstance(shown, Text) and (shown, shown.spans) == (
            self._shown,
            getattr(self._shown, "spans", None),
        ):
            return
        self._shown = shown
        self._body.update(shown, layout=False)
        # The screen is laid out anew only for another height: that costs more than drawing.
        if (
            self._body.visual.get_height(self._body.styles.get_rules(), self._body.size.width)
            != self._body.size.height
        ):
            self._body.refresh(layout=True)

    def _by(self, rows: int) -> None:
        self.scroll_relative(y=rows, animate=False)

    def action_doc_down(self) -> None:
        """One line down."""
        self._by(1)

    def action_doc_up(self) -> None:
        """One line up."""
        self._by(-1)

    def action_doc_half_down(self) -> None:
        """Half a page down."""
        self._by(max(1, self.size.height // 2))

    def action_doc_half_up(self) -> None:
        """Half a page up."""
        self._by(-max(1, self.size.height // 2))

    def action_doc_page_down(self) -> None:
        """A page down."""
        self._by(self.size.height)

    def action_doc_page_up(self) -> None:
        """A page up."""
        self._by(-self.size.height)

    def action_doc_top(self) -> None:
        """To the first line."""
        self.scroll_home(animate=False)

    def action_doc_bottom(self) -> None:
        """To the last line."""
        self.scroll_end(animate=False)
