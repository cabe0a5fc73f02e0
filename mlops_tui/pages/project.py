"""Projects."""

from __future__ import annotations

from mlops_tui.pages.surface import Surface
from mlops_tui.text import when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.project import Project


def list_(page: Page[Project], screen: Surface) -> None:
    rows = [
        (p.name, p.dir, ", ".join(p.sources) or "-", ", ".join(p.models) or "-", len(p.problems) or "-")
        for p in page.items
    ]
    screen.table(
        ("project", "folder", "sources", "models", "problems"),
        rows,
        drop=("sources", "problems"),
        middle=("folder",),
    )


def show(project: Project, screen: Surface) -> None:
    screen.facts([
        ("project", project.name), ("folder", project.dir), ("added", when(project.added)), ("sources", project.sources),
        ("models", project.models),
    ])  # fmt: skip
    if project.problems:
        screen.heading("PROBLEMS", "of mlops.toml")
    for problem in project.problems:
        screen.text(str(problem), "  ! ")


RENDERERS = {"list": list_, "show": show, "add": show, "remove": show}
