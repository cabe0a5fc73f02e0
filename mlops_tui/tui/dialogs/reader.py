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
from mlops_tui.tui.widgets.doc import Doc, Writer


class Reader(ModalScreen[None]):
    """Shows a title and a text (or what makes it for a width) until it is left."""

    BINDINGS: ClassVar[list[Any]] = bindings("reader")

    def __init__(self, title: str, text: str | Text | Writer) -> None:
        super().__init__()
        self._title = title
        self._text = Text(clean(text, keep="\n")) if isinstance(text, str) else text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog reader"):
            yield Static(Text(clean(self._title), style="bold"), markup=False, classes="title")
            yield Doc(id="text")

    def on_mount(self) -> None:
        doc = self.query_one(Doc)
        doc.write(self._text)
        self.set_focus(doc)

    def action_reader_leave(self) -> None:
        """Back to what is below."""
        self.dismiss(None)
