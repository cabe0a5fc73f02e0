"""Signs for terminals and fonts that have ASCII only: the last thing that happens to a line before it is sent."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    "…": ".", "·": ".", "•": "-", "▸": ">", "▶": ">", "◂": "<", "←": "<", "→": ">", "↑": "^", "↓": "v", "▲": "^", "▼": "v", "●": "*", "◌": ".",
    "✓": "+", "✗": "x", "■": "#", "×": "x", "−": "-", "–": "-", "—": "-", "≥": ">", "≤": "<", "≈": "~", "━": "=", "─": "-", "═": "=", "│": "|",
    "┃": "|", "║": "|", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+", "╭": "+", "╮": "+", "╯": "+", "╰": "+",
    "░": ".", "▒": ":", "▓": "%", "█": "#", "’": "'", "‘": "'", "“": '"', "”": '"', "⏎": "<",
}  # fmt: skip


class AsciiFilter(LineFilter):
    """Replaces every sign that is not ASCII by one that is, of the same width. Letters of data, in whatever script, stay as they are:
    a name that cannot be read is worse than one that a font draws badly."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(plain(segment.text), segment.style, segment.control)
            for segment in segments
        ]


@lru_cache(4096)
def plain(text: str) -> str:
    """The text without other signs than ASCII ones, as many cells wide as before."""
    return "".join(char if char.isascii() else _plain(char) for char in text)


@lru_cache(4096)
def _plain(char: str) -> str:
    if unicodedata.category(char)[0] in "LMN":
        return char
    found = _SIGNS.get(char)
    if found is not None:
        return found
    code = ord(char)
    if 0x2581 <= code <= 0x2590:  # eighths of a block, from below and from the left
        return "_.-=oO#|"[min(code - 0x2581, 7)]
    if 0x2800 <= code <= 0x28FF:  # braille
        return "." if code > 0x2800 else " "
    if 0x2500 <= code <= 0x259F:
        return "#"
    return "?" * cell_len(char) if not char.isspace() else " " * cell_len(char)
