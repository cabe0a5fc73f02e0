"""A text to read: scrolls by keys, laid out for the width that there is."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType
from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import Static

Writer = Callable[[int], RenderableType]
"""Makes the text for a width in cells."""


class Doc(VerticalScroll, can_focus=True):
    """Shows what a writer makes; `write` again when the facts have changed."""

    DEFAULT_CSS = "Doc { scrollbar-size-vertical: 1; scrollbar-gutter: stable; } Doc > Static { width: 1fr; height: auto; }"
    BINDINGS = [
        Binding("j,down", "scroll_down", "Down", show=False), Binding("k,up", "scroll_up", "Up", show=False),
        Binding("ctrl+d", "half(1)", "Half a page down", show=False), Binding("ctrl+u", "half(-1)", "Half a page up", show=False),
        Binding("G,end", "scroll_end", "Bottom", show=False), Binding("home", "scroll_home", "Top", show=False),
    ]  # fmt: skip

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

    def action_top(self) -> None:
        """To the first line."""
        self.scroll_home(animate=False)

    def action_half(self, direction: int) -> None:
        """Half a page down or up."""
        self.scroll_relative(y=direction * max(1, self.size.height // 2), animate=False)
