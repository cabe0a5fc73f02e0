"""A run: what it did, its curves, parameters, artifacts, log, load on the machine, and lineage."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work

from mlops_store.errors import Problem
from mlops_store.records import ENDED
from mlops_tui.tui.actions import bindings
from mlops_tui.tui.formats import clean, glyphs, lasted, run_state, short, size, state, when
from mlops_tui.tui.news import News
from mlops_tui.tui.pages import page
from mlops_tui.tui.plot.bars import bar
from mlops_tui.tui.plot.glyphs import glyphs as signs_of
from mlops_tui.tui.screens.detail_room import DetailRoom, Tab
from mlops_tui.tui.screens.run_deeds import RunDeeds, Targets
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.curves import Curves, series_of
from mlops_tui.tui.widgets.doc import Doc
from mlops_tui.tui.widgets.log_view import LogView
from mlops_tui.tui.writers.run import goal_of
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.run import Why

SYSTEM = "system/"
CHUNK = 262_144
"""Bytes of a log that are asked for at once."""


class RunRoom(RunDeeds, DetailRoom):
    """One run."""

    CONTEXTS = ("run",)
    BINDINGS: ClassVar[list[Any]] = bindings("run")
    TABS = (
        Tab("overview", "overview"), Tab("curves", "curves", Curves), Tab("log", "log", LogView), Tab("why", "stages"), Tab("params", "params"),
        Tab("artifacts", "artifacts"), Tab("system", "system", Curves), Tab("lineage", "lineage"),
    )  # fmt: skip

    def __init__(self, run_id: str, tab: str = "") -> None:
        super().__init__(tab)
        self.run_id = run_id
        self.run: RunDetail | None = None
        self._log_end: int | None = None

    def names(self) -> list[str]:
        return ["Runs", (self.run.name if self.run is not None else "") or self.run_id[:12]]

    def twin(self) -> tuple[str, dict[str, Any]]:
        key = {"curves": "run metrics", "system": "run metrics", "log": "run logs", "why": "run why"}.get(
            self.tab, "run show"
        )
        return (
            ("lineage", {"entity": self.entity()})
            if self.tab == "lineage"
            else (key, {"run_id": self.run_id})
        )

    def entity(self) -> str:
        return f"run:{self.run_id}"

    def status(self) -> Text:
        if self.run is None:
            return Text()
        shown = run_state(self.run.state, self.run.reason, news=self.mlops.news.connected)
        current = next((stage.name for stage in reversed(self.run.stages) if stage.state == "started"), "")
        if current and self.run.state not in ENDED:
            shown.append(f"  stage {clean(current)}", style="cyan")
        return Text.assemble(shown, "  ", state(self.run.verdict) if self.run.verdict else "")

    def live_in_sight(self) -> bool:
        return self.run is not None and self.run.state not in ENDED

    def concerns(self, news: News) -> bool:
        return self.run_id in news.runs or any(self.run_id in subject for _, subject in news.entries)

    # --- asking ---

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        try:
            self.run = await self.link.ask("run show", {"run_id": self.run_id})
            # News name runs by their id, a person may by name or by its beginning.
            self.run_id = self.run.run_id
            if self.gone:
                return
            await self._load_tab(self.run)
        except Problem as problem:
            self.mlops.complain(problem)
            return
        self.loaded()

    def draw(self) -> None:
        self.load()

    async def _load_tab(self, run: RunDetail) -> None:
        pane = self.pane()
        if isinstance(pane, Curves):
            shown = [name for name in run.metrics if name.startswith(SYSTEM) == (self.tab == "system")]
            pane.offer(
                sorted(shown, key=lambda name: (run.metrics[name].count < 2, name != run.metric, name))
            )
        elif isinstance(pane, LogView):
            await self._load_log(pane)
        elif isinstance(pane, Doc):
            if self.tab == "lineage":
                graph = await self.link.ask("lineage", {"entity": self.entity()})
                pane.write(lambda width: page("lineage", graph, width))
            elif self.tab == "why":
                why = await self.link.ask("run why", {"run_id": self.run_id}) if run.stages else None
                pane.write(lambda width: stages(run, why, width))
            else:
                self._write(run, pane)

    def _write(self, run: RunDetail, pane: Doc) -> None:
        write = {"params": params, "artifacts": artifacts}.get(self.tab)
        news = self.mlops.news.connected
        pane.write(lambda width: write(run, width) if write is not None else overview(run, width, news=news))

    def line_changed(self) -> None:
        super().line_changed()
        if self.tab == "overview" and self.run is not None and isinstance(pane := self.pane(), Doc):
            self._write(self.run, pane)

    async def _load_log(self, view: LogView) -> None:
        """The end of the log first, then what was added since."""
        asked: dict[str, Any] = {"run_id": self.run_id}
        while True:
            asked["offset"] = -CHUNK if self._log_end is None else self._log_end
            chunk = await self.link.ask("run logs", asked)
            if self.gone:
                return
            view.ended = chunk.ended
            first, self._log_end = self._log_end is None, chunk.next
            if chunk.text or first:
                view.append(chunk.text, offset=chunk.offset, size=chunk.size, end=chunk.next)
            if chunk.next >= chunk.size or not chunk.text:
                return

    @on(LogView.Wanted)
    @work(group="log")
    async def _earlier(self, event: LogView.Wanted) -> None:
        """The bytes that are wanted, in as many answers as it takes."""
        text, at = "", event.offset
        try:
            while at < event.offset + event.count:
                chunk = await self.link.ask("run logs", {"run_id": self.run_id, "offset": at})
                text += chunk.text
                if chunk.next <= at:  # a character that is still being written
                    break
                at = chunk.next
        except Problem as problem:
            self.mlops.complain(problem)
            return
        event.view.prepend(text, offset=event.offset, end=at)

    @on(Curves.Asked)
    @work(exclusive=True, group="curve")
    async def _curve(self, event: Curves.Asked) -> None:
        try:
            found = await self.link.ask("run metrics", {"run_id": self.run_id, **event.fields})
        except Problem as problem:
            self.mlops.complain(problem)
            return
        name = (self.run.name if self.run is not None else "") or self.run_id[:12]
        summary = self.run.metrics.get(event.metric) if self.run is not None else None
        curves = {name: found.metrics[0]} if found.metrics else {}
        exact = all(curve.points <= event.fields["buckets"] for curve in curves.values())
        event.curves.show(event, series_of(curves, goal=goal_of(summary)), exact=exact)

    # --- deeds ---

    def at_hand(self) -> Run | None:
        return self.run

    async def targets(self, views: Collection[str] = ()) -> Targets | None:
        return Targets([self.run]) if self.run is not None else None

    def action_run_why(self) -> None:
        self.show_tab("why")

    def action_run_log(self) -> None:
        self.show_tab("log")

    def action_run_curves(self) -> None:
        self.show_tab("curves")


def stages(run: RunDetail, why: Why | None, width: int) -> Text:
    """Its stages with their times, then why each ran or came from the cache."""
    sheet = Sheet(width)
    if not run.stages:
        return sheet.line("a run of one's own program has no stages", "bright_black").text
    longest = max((stage.duration_ms or 0 for stage in run.stages), default=0)
    room = max(4, min(30, width - 44))
    sheet.table(
        ("stage", "state", "took", ""),
        [
            (stage.name, stage.state, lasted(stage.duration_ms), _bar(stage.duration_ms, longest, room))
            for stage in run.stages
        ],
        right=(2,),
    )
    sheet.line()
    return Text.assemble(sheet.text, "\n", page("run why", why, width)) if why is not None else sheet.text


def _bar(took: int | None, longest: int, room: int) -> str:
    ascii_only = glyphs().mode == "ascii"
    return bar((took or 0) / longest, room, signs_of("ascii" if ascii_only else "braille")) if longest else ""


def overview(run: RunDetail, width: int, *, news: bool = True) -> Text:
    """The run as its command shows it; without `news` a line above says that a run that is not over may be."""
    shown = page("run show", run, width)
    if news or run.state in ENDED:
        return shown
    words = "the daemon does not answer; this is how the run was last seen"
    line = Text.assemble(run_state("RUNNING", news=False), f": {words}")
    return Text.assemble(line, "\n", shown)


def params(run: RunDetail, width: int) -> Text:
    """What it was started with: parameters, data versions, command, environment."""
    sheet = Sheet(width)
    sheet.heading("parameters").pairs(run.params.items()) if run.params else sheet.line(
        "no parameters", "bright_black"
    )
    if run.pins:
        sheet.heading("data").pairs((source, f"v{version}") for source, version in run.pins.items())
    sheet.heading("started as").pairs([
        ("command", " ".join(run.command)), ("folder", run.cwd), ("python", run.python), ("recipe", run.recipe_hash), ("after", ", ".join(run.after)),
    ])  # fmt: skip
    for title, pairs in environment(run.environment):
        sheet.heading(title).pairs(pairs)
    if run.tags:
        sheet.heading("tags").pairs(run.tags.items())
    return sheet.text


def environment(found: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What was captured of the machine, as titles with names and values: tables within tables get titles of their own."""
    own = [(key, _captured(key, value)) for key, value in found.items() if not isinstance(value, dict)]
    parts = [("environment", own)] if own else []
    for key, value in found.items():
        if isinstance(value, dict):
            inner = environment(value)
            title = "variables" if key == "environment" else key
            parts += [(title if name == "environment" else name, pairs) for name, pairs in inner]
    return parts


def _captured(key: str, value: Any) -> str:
    if isinstance(value, list):
        return short((" " if key in ("command", "argv") else ", ").join(str(item) for item in value), 400)
    if isinstance(value, int) and key == "time":
        return f"{when(value)} UTC"
    if isinstance(value, int) and key.endswith("_bytes"):
        return size(value)
    return short(value, 400)


def artifacts(run: RunDetail, width: int) -> Text:
    """The files that it produced."""
    sheet = Sheet(width)
    if not run.artifacts:
        return sheet.line("no artifacts", "bright_black").text
    rows = [(found.path, size(found.size), short(found.sha256, 12)) for found in run.artifacts]
    sheet.table(("path", "size", "sha256"), rows, right=(1,))
    return sheet.line().line(f"in {run.folder}/artifacts", "bright_black").text
