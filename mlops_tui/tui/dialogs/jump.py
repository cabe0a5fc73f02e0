"""Letters over everything that one can go to at once: rows, tabs, panes."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Static

from mlops_tui.tui.actions import bindings
from mlops_tui.tui.inside import bindings_of
from mlops_tui.tui.jumping import Landing

LETTERS = "asdfghjkl" + "qwertyuiop" + "zxcvbnm" + string.ascii_uppercase
"""Those under the fingers first."""


class Jump(ModalScreen[Landing | None]):
    """Returns the landing whose letter was pressed."""

    DEFAULT_CSS = """
    Jump { background: $background 0%; }
    Jump Static { position: absolute; width: 1; height: 1; background: $warning; color: $background; text-style: bold; }
    Jump:ansi Static, Jump:nocolor Static { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[Any]] = bindings("jump")

    def __init__(self, found: Iterable[Landing]) -> None:
        super().__init__()
        self._landings = dict(zip(LETTERS, found, strict=False))
        for letter in self._landings:
            key = letter if letter.islower() else f"upper_{letter.lower()}"
            for name in (letter, key):
                bindings_of(self)[name] = [Binding(name, f"go({letter!r})", show=False)]

    def compose(self) -> ComposeResult:
        for letter, landing in self._landings.items():
            label = Static(letter, markup=False)
            label.styles.offset = landing.at
            yield label

    def action_go(self, letter: str) -> None:
        """There."""
        self.dismiss(self._landings[letter])

    def action_jump_leave(self) -> None:
        """Stays."""
        self.dismiss(None)
