"""Monitoring: drift, quality and performance over batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.widget import Widget

from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.widgets.doc import Doc


class MonitoringRoom(Room):
    """What the drift and evaluate runs have recorded."""

    TITLE = "Monitoring"
    CONTEXTS = ("monitoring",)

    def body(self) -> Iterable[Widget]:
        yield Doc(id="monitor")

    def twin(self) -> tuple[str, dict[str, Any]]:
        return "monitor show", {}


SCREEN = MonitoringRoom
