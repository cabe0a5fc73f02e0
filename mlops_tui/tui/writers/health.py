"""What the first screen shows where there is room, besides what waits and what runs: how a model has done, what ran last, what has happened."""

from __future__ import annotations

from typing import Protocol

import msgspec
from rich.text import Text

from mlops_tui.tui.widgets.board import Row
from mlops_tui.tui.writers.batches import over
from mlops_tui.tui.writers.happened import happened, latest
from mlops_tui.tui.writers.home import decisions, machine
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs._status import StatusReport
from mlops_tui.verbs.ledger import Entry
from mlops_tui.verbs.monitor import Monitoring

_QUEUE, _LATEST = 6, 8
"""Lines at most for what waits, and for what ran."""
_HAPPENED = 7
"""Lines at most that are kept for what has happened, where all stands in one column."""


class More(msgspec.Struct, frozen=True):
    """What is asked for besides the status: the batches of one model, the newest runs and decisions."""

    model: tuple[str, str] | None = None
    monitoring: Monitoring | None = None
    runs: list[Run] = []
    entries: list[Entry] = []


class Half(Protocol):
    """Writes one half for a width, where both have `room` lines; `alone`: beside the other, else the left one is above the right one. `news`: whether
    the daemon tells."""

    def __call__(
        self, found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
    ) -> list[Row]: ...


def left_half(
    found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
) -> list[Row]:
    """What waits for a decision, the models, and the batches of one."""
    rows = decisions(found, width)
    left = room - len(rows) - 1
    if not alone:
        left -= len(machine(found, width)) + 1
        left -= min(_HAPPENED, left // 4)
    batches = over(more.monitoring, width, left) if more.monitoring is not None else []
    return [*rows, Row(Text()), *batches] if batches else rows


def right_half(
    found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
) -> list[Row]:
    """What runs, waits and ran; disk and daemon; what has happened."""
    if alone:
        rows = machine(found, width, news=news, queue=_QUEUE)
        rows += _after(latest(more.runs, width, min(_LATEST, room - len(rows) - 3), found.time))
        left = room - len(rows)
    else:
        rows = machine(found, width, news=news)
        left = room - len(left_half(found, more, width, room, alone=False, news=news)) - 1 - len(rows)
    return rows + _after(happened(more.entries, width, left - 1, found.time))


def _after(rows: list[Row]) -> list[Row]:
    return [Row(Text()), *rows] if rows else []
