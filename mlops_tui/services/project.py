"""Projects: folders that this home looks after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from mlops_store.errors import Problem, did_you_mean
from mlops_store.filter_tree import Field
from mlops_store.index.fact import Ask, Fact
from mlops_store.index.tx import Read, Tx
from mlops_tui.project.load import load
from mlops_tui.services.configs import look
from mlops_tui.services.listing import listed_here
from mlops_tui.verbs._declare import Page, Plan, ProjectInput
from mlops_tui.verbs.project import (
    Project,
    ProjectAdd,
    ProjectList,
    ProjectRemove,
    ProjectRemoved,
    ProjectShow,
)


@dataclass(frozen=True)
class ProjectRow:
    """A project of the home."""

    name: str
    dir: str
    added: int


def _live(ask: Ask, _names: Sequence[str]) -> dict[str, ProjectRow]:
    found = ask("SELECT name, dir, added FROM projects WHERE removed IS NULL", [])
    return {row["name"]: ProjectRow(**row) for row in found}


PROJECTS = Fact(_live, noun="project")
_COUNTS = """SELECT (SELECT count(*) FROM runs WHERE project = ? AND purged IS NULL) AS runs,
    (SELECT count(*) FROM data_versions WHERE project = ?) AS data_versions, (SELECT count(*) FROM models WHERE project = ?) AS models,
    (SELECT count(*) FROM proposals WHERE project = ?) AS proposals"""
_TRACES = """SELECT 1 FROM projects WHERE name = ? UNION ALL SELECT 1 FROM runs WHERE project = ?
    UNION ALL SELECT 1 FROM data_versions WHERE project = ? UNION ALL SELECT 1 FROM models WHERE project = ? LIMIT 1"""


def find(db: Tx | Read, name: str) -> ProjectRow | None:
    """A project that was added and not removed."""
    return db.fact(PROJECTS, name)


def require(db: Tx | Read, request: ProjectInput) -> ProjectRow:
    """The project that a request is about.

    Raises Problem: `no_project` (none named), `project_not_added` (a client that knows the folder adds it and asks
    again), `project_elsewhere` (the name belongs to another folder).
    """
    if request.project is None:
        raise Problem(
            "no_project",
            "there is no mlops.toml here or above",
            "go to a project's folder, name one with --project, or make one: `mlops-tui init . --target COLUMN`",
            status=2,
        )
    row = find(db, request.project)
    if row is None:
        raise not_added(db, request.project)
    if request.project_dir is not None and not same_folder(request.project_dir, row.dir):
        raise _elsewhere(row, request.project_dir)
    return row


def not_added(db: Tx | Read, name: str) -> Problem:
    """What to say of a project that is not in the home."""
    known = [row["name"] for row in db.rows("SELECT name FROM projects WHERE removed IS NULL", [])]
    add = "add its folder: `mlops-tui project add DIR`; `mlops-tui project list` shows those that are"
    return Problem(
        "project_not_added",
        f"the project {name[:80]!r} is not in this home",
        did_you_mean(name, known, otherwise=add),
    )


def check_named(db: Tx | Read, request: ProjectInput) -> None:
    """Raises Problem `project_not_added` where a project was named of which the home has nothing: no folder that was ever added, no run,
    no data, no model. One that comes with its folder may be new."""
    name = request.project
    if name is None or request.project_dir is not None or find(db, name) is not None:
        return
    if db.one(_TRACES, [name] * _TRACES.count("?")) is None:
        raise not_added(db, name)


def same_folder(a: str, b: str) -> bool:
    return os.path.realpath(a) == os.path.realpath(b)


def add(tx: Tx, request: ProjectAdd) -> Project:
    """Adds a folder; once more is no change. Raises Problem, ConfigError with all that is wrong in mlops.toml."""
    folder = os.path.realpath(request.dir)
    seen = look(folder)
    config = seen.config if seen.config is not None and seen.problem is None else load(folder)
    name = config.name
    known = find(tx, name)
    if known is None:
        tx.append("project.add", name, {"name": name, "dir": folder}, why=request.reason)
    elif not same_folder(known.dir, folder):
        raise _elsewhere(known, folder)
    return _shape(ProjectRow(name, folder, known.added if known else tx.now))


def list_(read: Read, request: ProjectList) -> Page[Project]:
    """The projects by name unless sorted otherwise. Raises Problem.

    They are few, and half of what is shown of them is in their files: they are filtered here, not in the index.
    """
    known = {name: _Listed(row, read.now) for name, row in read.all(PROJECTS).items()}
    names, following, total = listed_here(
        read, "project", request, {name: each.get for name, each in known.items()}
    )
    return Page(items=[known[str(name)].shape for name in names], next=following, total=total)


def show(read: Read, request: ProjectShow) -> Project:
    """One project, with what is wrong with its file now."""
    if request.name is not None:
        return _shape(require(read, ProjectInput(project=request.name)))
    return _shape(require(read, request))


def remove(tx: Tx, request: ProjectRemove) -> ProjectRemoved:
    """Takes a project out. Runs that are under way end by themselves; models and data versions stay."""
    row = require(tx, ProjectInput(project=request.name))
    tx.append("project.remove", row.name, {"name": row.name}, why=request.reason)
    return ProjectRemoved(**msgspec.structs.asdict(_shape(row)), kept=_kept(tx, row.name))


def plan_remove(read: Read, request: ProjectRemove) -> Plan:
    """What `remove` would do."""
    row = require(read, ProjectInput(project=request.name))
    return Plan(
        title=f"Remove the project {row.name}",
        steps=[
            f"stop watching {row.dir}",
            "keep its "
            + ", ".join(
                f"{what.replace('_', ' ')} ({count})" for what, count in _kept(read, row.name).items()
            ),
            "delete nothing, neither in its folder nor in the home",
        ],
        undo=f"mlops-tui project add {row.dir}",
    )


def _kept(db: Tx | Read, name: str) -> dict[str, int]:
    """What there is of a project in the home, whether it is looked after or not."""
    found = db.one(_COUNTS, [name] * _COUNTS.count("?"))
    return {what: int(count) for what, count in (found or {}).items()}


class _Listed:
    """A project as a record to filter and sort by; its mlops.toml is read only when it is asked for."""

    def __init__(self, row: ProjectRow, now: int) -> None:
        self.row = row
        self._now = now

    @cached_property
    def shape(self) -> Project:
        return _shape(self.row)

    def get(self, field: Field) -> str | int | None:
        """The value of a field; None where there is none."""
        match field.name:
            case "name":
                return self.row.name
            case "dir":
                return self.row.dir
            case "added":
                return self.row.added
            case "age":
                return self._now - self.row.added
        return ", ".join(getattr(self.shape, field.name)) or None


def _elsewhere(known: ProjectRow, folder: str) -> Problem:
    return Problem(
        "project_elsewhere",
        f"the project {known.name!r} of this home is in {known.dir}, not in {folder}",
        "give one of them another [project] name; or, if it has moved, "
        f"`mlops-tui project remove {known.name}` and add it again",
        status=2,
    )


def _shape(row: ProjectRow) -> Project:
    seen = look(row.dir)
    config = seen.config
    return Project(
        name=row.name,
        dir=row.dir,
        added=row.added,
        sources=sorted(config.sources) if config else [],
        models=sorted(config.models) if config else [],
        problems=seen.problem.message.splitlines() if seen.problem else [],
    )
