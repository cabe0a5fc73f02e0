"""Standard output as a surface for pages: rich tables on a terminal, aligned plain text in a pipe."""

from __future__ import annotations

import os
import sys
from typing import Any

from mlops_tui.pages.layout import GAP
from mlops_tui.pages.surface import COLOURS, Surface
from mlops_tui.text import clean


class Screen(Surface):
    """Prints. `width` in cells; the terminal's own by default, none in a pipe."""

    def __init__(self, terminal: bool | None = None, width: int | None = None) -> None:
        terminal = sys.stdout.isatty() if terminal is None else terminal
        super().__init__(terminal, _columns() if width is None and terminal else width)

    def block(self, text: str) -> None:
        """Several lines, such as Markdown or a log. In a pipe they come out as they are."""
        shown = clean(text, keep="\n\t") if self.terminal else text
        sys.stdout.write(shown if shown.endswith("\n") or not shown else shown + "\n")

    def piece(self, text: str) -> None:
        """A part of a stream, with the line ends that it has."""
        sys.stdout.write(clean(text, keep="\n\t") if self.terminal else text)

    def put(self, text: str = "", bold: int = 0) -> None:
        """One finished line; the first `bold` letters stand out."""
        print(
            f"\x1b[1m{text[:bold]}\x1b[0m{text[bold:]}" if bold and self.terminal and _colourful() else text
        )

    def coloured(self, lines: list[list[str]], widths: list[int], right: list[bool]) -> None:
        """A table that is laid out; its first line names the columns."""
        from rich.console import Console  # 40 ms that only a terminal pays for
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for name, width, to_right in zip(lines[0], widths, right, strict=True):
            justify: Any = "right" if to_right else "left"
            table.add_column(Text(name), justify=justify, width=width, no_wrap=True)
        for row in lines[1:]:
            table.add_row(*(Text(text, style=COLOURS.get(text, "")) for text in row))
        wanted = sum(widths) + GAP * len(widths)
        console = Console(file=sys.stdout, highlight=False, force_terminal=_colourful(), width=wanted)
        console.print(table)


def _columns() -> int:
    from shutil import get_terminal_size  # with it come all compressions

    return max(get_terminal_size().columns, 20)


def _colourful() -> bool:
    """Whether a terminal takes escape codes, and its owner wants them (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
