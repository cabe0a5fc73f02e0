"""Where renderers draw: rich tables on a terminal, aligned plain text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from mlops_tui.cli.text import clean, number


class Screen:
    """Standard output for people. All text that is given to it may come from data: it is cleaned here."""

    def __init__(self, terminal: bool | None = None) -> None:
        self.terminal = sys.stdout.isatty() if terminal is None else terminal

    def line(self, text: str = "") -> None:
        """One line."""
        print(clean(text, keep="\t"))

    def block(self, text: str) -> None:
        """Several lines, such as Markdown or a log. In a pipe they come out as they are."""
        shown = clean(text, keep="\n\t") if self.terminal else text
        sys.stdout.write(shown if shown.endswith("\n") or not shown else shown + "\n")

    def piece(self, text: str) -> None:
        """A part of a stream, with the line ends that it has."""
        sys.stdout.write(clean(text, keep="\n\t") if self.terminal else text)

    def facts(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Names and values; those without a value are left out."""
        shown = [(name, _text(value)) for name, value in pairs if value not in (None, "", [], {})]
        width = max((len(name) for name, _ in shown), default=0)
        for name, value in shown:
            self.line(f"{name:<{width}}  {value}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "nothing") -> None:
        """Columns of numbers stand to the right. `empty` is said on a terminal where there are no rows."""
        columns = [clean(name) for name in columns]
        cells = [[_text(value) for value in row] for row in rows]
        if not cells and self.terminal:
            self.line(empty)
            return
        right = [_numeric([row[place] for row in cells]) for place in range(len(columns))]
        if self.terminal:
            self._rich(columns, cells, right)
            return
        widths = [max(len(row[place]) for row in [list(columns), *cells]) for place in range(len(columns))]
        for row in [list(columns), *cells]:
            parts = (
                text.rjust(width) if to_right else text.ljust(width)
                for text, width, to_right in zip(row, widths, right, strict=True)
            )
            print("  ".join(parts).rstrip())

    def _rich(self, columns: Sequence[str], cells: list[list[str]], right: list[bool]) -> None:
        from rich.console import Console  # 40 ms that only a terminal pays for
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, to_right in zip(columns, right, strict=True):
            table.add_column(Text(name), justify="right" if to_right else "left", overflow="fold")
        for row in cells:
            table.add_row(*(Text(text) for text in row))
        Console(file=sys.stdout, highlight=False, soft_wrap=False).print(table)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int | float) or value is None:
        return number(value)
    if isinstance(value, list | tuple):
        return clean(", ".join(str(item) for item in value)) or "-"
    return clean(str(value))


def _numeric(texts: list[str]) -> bool:
    return (
        bool(texts)
        and all(text == "-" or text[:1].isdigit() or text[:1] in "+-." for text in texts)
        and any(text != "-" for text in texts)
    )
