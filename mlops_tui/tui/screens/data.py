"""Data: sources, their versions, and what was not admitted."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.formats import clock, number, plain, short, when
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import key_of, keyed
from mlops_tui.tui.screens.closer import CloserRoom
from mlops_tui.tui.screens.list_room import Column
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.told import plural
from mlops_tui.tui.writers.data import profile
from mlops_tui.verbs._shapes import DataVersion
from mlops_tui.verbs.data import DataDetail


class DataRoom(CloserRoom):
    """The list of data versions."""

    TITLE = "Data"
    VERB = "data list"
    EMPTY = "no data yet\n\nput files where mlops.toml's [source.*] paths look, or:  mlops-tui data add SOURCE FILE"
    CONTEXTS = ("data",)
    BINDINGS: ClassVar[list[Any]] = bindings("data")

    def columns(self) -> Sequence[Column]:
        return (
            Column("source", "source", 14, lambda row: plain(row.source), sort="source", flex=True),
            Column("version", "version", 7, lambda row: f"v{row.version}", align="right", sort="version"),
            Column("rows", "rows", 10, lambda row: number(row.rows), align="right", sort="rows"),
            Column("files", "files", 5, lambda row: number(row.files), align="right", sort="files"),
            Column(
                "to",
                "events to",
                16,
                lambda row: when(row.max_event_time)[:16],
                priority=1,
                sort="max_event_time",
            ),
            Column("schema", "schema", 6, lambda row: f"s{row.schema_version}", priority=2),
            Column("quarantined", "refused", 7, _refused, align="right", sort="quarantined"),
            Column("created", "created", 11, lambda row: clock(row.created), sort="created"),
        )

    def row_key(self, row: DataVersion) -> str:
        return f"{row.project}/{row.source}@{row.version}"

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("data.", "schema.")) for verb, _ in news.entries)

    def entity(self) -> str:
        row = self.table.row_at_cursor
        return f"data:{row.source}@{row.version}" if row is not None else ""

    def closer(self, row: DataVersion) -> tuple[str, dict[str, Any]]:
        return "data show", {"source": f"{row.source}@{row.version}", "project": row.project}

    def summary(self, row: DataVersion, detail: DataDetail | None, width: int) -> Text:
        sheet = Sheet(width)
        sheet.line(
            Text.assemble(
                plain(f"{row.source} v{row.version}", "bold"),
                f"  {number(row.rows)} rows in {number(row.files)} files",
            )
        )
        sheet.line(f"events {when(row.min_event_time)} to {when(row.max_event_time)}")
        if row.quarantined:
            sheet.line(
                f"{plural(row.quarantined, 'file')} in the quarantine: {key_of('table.open')}, then the tab quarantine",
                "yellow",
            )
        sheet.line(
            Text(
                "cli: "
                + command("data show", {"source": f"{row.source}@{row.version}"}, project=row.project),
                style="bright_black",
            )
        )
        sheet.pairs(
            [
                ("snapshot", short(row.snapshot, 40)),
                ("schema version", row.schema_version),
                ("admitted", when(row.created)),
            ]
        )
        return profile(detail, sheet) if detail is not None else sheet.text

    def open(self, row: DataVersion) -> None:
        from mlops_tui.tui.screens.data_version import DataVersionRoom

        self.mlops.open(DataVersionRoom, row.project, row.source, row.version)

    def action_data_compare(self) -> None:
        """The two marked versions of a source; the one at the cursor with the one before, where none are marked."""
        from mlops_tui.tui.screens.data_version import DataVersionRoom

        row: DataVersion | None = self.table.row_at_cursor
        if row is None:
            return
        marked = sorted(self.table.selection.keys)
        if not marked:
            self.mlops.open(DataVersionRoom, row.project, row.source, row.version, "changes")
            return
        names = {key.rpartition("@")[0] for key in marked}
        if len(marked) != 2 or len(names) != 1:
            self.mlops.tell("mark two versions of one source, or none", "warning")
            return
        project, source = names.pop().split("/", 1)
        older, newer = sorted(int(key.rpartition("@")[2]) for key in marked)
        self.mlops.open(DataVersionRoom, project, source, newer, "changes", older)

    @work(exclusive=True, group="deed")
    async def action_data_add(self) -> None:
        row: DataVersion | None = self.table.row_at_cursor
        fields = [
            Field("source", "source", row.source if row is not None else "", hint="of mlops.toml"),
            Field("path", "files", hint="a path; * and ? stand for several"),
        ]
        values: Values | None = await self.app.push_screen_wait(
            Form("Add files", fields, yes="Go on", check=_with_files)
        )
        if values is None:
            return
        fields_of = {"source": values["source"], "paths": _files(values["path"])}
        if row is not None:
            fields_of["project"] = row.project
        if await self.perform("data add", fields_of, yes="Add") is not None:
            self.mlops.tell(
                keyed(
                    "they are being checked; {go.queue} shows it, and what is refused goes to the quarantine"
                )
            )


def _files(pattern: str) -> list[str]:
    return sorted(
        path for path in glob.glob(os.path.abspath(os.path.expanduser(pattern))) if os.path.isfile(path)
    )


def _with_files(values: Values) -> tuple[str, str] | None:
    if not values["source"]:
        return "source", "name a source of mlops.toml"
    if not values["path"] or not _files(values["path"]):
        return "path", "there is no such file here"
    return None


def _refused(row: DataVersion) -> Text:
    return Text(number(row.quarantined), style="yellow") if row.quarantined else Text("")


SCREEN = DataRoom
