"""What a daemon was asked to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_store.errors import Problem

IDLE_EXIT = 600
BODY_LIMIT = 8 << 20
DEADLINE = 30.0


@dataclass(frozen=True)
class Options:
    """`idle_exit`: seconds without a question, a run or a watched project until it ends itself; 0 means never."""

    idle_exit: int = IDLE_EXIT
    foreground: bool = False
    body_limit: int = BODY_LIMIT
    deadline: float = DEADLINE

    @staticmethod
    def build(
        idle_exit: int | None = None, foreground: bool = False, environment: Mapping[str, str] = os.environ
    ) -> Options:
        """From the command line, then `MLOPS_TUI_IDLE_EXIT`, then the defaults. Raises Problem."""
        if idle_exit is None:
            text = environment.get("MLOPS_TUI_IDLE_EXIT", str(IDLE_EXIT))
            if not text.isdigit():
                raise Problem(
                    "bad_option",
                    f"MLOPS_TUI_IDLE_EXIT is {text!r}",
                    "set it to a number of seconds, or 0",
                    status=2,
                )
            idle_exit = int(text)
        return Options(idle_exit=idle_exit, foreground=foreground)
