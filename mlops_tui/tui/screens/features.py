"""Features: views over sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import duration, glyphs, plain
from mlops_tui.tui.news import News
from mlops_tui.tui.screens.closer import CloserRoom
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.feature import definition
from mlops_tui.verbs.feature import View, ViewDetail


class FeaturesRoom(CloserRoom):
    """The list of feature views."""

    TITLE = "Features"
    VERB = "feature list"
    EMPTY = "no feature views yet\n\nwrite one in recipe.py (docs/recipes.md) and name it in mlops.toml: the next run defines it"
    CONTEXTS = ("features",)
    BINDINGS: ClassVar[list[Any]] = bindings("features")

    def columns(self) -> Sequence[Column]:
        return (
            Column("name", "view", 22, lambda row: plain(row.name), sort="name", flex=True),
            Column("version", "version", 7, lambda row: f"v{row.version}", align="right"),
            Column("source", "source", 12, lambda row: plain(row.source), sort="source"),
            Column("entities", "keys", 16, lambda row: plain(", ".join(row.entities)), priority=1),
            Column("features", "features", 8, lambda row: str(len(row.features)), align="right"),
            Column("max_age", "max age", 8, lambda row: duration(row.max_age_ms), align="right"),
            Column("knowledge", "known at", 14, _knowledge, priority=2),
        )

    def row_key(self, row: View) -> str:
        return f"{row.project}/{row.name}@{row.version}"

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("view.", "model.", "data.")) for verb, _ in news.entries)

    def entity(self) -> str:
        row = self.table.row_at_cursor
        return f"feature:{row.name}@{row.version}" if row is not None else ""

    def closer(self, row: View) -> tuple[str, dict[str, Any]]:
        return "feature show", {"view": f"{row.name}@{row.version}", "project": row.project}

    def summary(self, row: View, detail: ViewDetail | None, width: int) -> Text:
        if detail is not None:
            return definition(detail, width)
        sheet = Sheet(width)
        sheet.line(
            Text.assemble(
                plain(f"{row.name} v{row.version}", "bold"), f"  of {row.source} by {', '.join(row.entities)}"
            )
        )
        sheet.line(row.description or f"{len(row.features)} features, known at: {row.knowledge}")
        sheet.line(
            Text(
                "cli: " + command("feature show", {"view": f"{row.name}@{row.version}"}, project=row.project),
                style="bright_black",
            )
        )
        sheet.table(("feature", "type"), [(column.name, column.type) for column in row.features])
        return sheet.text

    def open(self, row: View) -> None:
        from mlops_tui.tui.screens.feature import FeatureRoom

        self.mlops.open(FeatureRoom, row.project, row.name, row.version)


def _knowledge(row: View) -> Text:
    return (
        Text(f"{glyphs().warn} assumed", style="yellow")
        if row.knowledge == "assumed"
        else plain(row.knowledge)
    )


SCREEN = FeaturesRoom
