"""A feature view: its definition and versions, how fresh it is, who uses it, and a look-up."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from textual import on, work

from mlops_store.errors import Problem
from mlops_tui.commandline.values import moment
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.dialogs.form import Field, Form, Values
from mlops_tui.tui.formats import clean
from mlops_tui.tui.news import News
from mlops_tui.tui.places import number_of
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.query_table import QueryTable
from mlops_tui.tui.widgets.split import Split
from mlops_tui.tui.writers import feature as write
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.feature import ViewDetail

AT = "@"
"""the field of the time; no entity key is called so"""
_MODELS = 3
"""of how many models that use the view the monitoring is asked"""


def _users() -> Split:
    return Split(row_key=lambda name: str(name), empty="no model version uses this view")


class FeatureRoom(DetailRoom):
    """One view."""

    CONTEXTS = ("feature",)
    BINDINGS: ClassVar[list[Any]] = bindings("feature")
    TABS = (
        Tab("view", "view"), Tab("freshness", "freshness"), Tab("users", "used by", _users), Tab("lookup", "look-up"),
    )  # fmt: skip

    def __init__(self, project: str, name: str, version: int, tab: str = "") -> None:
        super().__init__(tab)
        self.project, self.view_name, self.version = project, name, version
        self.view: ViewDetail | None = None
        self.fresh = write.Freshness()
        self.run: RunDetail | None = None
        self._run_id = ""
        self._asked: dict[str, str] = {}

    def names(self) -> list[str]:
        return ["Features", f"{self.view_name}@{self.version}"]

    def entity(self) -> str:
        return f"feature:{self.view_name}@{self.version}"

    def concerns(self, news: News) -> bool:
        return self._run_id in news.runs or any(
            verb.startswith(("view.", "model.", "data.")) for verb, _ in news.entries
        )

    def twin(self) -> tuple[str, dict[str, Any]]:
        if self.tab == "lookup" and self._asked:
            return "feature get", self._lookup(self._asked)
        return "feature show", {"view": f"{self.view_name}@{self.version}", "project": self.project}

    # --- asking ---

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        fields = {"view": f"{self.view_name}@{self.version}", "project": self.project}
        try:
            self.view = await self.link.ask("feature show", fields)
            if self.tab == "freshness":
                self.fresh = await self._freshness(self.view)
            if self._run_id:
                self.run = await self.link.ask("run show", {"run_id": self._run_id})
        except Problem as problem:
            pane = self.pane()
            if isinstance(pane, Doc):
                pane.write(clean(f"{problem.message}\n\n{problem.hint}", keep="\n"))
            else:
                self.mlops.complain(problem)
            return
        self._show(self.view)
        self.loaded()

    def draw(self) -> None:
        self.load()

    async def _freshness(self, view: ViewDetail) -> write.Freshness:
        """Raises Problem, but not for a model that has no monitoring."""
        versions = await self.link.ask(
            "data list", {"source": view.source, "project": self.project, "limit": 1}
        )
        monitored = []
        for model in list(dict.fromkeys(name.partition("@")[0] for name in reversed(view.used_by)))[:_MODELS]:
            try:
                monitored.append(
                    await self.link.ask("monitor show", {"model": model, "project": self.project, "last": 1})
                )
            except Problem as problem:
                if problem.code in ("daemon_gone", "usage"):
                    raise
        return write.Freshness(versions.items[0] if versions.items else None, monitored)

    def _show(self, view: ViewDetail) -> None:
        pane = self.pane()
        if isinstance(pane, Split):
            pane.show(
                write.user_columns(), view.used_by[::-1], lambda name, width: write.user(view, name, width)
            )
        elif isinstance(pane, Doc):
            fresh, run, asked, now = self.fresh, self.run, self._asked, time.time_ns() // 1_000_000
            if self.tab == "freshness":
                pane.write(lambda width: write.freshness(view, fresh, now, width))
            elif self.tab == "lookup":
                news = self.mlops.news.connected
                pane.write(lambda width: write.lookup(view, run, asked, width, news=news))
            else:
                pane.write(lambda width: write.definition(view, width))

    @on(QueryTable.Opened)
    def _opened(self, event: QueryTable.Opened) -> None:
        from mlops_tui.tui.screens.model import ModelRoom

        model, _, version = str(event.row).partition("@")
        self.mlops.open(ModelRoom, self.project, model, number_of(version))

    # --- looking up ---

    def _lookup(self, values: Values) -> dict[str, Any]:
        keys = {key: value for key, value in values.items() if key != AT}
        fields = {"views": [self.view_name], "entity": keys, "project": self.project}
        return {**fields, "at": moment(values[AT])} if values.get(AT) else fields

    @work(exclusive=True, group="deed")
    async def action_feature_lookup(self) -> None:
        view = self.view
        if view is None:
            return
        fields = [Field(key, key, self._asked.get(key, "")) for key in view.entities]
        fields.append(Field(AT, "at", self._asked.get(AT, ""), hint="2013-05-01T12:00; empty: now"))
        values: Values | None = await self.app.push_screen_wait(
            Form(f"Look up {view.name}", fields, yes="Look up", check=_keys_and_time)
        )
        if values is None:
            return
        try:
            run = await self.link.ask("feature get", self._lookup(values))
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self._asked, self._run_id, self.run = values, run.run_id, None
        self.show_tab("lookup")


def _keys_and_time(values: Values) -> tuple[str, str] | None:
    for key, value in values.items():
        if key != AT and not value:
            return key, f"a value of {key} is needed"
    try:
        if values[AT]:
            moment(values[AT])
    except (Problem, ValueError) as error:
        return AT, str(error)
    return None
