"""Everything a key can do: the one list that bindings, hints, help, palette, `:` and docs/keys.md are made from.

An action is carried out by the method `action_<id with _ for .>` of the widget or screen of its context.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    "NAMES",
    "NO_KEY",
    "PREFIXES",
    "SCREENS",
    "Action",
    "action",
    "bindings",
    "bound",
    "chords",
    "in_context",
    "is_chord",
    "name_of",
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
)

ACTIONS: dict[str, Action] = {found.id: found for room in _ROOMS for found in room.ACTIONS}

SCREENS = ("home", "runs", "models", "features", "data", "monitoring", "proposals", "queue", "ledger")
"""The screens 1 to 9."""

NAMES = {
    "/": "slash", ":": "colon", "?": "question_mark", ",": "comma", "\\": "backslash", "*": "asterisk", "[": "left_square_bracket",
    "]": "right_square_bracket", "{": "left_curly_bracket", "}": "right_curly_bracket", "(": "left_parenthesis", ")": "right_parenthesis",
    "<": "less_than_sign", ">": "greater_than_sign", "+": "plus", "-": "minus", "!": "exclamation_mark", "~": "tilde", "'": "apostrophe",
    "=": "equals_sign", "#": "number_sign", "@": "at", ".": "full_stop", "|": "vertical_line",
}  # fmt: skip
_SHOWN = {name: char for char, name in NAMES.items()} | {
    "pagedown": "PgDn", "pageup": "PgUp", "question_mark": "?", "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}  # fmt: skip

PREFIXES = {"g": "go to", "y": "copy", "m": "save view", "'": "recall view"}
"""Keys that act with the next key only."""

NO_KEY = "no-key:"
"""Begins the name of what an action without a key is bound to."""


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
    return [
        Binding(bound(each.id, each.keys), each.method, each.title, id=each.id, show=each.hint, priority=each.priority)
        for each in in_context(*contexts)
    ]  # fmt: skip


def bound(id: str, keys: str) -> str:
    """What Textual's keymap takes for an action with these keys; one that has chords only, or nothing, is bound to what no key sends, so that
    the user's own key finds it."""
    return ",".join(name_of(key) for key in keys.split() if not is_chord(key)) or f"{NO_KEY}{id}"


def is_chord(key: str) -> bool:
    """Whether it is two keys, one after the other."""
    return len(key) == 2 and key[0] in PREFIXES


def chords(own: Mapping[str, str]) -> dict[tuple[str, str], list[Chord]]:
    """(prefix, second key) → what it may mean, with the user's `own` keys by action; the first whose context is there counts."""
    found: dict[tuple[str, str], list[Chord]] = {}
    for each in ACTIONS.values():
        for key in own.get(each.id, each.keys).split():
            if is_chord(key):
                found.setdefault((key[0], name_of(key[1])), []).append(Chord(key[0], key[1], each))
    return found


def name_of(key: str) -> str:
    """What Textual calls a key: `/` is `slash`."""
    return NAMES.get(key, key)


def shown_key(key: str) -> str:
    """What people call it."""
    return _SHOWN.get(key, key)


def shown_keys(found: Action) -> Iterable[str]:
    """All keys of an action as people call them."""
    return [shown_key(key) for key in found.keys.split()]
