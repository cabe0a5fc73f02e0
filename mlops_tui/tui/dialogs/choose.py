"""One of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean


class Choose(ModalScreen[str | None]):
    """A list of (value, text) to choose from; returns the value."""

    BINDINGS: ClassVar[list[Any]] = bindings("choice")

    def __init__(self, title: str, options: Sequence[tuple[str, str | Text]]) -> None:
        super().__init__()
        self._title = title
        self._options = options

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Text(clean(self._title), style="bold"), markup=False, classes="title")
            yield OptionList(
                *(Option(text if isinstance(text, Text) else Text(clean(text))) for _, text in self._options)
            )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(OptionList))

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])

    def action_choice_down(self) -> None:
        """One line down."""
        self.query_one(OptionList).action_cursor_down()

    def action_choice_up(self) -> None:
        """One line up."""
        self.query_one(OptionList).action_cursor_up()

    def action_choice_leave(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)
