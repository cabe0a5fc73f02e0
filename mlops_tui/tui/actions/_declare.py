"""What an action is."""

from __future__ import annotations

import msgspec

VIEW = "changes only what is on the screen"
MOVE = "moves about in the app"


class Action(msgspec.Struct, frozen=True):
    """Something that a key can do, in one context.

    `keys`: separated by spaces; two letters are a chord (`gr`). `where`: the contexts that have it (`app`; `room`: every screen; `list`:
    every list; else names of screens or widgets). `verb`: the command that does the same; where there is none, `reason` says why.
    `hint`: in the strip at the bottom. `danger` 1 asks, 2 wants the name typed.
    """

    id: str
    title: str
    help: str
    keys: str
    where: str
    verb: str = ""
    reason: str = ""
    hint: bool = False
    danger: int = 0
    priority: bool = False

    @property
    def contexts(self) -> tuple[str, ...]:
        """Where it works."""
        return tuple(self.where.split())

    @property
    def method(self) -> str:
        """The name of the action as Textual calls it."""
        return self.id.replace(".", "_").replace("-", "_")
