"""Projects: folders with an mlops.toml that this home looks after."""

from __future__ import annotations

from typing import Annotated

from mlops_tui.verbs._declare import Input, ListInput, Output, Page, ProjectInput, Reason, Verb, arg


class ProjectAdd(Input, kw_only=True):
    dir: Annotated[
        str, arg("folder with the mlops.toml; default: the current one", kind="path", metavar="DIR")
    ] = "."
    reason: Reason = ""


class Project(Output, kw_only=True):
    """A project; `problems` names what is wrong with its mlops.toml now (it is then not watched)."""

    name: str
    dir: str
    added: int
    sources: list[str] = []
    models: list[str] = []
    problems: list[str] = []


class ProjectRemoved(Project, kw_only=True):
    """A project that is no longer looked after. `kept` counts what stays of it in the home."""

    kept: dict[str, int] = {}


class ProjectList(ListInput, kw_only=True):
    pass


class ProjectShow(ProjectInput, kw_only=True):
    name: Annotated[str | None, arg("name of the project; default: the folder's own")] = None


class ProjectRemove(Input, kw_only=True):
    name: Annotated[str, arg("name of the project")]
    reason: Reason = ""


VERBS = [
    Verb("project", "add", ProjectAdd, Project, "Add a folder; its sources are watched from now on.",
         example="mlops-tui project add ~/flights", writes=True),
    Verb("project", "list", ProjectList, Page[Project], "List the projects of this home.",
         empty="no projects yet: `mlops-tui init DIR --target COLUMN` makes one from data, `mlops-tui project add DIR` adds one"),
    Verb("project", "show", ProjectShow, Project, "Show a project and what is wrong with its mlops.toml."),
    Verb("project", "remove", ProjectRemove, ProjectRemoved, "Stop looking after a project; nothing of it is deleted.",
         writes=True, danger=True, plans=True),
]  # fmt: skip
