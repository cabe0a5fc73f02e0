"""Everything a key can do: the one list that bindings, hints, help, palette, `:` and docs/keys.md are made from.

An action is carried out by the method `action_<id with _ for .>` of the widget or screen of its context.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import msgspec
from textual.binding import Binding

from mlops_tui.tui.actions import (
    chart,
    compare,
    curves,
    data,
    dialogs,
    everywhere,
    features,
    home,
    ledger,
    lineage,
    models,
    proposals,
    runs,
    sql,
    widgets,
)
from mlops_tui.tui.actions._declare import Action

__all__ = [
    "ACTIONS",
    "PREFIXES",
    "SCREENS",
    "Action",
    "action",
    "bindings",
    "chords",
    "in_context",
    "shown_key",
]

_ROOMS = (
    everywhere,
    home,
    runs,
    models,
    features,
    data,
    dialogs,
    proposals,
    ledger,
    lineage,
    chart,
    compare,
    curves,
    sql,
    widgets,
    dialogs,
)

ACTIONS: dict[str, Action] = {found.id: found for room in _ROOMS for found in room.ACTIONS}

SCREENS = ("home", "runs", "models", "features", "data", "monitoring", "proposals", "queue", "ledger")
"""The screens 1 to 9."""

_NAMES = {
    "/": "slash", ":": "colon", "?": "question_mark", ",": "comma", "\\": "backslash", "*": "asterisk", "[": "left_square_bracket",
    "]": "right_square_bracket", "{": "left_curly_bracket", "}": "right_curly_bracket", "(": "left_parenthesis", ")": "right_parenthesis",
    "<": "less_than_sign", ">": "greater_than_sign", "+": "plus", "-": "minus", "!": "exclamation_mark", "~": "tilde", "'": "apostrophe",
    "=": "equals_sign", "#": "number_sign", "@": "at", ".": "full_stop", "|": "vertical_line",
}  # fmt: skip
_SHOWN = {name: char for char, name in _NAMES.items()} | {
    "pagedown": "PgDn", "pageup": "PgUp", "question_mark": "?", "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→",
}  # fmt: skip

PREFIXES = {"g": "go to", "y": "copy", "m": "save view", "'": "recall view"}
"""Keys that act with the next key only."""


class Chord(msgspec.Struct, frozen=True):
    """The second key of a prefix, and what it does."""

    prefix: str
    key: str
    action: Action


def action(id: str) -> Action:
    """The action of that id. Raises KeyError."""
    return ACTIONS[id]


def in_context(*contexts: str) -> list[Action]:
    """The actions of these contexts, in the order of the list."""
    return [found for found in ACTIONS.values() if set(found.contexts) & set(contexts)]


def bindings(*contexts: str) -> list[Binding]:
    """Bindings for `BINDINGS` of the screen or widget of these contexts; those with a prefix are the chords'."""
    return [binding for found in in_context(*contexts) if (binding := _binding(found)) is not None]


def _binding(found: Action) -> Binding | None:
    keys = ",".join(name_of(key) for key in found.keys.split() if len(key) == 1 or not _is_chord(key))
    if not keys:
        return None
    return Binding(keys, found.method, found.title, id=found.id, show=found.hint, priority=found.priority)


def _is_chord(key: str) -> bool:
    return len(key) == 2 and key[0] in PREFIXES


@cache
def chords() -> dict[tuple[str, str], list[Chord]]:
    """(prefix, second key) → what it may mean; the first whose context is there counts."""
    found: dict[tuple[str, str], list[Chord]] = {}
    for each in ACTIONS.values():
        for key in each.keys.split():
            if _is_chord(key):
                found.setdefault((key[0], name_of(key[1])), []).append(Chord(key[0], key[1], each))
    return found


def name_of(key: str) -> str:
    """What Textual calls a key: `/` is `slash`."""
    return _NAMES.get(key, key)


def shown_key(key: str) -> str:
    """What people call it."""
    return _SHOWN.get(key, key)


def shown_keys(found: Action) -> Iterable[str]:
    """All keys of an action as people call them."""
    return [shown_key(key) for key in found.keys.split()]
