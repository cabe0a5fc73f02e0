"""Names and values as they are typed: `a=1 b="two words"`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mlops_tui.commandline.values import json_or_text
from mlops_tui.tui.formats import short


def text_of(value: Any) -> str:
    """A value as it is typed into a field."""
    if value is None:
        return ""
    return value if isinstance(value, str) else short(value, 10_000)


def pairs_text(pairs: Mapping[str, Any]) -> str:
    """The reverse of `read_pairs`."""
    return " ".join(f"{key}={shlex.quote(text_of(value))}" for key, value in pairs.items())


def read_pairs(text: str) -> dict[str, Any]:
    """`a=1 b="two words"` as names and values, a value as JSON where it is JSON. Raises ValueError."""
    return {key: json_or_text(value) for key, value in split_pairs(text).items()}


def split_pairs(text: str) -> dict[str, str]:
    """`a=1..2 b=x,y` as names and texts. Raises ValueError."""
    found: dict[str, str] = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ValueError(f"{word!r} is not name=value")
        found[key] = value
    return found


def pairs_wrong(text: str) -> str:
    """What is wrong with a text of pairs."""
    try:
        split_pairs(text)
    except ValueError as error:
        return str(error)
    return ""
