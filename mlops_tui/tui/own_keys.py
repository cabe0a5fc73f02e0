"""Keys in texts, as the user has them: `keyed("{run.new} starts one")` is "a starts one" until another key is chosen for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mlops_tui.tui.actions import ACTIONS, shown_key

_ACTION = re.compile(r"\{([a-z]+\.[a-z-]+)\}")
_own: dict[str, str] = {}


def use_keys(own: Mapping[str, str]) -> None:
    """From now on texts name these keys, by action."""
    _own.clear()
    _own.update(own)


def key_of(id: str) -> str:
    """The first key of an action as people call it, the user's own where they have chosen one; that of the palette where it has none."""
    keys = _own.get(id, ACTIONS[id].keys).split()
    return shown_key(keys[0]) if keys else key_of("app.palette")


def keyed(text: str) -> str:
    """A text of our own (never one with data in it) with the keys of the actions that it names in braces."""
    return _ACTION.sub(lambda found: key_of(found[1]), text)
