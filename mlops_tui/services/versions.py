"""Which version of which model is meant: `MODEL`, `MODEL@3`, `MODEL@alias`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.models import Row
from mlops_store.index.tx import Read, Tx
from mlops_store.records import VersionPin

CHAMPION = "champion"

_INT64 = 1 << 63


@dataclass(frozen=True)
class Named:
    """A registered version that somebody named; `row` is all that is registered of it."""

    project: str
    model: str
    version: int
    row: Row

    @property
    def label(self) -> str:
        return f"{self.model}@{self.version}"

    @property
    def pin(self) -> VersionPin:
        """The version as a run sees it."""
        fields = ("model", "version", "run_id", "digest", "tree", "python")
        return VersionPin(**{field: self.row[field] for field in fields})


def number_of(champion: str | None) -> int | None:
    """The version number in a gate's `champion` (`model@3`, `3`); None where there was none."""
    match = re.search(r"(\d+)$", champion or "")
    return int(match[1]) if match else None


def split_ref(ref: str) -> tuple[str, str]:
    """`late@3` → (`late`, `3`); without @ the second part is empty. Raises Problem."""
    name, at, which = ref.partition("@")
    if not name or (at and not which):
        raise Problem(
            "bad_version",
            f"{ref!r} does not name a version",
            "write MODEL, MODEL@3 or MODEL@champion",
            status=2,
        )
    return name, which


def project_of(db: Read | Tx, model: str, project: str | None) -> str:
    """The project that a model is registered in; without one named, the only one that has it. Raises Problem."""
    found = models.projects_with(db, model, project)
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(
            "model_ambiguous",
            f"{len(found)} projects have a model {model!r}: {', '.join(found)}",
            "name one with --project",
            status=2,
        )
    known = models.names(db, project)
    where = f" in project {project!r}" if project else ""
    hint = (
        f"registered are: {', '.join(known)}"
        if known
        else f"nothing is registered yet: `mlops-tui run start {model}` trains a first version"
    )
    raise Problem("no_such_model", f"no model {model!r} is registered{where}", hint)


def resolve(db: Read | Tx, project: str, model: str, which: str, as_of: int | None = None) -> Named:
    """The version that `3`, an alias or nothing (the champion) stands for, now or at a time. Raises Problem."""
    if which.isascii() and which.isdigit():
        return _numbered(db, project, model, which, as_of)
    alias = which or CHAMPION
    version = models.aliases(db, project, model, as_of).get(alias)
    if version is None:
        raise Problem(
            "no_such_alias",
            f"model {model!r} has no {alias!r}{_then(as_of)}",
            f"`mlops-tui model promote {model}@VERSION` makes a champion; `mlops-tui model show {model}` lists the versions",
        )
    return _numbered(db, project, model, str(version), as_of)


def named(
    db: Read | Tx, ref: str, project: str | None, as_of: int | None = None, *, explicit: bool = False
) -> Named:
    """The version that `MODEL[@VERSION|@alias]` means; `explicit` refuses a bare name. Raises Problem."""
    model, which = split_ref(ref)
    if explicit and not which:
        raise Problem(
            "version_missing",
            f"{ref!r} names no version",
            f"write {model}@VERSION; `mlops-tui model show {model}` lists them",
            status=2,
        )
    return resolve(db, project_of(db, model, project), model, which, as_of)


def beside(db: Read | Tx, first: Named, ref: str) -> Named:
    """Another version of the same model: `MODEL@3`, or just `3` or an alias. Raises Problem."""
    model, which = split_ref(ref) if "@" in ref else (first.model, ref)
    if model != first.model:
        raise Problem(
            "two_models",
            f"{first.label} and {ref} are versions of different models",
            "only versions of one model can be compared",
            status=2,
        )
    if not which:
        raise Problem("version_missing", "the second version is not named", "write 3 or an alias", status=2)
    return resolve(db, first.project, first.model, which)


def _numbered(db: Read | Tx, project: str, model: str, number: str, as_of: int | None) -> Named:
    # more digits than an int64 has cannot be a version, and DuckDB would refuse them
    version = int(number[:20])
    row = models.version(db, project, model, version, as_of) if version < _INT64 else None
    if row is None:
        raise Problem(
            "no_such_version",
            f"model {model!r} has no version {number[:40]}{_then(as_of)}",
            f"the newest is {models.newest_version(db, project, model) or 'none'}",
        )
    return Named(project, model, version, row)


def _then(as_of: int | None) -> str:
    return "" if as_of is None else " at that time"
