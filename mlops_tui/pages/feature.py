"""Features."""

from __future__ import annotations

from mlops_tui.pages import run as run_render
from mlops_tui.pages.parts import minute
from mlops_tui.pages.results import looked_up
from mlops_tui.pages.surface import Surface
from mlops_tui.text import lasted, short
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.feature import View, ViewDetail


def list_(page: Page[View], screen: Surface) -> None:
    rows = [
        (
            v.project,
            v.name,
            v.version,
            v.source,
            ", ".join(v.entities),
            len(v.features),
            v.knowledge,
            minute(v.created),
        )
        for v in page.items
    ]
    screen.table(
        ("project", "view", "version", "source", "entities", "features", "knowledge", "created"),
        rows,
        drop=("project", "created", "knowledge", "version"),
    )


def show(view: ViewDetail, screen: Surface) -> None:
    screen.title(f"{view.name}@{view.version}  of {view.project}")
    screen.facts([
        ("source", view.source), ("entities", view.entities), ("description", view.description),
        ("max age", lasted(view.max_age_ms) if view.max_age_ms is not None else "none: a value never grows too old"),
        ("knowledge time", _KNOWLEDGE.get(view.knowledge, view.knowledge)), ("definition", view.definition),
        ("used by", view.used_by or "no model version"),
    ])  # fmt: skip
    screen.heading("FEATURES")
    screen.table(
        ("feature", "type", "NULL"), [(c.name, c.type, "yes" if c.nullable else "no") for c in view.features]
    )
    if view.code:
        screen.heading("CODE", f"as {view.code_of} has it")
        for line in view.code.splitlines():
            screen.line("  " + short(line, 300))
    if len(view.versions) > 1:
        screen.heading("VERSIONS")
        screen.table(
            ("version", "created", "definition"),
            [(v.get("version"), minute(v.get("created")), short(v.get("definition") or "-", 13)) for v in view.versions],
        )  # fmt: skip


def get(run: Run, screen: Surface) -> None:
    """The rows; the run's own page where there are none to show."""
    if isinstance(run, RunDetail) and run.state == "FINISHED" and run.result:
        looked_up(run, screen)
    else:
        run_render.one(run, screen)


_KNOWLEDGE = {
    "column": "a column says when a value was known",
    "delay": "a fixed delay after the event",
    "assumed": "ASSUMED to be the event time: nothing says when a value was known",
}


RENDERERS = {"list": list_, "show": show, "get": get}
