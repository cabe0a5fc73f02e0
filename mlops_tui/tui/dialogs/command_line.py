"""The command line of the app: what is typed in a shell after `mlops-tui`, with completion and history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import at_word, clean

SHOWN = 8


class CommandLine(ModalScreen[str | None]):
    """Returns the line. `complete(text)` gives whole lines that it may become, with what each does."""

    BINDINGS: ClassVar[list[Any]] = bindings("command")

    def __init__(
        self, complete: Callable[[str], Sequence[tuple[str, str]]], history: Sequence[str], text: str = ""
    ) -> None:
        super().__init__()
        self._complete = complete
        self._history = [*history, text]
        self._place = len(history)
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="command-line"):
            yield Static("", id="completions", markup=False)
            yield Input(
                self._text, placeholder="a command as after mlops-tui, a screen, set theme …", id="command"
            )

    def on_mount(self) -> None:
        field = self.query_one(Input)
        field.cursor_blink = False
        self.set_focus(field)
        self._show(self._text)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, text: str) -> None:
        shown = Text(no_wrap=True)
        for line, what in list(self._complete(text))[:SHOWN]:
            shown.append(f" {clean(line):<30} ", style="bold")
            shown.append(at_word(clean(what), max(10, self.app.size.width - 36)) + "\n", style="bright_black")
        shown.rstrip()
        self.query_one("#completions", Static).update(shown)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)

    def action_command_complete(self) -> None:
        """As far as all completions agree."""
        field = self.query_one(Input)
        found = [line for line, _ in self._complete(field.value)]
        if not found:
            return
        common = found[0]
        for line in found[1:]:
            while not line.startswith(common):
                common = common[:-1]
        if len(common) > len(field.value) or len(found) == 1:
            field.value = common + (" " if len(found) == 1 and not common.endswith(" ") else "")
            field.cursor_position = len(field.value)

    def action_command_earlier(self) -> None:
        """A line that was typed before."""
        self._recall(-1)

    def action_command_later(self) -> None:
        """Forward again."""
        self._recall(1)

    def _recall(self, direction: int) -> None:
        self._place = min(max(0, self._place + direction), len(self._history) - 1)
        field = self.query_one(Input)
        field.value = self._history[self._place]
        field.cursor_position = len(field.value)

    def action_command_leave(self) -> None:
        """Nothing was typed."""
        self.dismiss(None)
