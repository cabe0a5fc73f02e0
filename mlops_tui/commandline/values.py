"""Text of the command line into values. Wrong text raises ValueError with what would be right."""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?) ?(?:([kKMGT])(i?))?B?$")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def duration(text: str) -> int:
    """`90s`, `2h`, `1h30m`, `1.5d` → milliseconds; a bare number counts seconds."""
    if text.isdigit():
        return int(text) * 1000
    if not _DURATION.match(text):
        raise ValueError(f"{text!r} is not a duration: write 90s, 10m, 2h, 1d or 1h30m")
    total: float = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return round(total)


def spelled(ms: float) -> str:
    """A duration as it is written: `25s`, `36500d`."""
    unit = next(unit for unit in reversed(_UNITS) if ms % _UNITS[unit] == 0)
    return f"{round(ms / _UNITS[unit])}{unit}"


def size(text: str) -> int:
    """`500MB`, `1.5 TB`, `2GiB` → bytes; a bare number counts bytes."""
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size: write 500MB, 20GB or 2GiB")
    number, prefix, binary = match.groups()
    power = " KMGT".index((prefix or " ").upper())
    return round(float(number) * float(1024 if binary else 1000) ** power)


def moment(text: str) -> int:
    """An ISO date or time (UTC unless it says otherwise), `now`, or an age such as `2h` → UTC milliseconds."""
    if text == "now":
        return time.time_ns() // 1_000_000
    if _DURATION.match(text):
        return time.time_ns() // 1_000_000 - duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time: write 2026-01-31, 2026-01-31T12:00, now, or 2h for two hours ago"
        ) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * 1000)


def pair(text: str) -> tuple[str, str]:
    """`K=V`."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"{text!r} is not K=V")
    return key, value


def json_or_text(text: str) -> Any:
    """`3`, `0.1`, `true`, `[1, 2]`, `"x"` as what they are in JSON, all else as text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def path(text: str) -> str:
    """An absolute path: the daemon has another working directory."""
    if not text:
        raise ValueError("an empty text is no path")
    return os.path.abspath(os.path.expanduser(text))
