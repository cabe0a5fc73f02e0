"""Colours of the roles, dark, light and in a terminal's own sixteen.

The series' colours begin with blue and orange (after Okabe and Ito) and were moved apart by a search for the greatest least distance in OKLab over
normal sight, protanopia, deuteranopia and tritanopia, with a contrast of 3:1 at least to the backgrounds; tests hold both.
"""

from __future__ import annotations

from typing import Literal

from mlops_tui.tui.plot.lines import SERIES_ROLES

Ground = Literal["dark", "light", "ansi"]

SERIES: dict[Ground, tuple[str, ...]] = {
    "dark": ("#477ed7", "#e88a00", "#0edeaa", "#bba4ff", "#a4fff8", "#be6518", "#edf059", "#8e7b92"),
    "light": ("#0f58d8", "#a9743a", "#244c45", "#873a8f", "#0086ca", "#6e1b02", "#4a660a", "#2a2747"),
    "ansi": ("bright_blue", "yellow", "cyan", "magenta", "green", "red", "bright_magenta", "bright_black"),
}
_OTHERS: dict[Ground, dict[str, str]] = {
    "dark": {"title": "bold", "label": "#a3adb8", "axis": "#76818d", "grid": "#4a535e", "note": "#a3adb8", "cross": "bold", "good": "#0edeaa", "bad": "#e88a00"},
    "light": {"title": "bold", "label": "#505a64", "axis": "#6f7983", "grid": "#b4bac0", "note": "#505a64", "cross": "bold", "good": "#00704f", "bad": "#a9500a"},
    "ansi": {"title": "bold", "label": "", "axis": "bright_black", "grid": "bright_black", "note": "", "cross": "bold", "good": "cyan", "bad": "yellow"},
}  # fmt: skip
_ENVELOPE = 0.42


def styles(ground: Ground, background: str = "#000000") -> dict[str, str]:
    """What each role looks like, in rich's words. Faint envelopes are mixed with the background (#rrggbb); sixteen colours have `dim` for that."""
    found = {"": "", **_OTHERS[ground]}
    for role, colour in zip(SERIES_ROLES, SERIES[ground], strict=True):
        found[role] = colour
        found[role + "~"] = f"dim {colour}" if ground == "ansi" else mix(colour, background, _ENVELOPE)
    return found


def mix(colour: str, background: str, share: float) -> str:
    """A share of the colour over the rest of the background; all #rrggbb."""
    both = zip(_rgb(colour), _rgb(background), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in both)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
