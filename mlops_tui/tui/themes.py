"""The app's own colours, dark and light: blue and orange first, which all eyes tell apart."""

from __future__ import annotations

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
