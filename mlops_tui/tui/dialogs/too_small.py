"""What is shown where the terminal has too few cells to be of use."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from mlops_tui.tui.own_keys import key_of

NEEDED = Size(60, 15)


def fits(size: Size) -> bool:
    """Whether a terminal of that size shows the screens."""
    return size.width >= NEEDED.width and size.height >= NEEDED.height


class TooSmall(ModalScreen[None]):
    """Stands over everything until the terminal is large enough again; ctrl+q leaves."""

    DEFAULT_CSS = "TooSmall { align: center middle; background: $background; } TooSmall Static { width: 1fr; text-align: center; }"

    def on_screen_resume(self) -> None:
        """What stood over this is left: the terminal may have grown meanwhile."""
        if fits(self.app.size):
            self.call_later(self._leave)

    def _leave(self) -> None:
        if self.is_current:
            self.app.pop_screen()

    def compose(self) -> ComposeResult:
        yield Static(
            f"too small: at least {NEEDED.width}x{NEEDED.height} cells are needed\nmake the window larger; {key_of('app.leave-now')} leaves", markup=False
        )  # fmt: skip
