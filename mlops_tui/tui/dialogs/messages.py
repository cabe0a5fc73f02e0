"""What the app has said, newest first, with details."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.text import Text

from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.formats import clean, clock

STYLES = {"error": "red", "warning": "yellow"}


class Said(msgspec.Struct, frozen=True):
    """One message; `time` in UTC ms."""

    time: int
    level: str
    text: str
    detail: str = ""


class Messages(Reader):
    """The message log."""

    def __init__(self, said: Sequence[Said]) -> None:
        shown = Text()
        for each in reversed(said):
            shown.append(f"{clock(each.time)}  ", style="bright_black")
            shown.append(clean(each.text, keep="\n") + "\n", style=STYLES.get(each.level, ""))
            if each.detail:
                shown.append(f"          {clean(each.detail)}\n", style="bright_black")
        super().__init__("Messages", shown or Text("nothing has been said yet"))
