"""What the texts of values in a filter stand for: numbers, spans of time, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$")


def number(text: str) -> float | None:
    """A value as a number, nan and inf included; None where it is not one."""
    if text.lower() in ("nan", "inf", "-inf", "+inf"):
        return float(text)
    return float(text) if _NUMBER.match(text) else None


def span_ms(text: str) -> int | None:
    """`90s`, `2d`, `1.5h` or plain seconds as milliseconds."""
    match = re.match(r"(\d{1,12}(?:\.\d{1,6})?)([smhdw]?)$", text)
    return int(float(match[1]) * _SPANS[match[2] or "s"] * 1000) if match else None


def time_ms(text: str) -> int | None:
    """A date, a time (UTC unless it says otherwise) or milliseconds as UTC milliseconds."""
    if re.match(r"\d{11,15}$", text):
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (OverflowError, ValueError):
        return None
