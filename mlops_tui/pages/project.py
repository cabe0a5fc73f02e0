"""Projects."""

from __future__ import annotations

import shlex

from mlops_tui.pages.parts import plural
from mlops_tui.pages.surface import Surface
from mlops_tui.text import when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.project import Project, ProjectRemoved


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


def removed(project: ProjectRemoved, screen: Surface) -> None:
    """What stays, and how it comes back."""
    screen.text(f"{project.name} is no longer looked after: {project.dir} is not watched any more.")
    kept = ", ".join(
        plural(count, what.removesuffix("s").replace("_", " "))
        for what, count in project.kept.items()
        if count
    )
    screen.text(
        f"Nothing was deleted: its folder is as it was{f', and the home keeps {kept}' if kept else ''}."
    )
    screen.heading("UNDO")
    screen.commands([(shlex.join(["mlops-tui", "project", "add", project.dir]), "looks after it again"),
                     (shlex.join(["mlops-tui", "run", "list", "--project", project.name]), "shows its runs")])  # fmt: skip


RENDERERS = {"list": list_, "show": show, "add": show, "remove": removed}
