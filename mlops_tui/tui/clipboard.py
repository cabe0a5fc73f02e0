"""Copying by OSC 52, which also works over SSH: the terminal at the other end holds the clipboard."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

LIMIT = 74_000
"""Bytes that terminals take at least."""


def sequence(text: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """What to write to the terminal so that it copies `text`; None where that is too much. Inside tmux or screen the sequence is
    wrapped so that it passes through."""
    raw = text.encode("utf-8", errors="replace")
    if len(raw) > LIMIT:
        return None
    plain = f"\x1b]52;c;{base64.b64encode(raw).decode('ascii')}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        return "\x1bP" + plain + "\x1b\\"
    return plain
