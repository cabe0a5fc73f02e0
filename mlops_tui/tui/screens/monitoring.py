"""Monitoring: drift and quality per source and model, performance over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import age, glyphs, measured, number, plain, state, when
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.closer import CloserRoom
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.data import profile
from mlops_tui.tui.writers.monitor import performance, worst
from mlops_tui.verbs.data import DataDetail
from mlops_tui.verbs.monitor import Monitored, Monitoring


def drift(row: Monitored) -> Text:
    """What the newest look has found."""
    if row.alarm is None:
        return Text(glyphs().dash, style="bright_black")
    found = state("ALARM" if row.alarm else "UNKNOWN" if row.cannot_tell else "QUIET")
    return found.append(f" {len(row.features)}") if row.alarm else found


class MonitoringRoom(CloserRoom):
    """The list of sources, with the model that learns from each."""

    TITLE = "Monitoring"
    VERB = "monitor list"
    EMPTY = "no data to watch yet\n\na source appears here with its first admitted file"
    CONTEXTS = ("monitoring",)
    BINDINGS: ClassVar[list[Any]] = bindings("monitoring")

    def columns(self) -> Sequence[Column]:
        return (
            Column("source", "source", 12, lambda row: plain(row.source), sort="source", flex=True),
            Column("model", "model", 16, lambda row: plain(row.model or ""), sort="model"),
            Column(
                "champion",
                "champion",
                8,
                lambda row: f"v{row.champion}" if row.champion is not None else glyphs().dash,
                sort="champion",
                priority=1,
            ),
            Column("drift", "drift", 10, drift, sort="drift"),
            Column(
                "performance",
                "performance",
                24,
                lambda row: measured(row.performance) if row.performance else glyphs().dash,
                sort="performance",
            ),
            Column(
                "refused",
                "refused",
                7,
                lambda row: number(row.quarantined) if row.quarantined else "",
                align="right",
                sort="quarantined",
                priority=3,
            ),
            Column(
                "warnings",
                "warn",
                4,
                lambda row: number(row.warnings) if row.warnings else "",
                align="right",
                sort="warnings",
                priority=4,
            ),
            Column("time", "data", 5, lambda row: age(row.time), align="right", sort="time", priority=2),
        )

    def row_key(self, row: Monitored) -> str:
        return f"{row.project}/{row.source}/{row.model or ''}"

    def concerns(self, news: News) -> bool:
        return any(
            verb.startswith(("data.", "run.settle", "alias.", "firing.", "proposal."))
            for verb, _ in news.entries
        )

    def entity(self) -> str:
        row: Monitored | None = self.table.row_at_cursor
        return f"data:{row.source}@{row.version}" if row is not None else ""

    def closer(self, row: Monitored) -> tuple[str, dict[str, Any]]:
        if row.model:
            return "monitor show", {"model": row.model, "project": row.project}
        return "data show", {"source": f"{row.source}@{row.version}", "project": row.project}

    def summary(self, row: Monitored, detail: Monitoring | DataDetail | None, width: int) -> Text:
        sheet = Sheet(width)
        sheet.line(
            Text.assemble(
                plain(f"{row.source} v{row.version}", "bold"), f"  {number(row.rows)} rows  ", drift(row)
            )
        )
        if row.features:
            sheet.line("alarmed: " + ", ".join(row.features), "yellow")
        elif row.model:
            sheet.line(f"{row.looks} looks, {row.alarms} alarms")
        sheet.line(f"events {when(row.min_event_time)} to {when(row.max_event_time)}")
        shown: tuple[str, dict[str, str]] = (
            ("monitor show", {"model": row.model})
            if row.model
            else ("data show", {"source": f"{row.source}@{row.version}"})
        )
        sheet.line(Text("cli: " + command(*shown, project=row.project), style="bright_black"))
        sheet.pairs(
            [
                ("performance", measured(row.performance) if row.performance else None),
                ("decay", measured(row.decay) if row.decay else None),
            ]
        )
        if isinstance(detail, DataDetail):
            return profile(detail, sheet)
        if detail is not None:
            sheet.line().line(performance(detail, width))
            worst(detail, sheet)
        return sheet.text

    def open(self, row: Monitored) -> None:
        from mlops_tui.tui.screens.data_version import DataVersionRoom
        from mlops_tui.tui.screens.monitor import MonitorRoom

        if row.model:
            self.mlops.open(MonitorRoom, row.project, row.model)
        else:
            self.mlops.open(DataVersionRoom, row.project, row.source, row.version)


SCREEN = MonitoringRoom
