"""A line for a text to find in what is in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from mlops_tui.text import clean
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.own_keys import keyed


class Find(ModalScreen[str | None]):
    """Answers the text, "" to end a search, None where it was left with Esc."""

    DEFAULT_CSS = "Find { align: left bottom; background: $background 0%; } Find Input { border: none; height: 1; margin: 0; }"
    BINDINGS: ClassVar[list[Any]] = bindings("find")

    def compose(self) -> ComposeResult:
        yield Input(
            placeholder=keyed("find; enter goes to it, then {table.find-next} and {table.find-previous}"),
            id="needle",
        )

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        self.set_focus(field)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_find_leave(self) -> None:
        """Searches for nothing."""
        self.dismiss(None)


def ask_for_text(asking: Widget, find: Callable[[str], bool]) -> None:
    """Asks for a text and has it found; says so where no line that is loaded has it."""

    def typed(text: str | None) -> None:
        if text is not None and not find(text) and text:
            asking.notify(f"no line that is loaded has {clean(text)}", severity="warning", markup=False)

    asking.app.push_screen(Find(), typed)
