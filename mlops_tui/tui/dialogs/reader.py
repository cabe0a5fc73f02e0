"""A text to read, over everything else."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.widgets.doc import Doc, Writer


class Reader(ModalScreen[None]):
    """Shows a title and a text (or what makes it for a width) until it is left. `raw` is the same as it is recorded, a key away."""

    BINDINGS: ClassVar[list[Any]] = bindings("reader")

    def __init__(self, title: str, text: str | Text | Writer, raw: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = Text(clean(text, keep="\n")) if isinstance(text, str) else text
        self._raw = Text(clean(raw, keep="\n"))
        self._shows_raw = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog reader"):
            title = Text.assemble(
                (clean(self._title), "bold"),
                (keyed("   {reader.raw} JSON") if self._raw else "", "bright_black"),
            )
            yield Static(title, markup=False, classes="title")
            yield Doc(id="text")

    def on_mount(self) -> None:
        doc = self.query_one(Doc)
        doc.write(self._text)
        self.set_focus(doc)

    def action_reader_raw(self) -> None:
        """The page, or what it was made from."""
        if self._raw:
            self._shows_raw = not self._shows_raw
            self.query_one(Doc).write(self._raw if self._shows_raw else self._text)

    def action_reader_leave(self) -> None:
        """Back to what is below."""
        self.dismiss(None)
