"""Features."""

from __future__ import annotations

from mlops_tui.cli.render import run as run_render
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import lasted, short, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.feature import View, ViewDetail


def list_(page: Page[View], screen: Screen) -> None:
    rows = [
        (
            v.project,
            v.name,
            v.version,
            v.source,
            ", ".join(v.entities),
            len(v.features),
            v.knowledge,
            when(v.created),
        )
        for v in page.items
    ]
    screen.table(
        ("project", "view", "version", "source", "entities", "features", "knowledge", "created"),
        rows,
        "no feature views",
    )


def show(view: ViewDetail, screen: Screen) -> None:
    screen.facts([
        ("view", view.name), ("project", view.project), ("version", view.version), ("source", view.source),
        ("entities", view.entities), ("max age", lasted(view.max_age_ms) if view.max_age_ms is not None else None),
        ("knowledge time", view.knowledge), ("description", view.description), ("definition", view.definition),
        ("used by", view.used_by),
    ])  # fmt: skip
    screen.line()
    screen.table(("feature", "type"), [(column.name, column.type) for column in view.features])
    for version in view.versions:
        screen.line(short(version, 200))


RENDERERS = {"list": list_, "show": show, "get": run_render.one}
