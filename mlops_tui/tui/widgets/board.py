"""Lines of facts with a cursor that goes from one that can be opened to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.events import Resize
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import glyphs
from mlops_tui.tui.jumping import Landing

Target = tuple[str, ...]
"""What a line is about, such as ("run", id)."""


@dataclass(frozen=True)
class Row:
    """A line; one without a target is passed over by the cursor."""

    text: Text
    target: Target | None = None


Writer = Callable[[int, int], Sequence[Row]]


class Board(Widget, can_focus=True):
    """As high as its lines; the container around it scrolls. Only lines whose look has changed are painted again."""

    DEFAULT_CSS = """
    Board { height: auto; width: 1fr; padding: 0 1; }
    Board > .board--cursor { background: $primary 35%; text-style: bold; }
    Board:ansi > .board--cursor, Board:nocolor > .board--cursor { text-style: reverse; }
    """
    COMPONENT_CLASSES = {"board--cursor"}
    BINDINGS: ClassVar[list[Any]] = bindings("board")

    class Opened(Message):
        """Enter on a line, or a click."""

        def __init__(self, board: Board, target: Target) -> None:
            super().__init__()
            self.board, self.target = board, target

    class Passed(Message):
        """The cursor wants to go beyond the last line (step 1) or the first (-1)."""

        def __init__(self, board: Board, step: int) -> None:
            super().__init__()
            self.board, self.step = board, step

    class Moved(Message):
        """The cursor went to another line."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Board.Moved)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._writer: Writer = lambda _width, _room: ()
        self._rows: list[Row] = []
        self._cursor: Target | None = None

    def write(self, writer: Writer) -> None:
        """Shows what a function makes of the width and of the lines that are in sight at once; the cursor stays on its target."""
        self._writer = writer
        self._draw()

    @property
    def cursor(self) -> Target | None:
        """What the cursor is on."""
        return self._cursor

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def on_click(self, event: object) -> None:
        """A click on a line goes there and opens it."""
        row = self._rows[getattr(event, "y", 0)] if 0 <= getattr(event, "y", -1) < len(self._rows) else None
        if row is not None and row.target is not None:
            self._go(row.target)
            self.post_message(self.Opened(self, row.target))

    def _draw(self) -> None:
        width = self.content_size.width
        if width <= 0:  # not laid out yet: the layout asks for the height, and a resize follows
            self.refresh(layout=True)
            return
        around = self.parent.size.height if isinstance(self.parent, Widget) else 0
        before, self._rows = self._rows, list(self._writer(width, around))
        targets = self._targets()
        if self._cursor not in targets:
            self._cursor = targets[0] if targets else None
        if len(before) != len(self._rows):
            self.refresh(layout=True)
            self.call_after_refresh(self._settle)
        else:
            for y, (old, new) in enumerate(zip(before, self._rows, strict=True)):
                if old != new or old.text.spans != new.text.spans:
                    self._paint(y)

    def _settle(self) -> None:
        """A layout that was under way may have asked for the height before these lines came; it is asked for once for each wish."""
        if self.content_size.height != max(1, len(self._rows)):
            self.refresh(layout=True)

    def _targets(self) -> list[Target]:
        return [row.target for row in self._rows if row.target is not None]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._writer(width, container.height + self.styles.margin.height)))

    # --- painting ---

    def _paint(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def render(self) -> RenderResult:
        return ""

    def render_line(self, y: int) -> Strip:
        y -= self.gutter.top
        width, base = self.size.width, self.rich_style
        if not 0 <= y < len(self._rows):
            return Strip([Segment(" " * width, base)], width)
        row = self._rows[y]
        here = row.target is not None and row.target == self._cursor and self.has_focus
        style = base + self.get_component_rich_style("board--cursor") if here else base
        text = row.text.copy()
        text.truncate(width - 2, overflow="ellipsis")
        sign = glyphs().cursor if here else " "
        segments = [Segment(sign, style), *_styled(text, style, self)]
        return Strip(segments).adjust_cell_length(width, style)

    # --- moving ---

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _go(self, target: Target) -> None:
        before, self._cursor = self._cursor, target
        self.post_message(self.Moved())
        for y, row in enumerate(self._rows):
            if row.target is not None and row.target in (before, target):
                self._paint(y)
                if row.target == target and isinstance(self.parent, Widget):
                    self.parent.scroll_to_region(Region(0, self.virtual_region.y + y, 1, 1), animate=False)

    def _step(self, step: int) -> None:
        targets = self._targets()
        place = targets.index(self._cursor) + step if self._cursor in targets else -1
        if 0 <= place < len(targets):
            self._go(targets[place])
        else:
            self.post_message(self.Passed(self, step))

    def action_board_down(self) -> None:
        """To the next line that can be opened."""
        self._step(1)

    def action_board_up(self) -> None:
        """To the line before that can be opened."""
        self._step(-1)

    def jumps(self) -> Iterable[Landing]:
        """The lines that can be opened."""
        for y, row in enumerate(self._rows):
            if row.target is not None:
                yield Landing(Offset(0, y + self.gutter.top), partial(self._jump_to, row.target))

    def _jump_to(self, target: Target) -> None:
        self.focus()
        self._go(target)

    def enter(self, step: int) -> None:
        """The cursor comes in from above (1) or from below (-1)."""
        if targets := self._targets():
            self._go(targets[0 if step > 0 else -1])

    def action_board_top(self) -> None:
        """To the first line that can be opened."""
        self.enter(1)

    def action_board_bottom(self) -> None:
        """To the last line that can be opened."""
        self.enter(-1)

    def action_board_open(self) -> None:
        """Opens what the cursor is on."""
        if self._cursor is not None:
            self.post_message(self.Opened(self, self._cursor))


def _styled(text: Text, base: Style, widget: Widget) -> list[Segment]:
    console = widget.app.console
    # a text without spans is rendered without its own style
    base = base + console.get_style(text.style)
    return [Segment(part, base + style if style else base) for part, style, _ in text.render(console, end="")]
