"""Recorded values as Markdown. Text from data is hostile: it is shown as it is, and never becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

MISSING = "not recorded"
LONGEST = 300

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&!$]|://|(?<=www)\.)")
# control characters, line ends, and the invisible ones that reorder or hide text
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


def literal(value: Any) -> str:
    """A value as text that Markdown shows literally, on one line, at most 300 characters of it."""
    if value is None:
        return MISSING
    text = _UNSEEN.sub(" ", str(value))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return _MARKUP.sub(r"\\\1", text)


def listed(values: Iterable[Any]) -> str:
    """Several values in one cell, each shown literally."""
    return ", ".join(literal(value) for value in values)


def when(ms: int | None) -> str:
    """A time (UTC ms) as text; one that no calendar has is shown as the number."""
    if ms is None:
        return MISSING
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


def number(value: Any) -> str:
    """`0.7312`, `12`, `—` for none."""
    if value is None:
        return "—"
    if isinstance(value, float):
        plain = value == 0 or 1e-3 <= abs(value) < 1e6
        return f"{value:.4f}" if plain else f"{value:.4g}"
    return literal(value)


def estimate(record: Any) -> str:
    """`0.7312 (0.7201 to 0.7423)` of {value or estimate, low, high}; a bare number has no interval."""
    if not isinstance(record, dict):
        return number(record)
    shown = number(record.get("value", record.get("estimate")))
    low, high = record.get("low"), record.get("high")
    return shown if low is None or high is None else f"{shown} ({number(low)} to {number(high)})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table, with an empty one after it. The cells are Markdown already."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]
