"""The app's own colours, dark and light: blue and orange first, which all eyes tell apart."""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

DARK = Theme(
    name="mlops-dark", primary="#5aa9e6", secondary="#f4a259", accent="#f4a259", foreground="#d8dee6", background="#11151a",
    surface="#171c23", panel="#1f2630", success="#7bc47f", warning="#e8c15a", error="#ef6f6c", dark=True,
    variables={"block-cursor-background": "#2b4a66", "block-cursor-foreground": "#ffffff", "block-cursor-text-style": "none",
               "input-selection-background": "#2b4a66"},
)  # fmt: skip
LIGHT = Theme(
    name="mlops-light", primary="#1f6fb2", secondary="#b85c00", accent="#b85c00", foreground="#20262d", background="#fbfbf9",
    surface="#f1f1ee", panel="#e5e5e0", success="#2f7d32", warning="#8a6d00", error="#b3261e", dark=False,
    variables={"block-cursor-background": "#cfe3f5", "block-cursor-foreground": "#000000", "block-cursor-text-style": "none"},
)  # fmt: skip

ANSI_DARK = TerminalTheme(
    (17, 21, 26), (216, 222, 230),
    [(17, 21, 26), (239, 111, 108), (123, 196, 127), (232, 193, 90), (90, 169, 230), (199, 146, 234), (108, 195, 213), (216, 222, 230)],
    [(134, 145, 160), (255, 140, 136), (150, 220, 155), (245, 212, 120), (125, 190, 245), (215, 170, 245), (140, 215, 230), (255, 255, 255)],
)  # fmt: skip
"""What the sixteen names of colours (`green`, `bright_black` …) mean on the dark themes: greys that can be read."""
ANSI_LIGHT = TerminalTheme(
    (251, 251, 249), (32, 38, 45),
    [(32, 38, 45), (179, 38, 30), (47, 125, 50), (138, 109, 0), (31, 111, 178), (123, 60, 160), (0, 117, 140), (90, 98, 108)],
    [(104, 112, 122), (179, 38, 30), (47, 125, 50), (138, 109, 0), (31, 111, 178), (123, 60, 160), (0, 117, 140), (32, 38, 45)],
)  # fmt: skip
"""The same on the light themes."""
