"""The user's own keys, checked before they hold: a key must not mean two things in one place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from textual.keys import Keys

from mlops_store.errors import Problem
from mlops_tui.tui.actions import ACTIONS, NAMES, PREFIXES, Action, is_chord
from mlops_tui.tui.actions.dialogs import DIALOGS

EVERYWHERE = {"app", "room"}
TYPED = {"filter", "query", "help", "palette", "command", "find", "form", "field"}
"""Contexts in which one types a text."""
ALONE = {*DIALOGS, *TYPED, "picker"}
"""Contexts in which no key waits for a second one."""
MODIFIERS = {"ctrl", "alt", "shift", "super", "hyper", "meta"}


def check(own: Mapping[str, str]) -> None:
    """Raises Problem `bad_keys` for an action that is none, a key that begins others, and two actions on one key, naming both."""
    for id, keys in own.items():
        if id not in ACTIONS:
            near = difflib.get_close_matches(id, ACTIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "docs/keys.md lists them"
            raise _problem(f"there is no action {id!r}", hint)
        if not keys.split():
            raise _problem(f"{id!r} is left without a key", "name at least one, or leave the line out")
        for key in keys.split():
            if key in PREFIXES:
                why = f"{key!r} cannot be the key of {id!r}: others begin with it ({PREFIXES[key]})"
                raise _problem(why, "choose another key")
            if why := never(ACTIONS[id], key):
                raise _problem(
                    f"{key!r} cannot be the key of {id!r}: {why}", "choose another key, such as f9"
                )
            for other in ACTIONS.values():
                if (
                    other.id != id
                    and key in own.get(other.id, other.keys).split()
                    and _meet(ACTIONS[id], other)
                ):
                    hint = f'choose another, or give the other one another key there: "{other.id}" = "f9"'
                    raise _problem(f"{key!r} is the key of both {id!r} and {other.id!r}", hint)


def never(found: Action, key: str) -> str:
    """Why a key would never do an action; empty where it does."""
    where = set(found.contexts)
    if is_chord(key):
        if key[0] in ("m", "'"):
            return f"after {key[0]!r} comes the letter of a view"
        return "no key waits for a second one there" if where <= ALONE else ""
    *modifiers, base = key.split("+") if len(key) > 1 else [key]
    named = {each.value for each in Keys} | set(NAMES.values())
    if not set(modifiers) <= MODIFIERS or (len(base) > 1 and base not in named):
        return "there is no key of that name"
    if where & TYPED and not found.priority and (len(key) == 1 or key == "space"):
        return "letters are text there"
    return ""


def _meet(one: Action, other: Action) -> bool:
    """Whether both can be in force at one time."""
    a, b = set(one.contexts), set(other.contexts)
    if (a | b) & set(DIALOGS):
        return bool(a & b)
    return bool(a & b or a & EVERYWHERE or b & EVERYWHERE)


def _problem(what: str, hint: str) -> Problem:
    return Problem("bad_keys", f"tui.toml [keys]: {what}", hint, status=2)
