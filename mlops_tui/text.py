"""Text that came from data, made harmless for a terminal; and values made readable."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec

_DANGEROUS = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def clean(text: str, keep: str = "") -> str:
    """Escapes control characters, direction marks and line separators: a name cannot move the cursor or hide a part."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _DANGEROUS else _escape(char)
        for char in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def when(ms: int | None) -> str:
    """A moment in UTC."""
    if ms is None:
        return "-"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def lasted(ms: int | None) -> str:
    """A duration."""
    if ms is None:
        return "-"
    if ms < 60_000:
        return f"{ms / 1000:.1f}s"
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def number(value: Any) -> str:
    """A number to four digits; thousands grouped."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def measured(value: Any) -> str:
    """A metric with its interval: a number, or {value, low, high}."""
    if isinstance(value, dict):
        estimate = next((value[key] for key in ("value", "estimate", "difference") if key in value), None)
        low, high = value.get("low"), value.get("high")
        interval = f" [{number(low)}, {number(high)}]" if low is not None and high is not None else ""
        return number(estimate) + interval
    return number(value)


def short(value: Any, width: int = 60) -> str:
    """Anything on one line."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= width else text[: width - 1] + "…"


def size(count: int) -> str:
    """Bytes."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def ended_by(number: int | None) -> str:
    """A signal that nobody here sent, in words; empty where there was none."""
    if number is None:
        return ""
    import signal  # few commands tell of one

    try:
        name = f" ({signal.Signals(number).name})"
    except ValueError:
        name = ""  # a real-time signal has none
    memory = ", perhaps out of memory" if number == signal.SIGKILL else ""
    return f"ended by signal {number}{name}: from outside{memory}"
