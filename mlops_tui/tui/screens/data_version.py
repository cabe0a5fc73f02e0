"""A data version: profile, schema, expectations and files; what changed since another one; what was refused, and what becomes of it."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.screen import Screen

from mlops_store.errors import Problem
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.choose import Choose
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.dialogs.reader import Reader
from mlops_tui.tui.formats import clean, clock, glyphs, number
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.widgets.split import Split
from mlops_tui.tui.writers import data as write
from mlops_tui.verbs.data import DataDetail, Quarantined

_LIMIT = 200
"""how many refused files are listed, and versions offered"""


def _profile() -> Split:
    return Split(row_key=lambda found: str(found.get("name")), empty="this version has no profile")


def _quarantine() -> Split:
    return Split(row_key=lambda row: row.sha256, empty="no refused file of this source waits for a decision")


class DataVersionRoom(DetailRoom):
    """One data version."""

    CONTEXTS = ("data-version",)
    BINDINGS: ClassVar[list[Any]] = bindings("data-version")
    TABS = (
        Tab("profile", "profile", _profile), Tab("schema", "schema"), Tab("expectations", "expectations"), Tab("changes", "changes"),
        Tab("files", "files"), Tab("quarantine", "quarantine", _quarantine),
    )  # fmt: skip

    def __init__(self, project: str, source: str, version: int, tab: str = "", base: int = 0) -> None:
        """`base`: the version that `changes` counts from; 0: the one before."""
        super().__init__(tab)
        self.base = base or max(1, version - 1)
        self.project, self.source, self.version = project, source, version
        self.found: DataDetail | None = None
        self._checking = ""
        """The file that was sent to be checked again, until it is known what became of it."""

    def names(self) -> list[str]:
        return ["Data", f"{self.source}@{self.version}"]

    def entity(self) -> str:
        return f"data:{self.source}@{self.version}"

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("data.", "schema.")) for verb, _ in news.entries)

    def hear(self, news: News) -> None:
        super().hear(news)
        for verb, subject in news.entries:
            if self._checking and subject.partition("@")[0] == f"{self.project}/{self.source}":
                self._tell_what_became(verb)

    def _tell_what_became(self, verb: str) -> None:
        if verb == "data.admit":
            self.mlops.tell(f"{glyphs().ok} {self._checking} was admitted: {self.source} has a new version")
        elif verb == "data.quarantine":
            self.mlops.tell(f"{self._checking} was checked and refused again", "warning")
        else:
            return
        self._checking = ""

    def status(self) -> Text:
        if self._waiting() is not None:
            keys = (
                f"{self.key_of('data.redrive')} checks the file again, {self.key_of('data.drop')} gives it up"
            )
            return Text(keys, style="yellow")
        if self.found is None:
            return Text()
        current = self.found.current_rows
        shown = Text(f"{number(self.found.rows)} rows in {number(self.found.files)} files")
        if current is not None and current < self.found.rows:
            shown.append(f", {number(current)} of them current", style="yellow")
        if self.found.quarantined:
            shown.append(f" · {self.found.quarantined} in the quarantine", style="yellow")
        return shown

    def twin(self) -> tuple[str, dict[str, Any]]:
        source = {"source": self.source, "project": self.project}
        if self.tab == "changes" and self.base != self.version:
            older, newer = sorted((self.base, self.version))
            return "data diff", {**source, "a": older, "b": newer}
        if self.tab == "quarantine":
            return "data quarantine", {**source, "limit": _LIMIT}
        return "data show", {**source, "source": f"{self.source}@{self.version}"}

    # --- asking ---

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        tab, pane = self.tab, self.pane()
        if pane is None:
            return
        key, fields = self.twin()
        try:
            answer = await self.link.ask(key, fields)
        except Problem as problem:
            if self.gone:
                return
            if isinstance(pane, Doc):
                pane.write(clean(f"{problem.message}\n\n{problem.hint}", keep="\n"))
            else:
                self.mlops.complain(problem)
            return
        if self.gone:
            return
        if key == "data show":
            self.found = answer
        elif tab == "quarantine" and self.found is not None:
            self.found.quarantined = len(answer.items)
        self._show(tab, pane, answer)
        self.loaded()

    def draw(self) -> None:
        self.load()

    def _show(self, tab: str, pane: object, answer: Any) -> None:
        if isinstance(pane, Split) and tab == "quarantine":
            pane.show(write.refused_columns(), answer.items, write.refused)
        elif isinstance(pane, Split):
            pane.show(write.profile_columns(), answer.profile, write.column)
        elif isinstance(pane, Doc):
            writers = {"schema": write.schema, "expectations": write.expectations, "files": write.files}
            writer = writers.get(tab, write.first) if isinstance(answer, DataDetail) else None
            pane.write(lambda width: writer(answer, width) if writer else page("data diff", answer, width))

    @on(QueryTable.Highlighted)
    def _highlighted(self) -> None:
        self.show_frame()

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        row = event.row
        reader: Screen[None]
        if isinstance(row, Quarantined):
            reader = Reader(row.path, lambda width: write.refused(row, width))
        else:
            reader = Reader(str(row.get("name")), lambda width: write.column(row, width))
        self.app.push_screen(reader)

    @work(exclusive=True, group="choice")
    async def action_data_compare(self) -> None:
        """Asks which other version `changes` counts from; the older one of two always comes first."""
        try:
            found = await self.link.ask(
                "data list", {"project": self.project, "source": self.source, "limit": _LIMIT}
            )
        except Problem as problem:
            self.mlops.complain(problem)
            return
        others = [row for row in found.items if row.version != self.version]
        if not others:
            self.mlops.tell("there is one version only: nothing to compare with", "warning")
            return
        options = [
            (str(row.version), f"v{row.version}  {clock(row.created)}  {number(row.rows)} rows")
            for row in others
        ]
        chosen = await self.app.push_screen_wait(
            Choose(f"Compare {self.source} v{self.version} with", options)
        )
        if chosen is not None:
            self.base = int(chosen)
            self.show_tab("changes")

    # --- deeds ---

    def _waiting(self) -> Quarantined | None:
        """The refused file at the cursor."""
        found = self.query("#pane-quarantine QueryTable").results(QueryTable)  # none while it is being made
        table = next(found, None) if self.tab == "quarantine" else None
        row = table.row_at_cursor if table is not None else None
        return row if isinstance(row, Quarantined) else None

    def refusal(self, action: str) -> str:
        if action in ("data.redrive", "data.drop"):
            row = self._waiting()
            if row is None:
                return "this is for a file in the tab quarantine"
            if row.state != "waiting":
                return f"this file does not wait any more: it was {row.state}"
        return super().refusal(action)

    @work(exclusive=True, group="deed")
    async def action_data_redrive(self) -> None:
        row = self._waiting()
        if self.refused("data.redrive") or row is None:
            return
        fields = [
            Field("force", "admit anyway", "no", ("no", "yes")),
            Field("reason", "why", hint="stays in the ledger; needed to admit anyway"),
        ]
        values: Values | None = await self.app.push_screen_wait(
            Form(f"Check {row.path} again", fields, yes="Go on", check=_forced_with_reason)
        )
        if values is None:
            return
        force = values["force"] == "yes"
        given = {"sha256": row.sha256, "project": self.project, "force": force, "reason": values["reason"]}
        self._checking = row.path  # before: the check may be over before the answer is here
        if await self.perform("data redrive", given, yes="Check it") is None:
            self._checking = ""
        else:
            self.load()

    @work(exclusive=True, group="deed")
    async def action_data_drop(self) -> None:
        row = self._waiting()
        if self.refused("data.drop") or row is None:
            return
        given = {"sha256": row.sha256, "project": self.project}
        word = row.path.rsplit("/", 1)[-1]
        if await self.perform("data drop", given, yes="Drop it", word=word) is not None:
            self.load()


def _forced_with_reason(values: Values) -> tuple[str, str] | None:
    if values["force"] == "yes" and not values["reason"]:
        return "reason", "say why it is admitted although it breaks expectations"
    return None
