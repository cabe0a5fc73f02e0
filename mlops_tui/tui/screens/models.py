"""Models: the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import work

from mlops_tui.commandline.twin import command
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import age, clock, glyphs, measured, plain, state
from mlops_tui.tui.news import News
from mlops_tui.tui.own_keys import key_of
from mlops_tui.tui.screens.list_room import Column, ListRoom
from mlops_tui.tui.screens.room import Room
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.writers.run import gate_word
from mlops_tui.verbs._shapes import Model, ModelVersion


def champion(model: Model) -> ModelVersion | None:
    """The version that the alias champion is on."""
    wanted = model.aliases.get("champion")
    return next((version for version in model.versions if version.version == wanted), None)


def newest(model: Model) -> ModelVersion | None:
    """The version registered last."""
    return max(model.versions, key=lambda version: version.version, default=None)


def value(version: ModelVersion | None, metric: str) -> str:
    """The metric that the gate judges by, with its interval."""
    return measured(version.metrics.get(metric)) if version is not None else glyphs().dash


class Registry(Room):
    """What can be done with a version, wherever one is at hand."""

    async def promote(self, model: Model, version: ModelVersion) -> bool:
        """Moves the champion to a version; refused where it has moved meanwhile."""
        fields = {
            "model": f"{model.name}@{version.version}", "expected_from": model.aliases.get("champion", 0), "project": model.project,
        }  # fmt: skip
        return await self.perform("model promote", fields, yes="Promote", reason="optional") is not None

    async def roll_back(self, model: Model) -> bool:
        """Moves the champion back to where it was before."""
        at = model.aliases.get("champion")
        if at is None:
            self.mlops.tell(f"{model.name} has no champion", "warning")
            return False
        fields = {"model": model.name, "expected_from": at, "project": model.project}
        return await self.perform("model rollback", fields, yes="Roll back", reason="optional") is not None

    def compare(self, model: Model, marked: list[int], at: int | None) -> None:
        """The two marked versions, or the one at the cursor with the champion, or the newest two."""
        from mlops_tui.tui.screens.model_compare import ModelCompareRoom

        known = sorted(version.version for version in model.versions)
        serving = model.aliases.get("champion")
        pair = (
            marked
            if len(marked) == 2
            else [serving, at]
            if at is not None and serving is not None and at != serving
            else known[-2:]
        )
        if len(pair) < 2 or None in pair:
            self.mlops.tell("there is one version only: nothing to compare with", "warning")
            return
        a, b = (int(version) for version in pair if version is not None)
        self.mlops.open(ModelCompareRoom, model.project, model.name, a, b)


class ModelsRoom(ListRoom, Registry):
    """The list of models."""

    TITLE = "Models"
    VERB = "model list"
    EMPTY = "no models yet\n\na training run registers one: {go.runs} shows the runs, {run.new} starts one"
    CONTEXTS = ("models",)
    BINDINGS: ClassVar[list[Any]] = bindings("models")

    def columns(self) -> Sequence[Column]:
        return (
            Column("name", "model", 14, lambda model: plain(model.name), sort="name", flex=True),
            Column(
                "champion",
                "champion",
                8,
                lambda model: plain(
                    f"v{model.aliases['champion']}" if "champion" in model.aliases else glyphs().dash
                ),
            ),
            Column(
                "metric",
                "metric",
                31,
                lambda model: plain(f"{model.metric} {value(champion(model), model.metric)}"),
            ),
            Column(
                "newest",
                "newest",
                6,
                lambda model: plain(f"v{found.version}" if (found := newest(model)) else glyphs().dash),
            ),
            Column(
                "gate",
                "its gate",
                10,
                lambda model: gate_word(found.verdict if (found := newest(model)) else None),
            ),
            Column(
                "age",
                "age",
                5,
                lambda model: age(found.created) if (found := newest(model)) else "",
                align="right",
                priority=1,
            ),
        )

    def row_key(self, row: Model) -> str:
        return f"{row.project}/{row.name}"

    def concerns(self, news: News) -> bool:
        return any(verb.startswith(("model.", "alias.", "gate.", "proposal.")) for verb, _ in news.entries)

    def entity(self) -> str:
        model: Model | None = self.table.row_at_cursor
        if model is None:
            return ""
        found = champion(model) or newest(model)
        return f"model:{model.name}@{found.version}" if found is not None else ""

    def preview(self, row: Model, width: int) -> Text:
        return versions(row, width)

    def open(self, row: Model) -> None:
        from mlops_tui.tui.screens.model import ModelRoom

        self.mlops.open(ModelRoom, row.project, row.name)

    def action_model_promote(self) -> None:
        self._promote()

    @work(exclusive=True, group="deed")
    async def _promote(self) -> None:
        model: Model | None = self.table.row_at_cursor
        version = newest(model) if model is not None else None
        if model is None or version is None:
            self.mlops.tell("there is no version to promote", "warning")
        elif version.version == model.aliases.get("champion"):
            self.mlops.tell(
                f"the newest version, v{version.version}, is the champion; {key_of('table.open')} shows the others",
                "warning",
            )
        else:
            await self.promote(model, version)

    def action_model_compare(self) -> None:
        model: Model | None = self.table.row_at_cursor
        if model is not None:
            found = newest(model)
            self.compare(model, [], found.version if found is not None else None)

    def action_model_rollback(self) -> None:
        self._rollback()

    @work(exclusive=True, group="deed")
    async def _rollback(self) -> None:
        model: Model | None = self.table.row_at_cursor
        if model is not None:
            await self.roll_back(model)


def versions(model: Model, width: int) -> Text:
    """A model's versions, newest first."""
    sheet = Sheet(width)
    rows = [
        (
            f"v{version.version}",
            Text(", ".join(version.aliases), style="bold cyan"),
            value(version, model.metric),
            state(version.verdict),
            clock(version.created),
        )
        for version in sorted(model.versions, key=lambda version: -version.version)
    ]
    sheet.table(("version", "alias", model.metric or "metric", "gate", "registered"), rows)
    sheet.line().line(
        Text(
            "cli: " + command("model show", {"model": model.name}, project=model.project),
            style="bright_black",
        )
    )
    return sheet.text


SCREEN = ModelsRoom
