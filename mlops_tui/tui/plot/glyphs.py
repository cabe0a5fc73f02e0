"""The signs that a drawing is made of, for three kinds of terminal font."""

from __future__ import annotations

from typing import Literal

import msgspec

Mode = Literal["braille", "block", "ascii"]
MODES: tuple[Mode, ...] = ("braille", "block", "ascii")


class Glyphs(msgspec.Struct, frozen=True):
    """A cell is `across` x `down` dots. `cell[left | right << down]` is the sign for the dots of its left and right half, bit 0 on top;
    where `cell` is empty each series draws with its own marker. `eighths` fill a cell from below, `shades` by darkness."""

    mode: Mode
    across: int
    down: int
    cell: str
    markers: str
    eighths: str
    shades: str
    corner: str
    rule: str
    tick: str
    side: str
    side_tick: str
    grid: str
    pointer: str
    line: str
    dot: str
    box: str

    @property
    def ascii(self) -> bool:
        return self.mode == "ascii"


def _braille() -> str:
    left, right = (0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80)
    codes = [
        sum(left[i] for i in range(4) if bits >> i & 1) + sum(right[i] for i in range(4) if bits >> 4 + i & 1)
        for bits in range(256)
    ]
    return "".join(chr(0x2800 + code) for code in codes)


# bits: 1 left top, 2 left bottom, 4 right top, 8 right bottom
_QUADRANTS = " ▘▖▌▝▀▞▛▗▚▄▙▐▜▟█"
_MARKERS = "●▲■◆○△□◇"
_EIGHTHS = "▁▂▃▄▅▆▇█"

_SETS = {
    "braille": Glyphs(
        "braille", 2, 4, _braille(), _MARKERS, _EIGHTHS, " ░▒▓█", "└", "─", "┬", "│", "┤", "·", "▲", "│", "●", "━"
    ),
    "block": Glyphs(
        "block", 2, 2, _QUADRANTS, _MARKERS, _EIGHTHS, " ░▒▓█", "└", "─", "┬", "│", "┤", "·", "▲", "│", "●", "━"
    ),
    "ascii": Glyphs(
        "ascii", 1, 1, "", "*ox+#@%=", ".:-=+*#@", " .:*#", "+", "-", "+", "|", "+", ".", "^", "|", "*", "="
    ),
}  # fmt: skip


def glyphs(mode: Mode) -> Glyphs:
    """The signs of a mode."""
    return _SETS[mode]
