"""Which version of which model is meant: `MODEL`, `MODEL@3`, `MODEL@alias`."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_store.records import VersionPin

CHAMPION = "champion"


def decode(value: Any, default: Any = None) -> Any:
    """A JSON column as data."""
    if value is None:
        return default
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def split_ref(ref: str) -> tuple[str, str]:
    """`late@3` → (`late`, `3`); without @ the second part is empty."""
    name, _, which = ref.partition("@")
    if not name or ("@" in ref and not which):
        raise Problem(
            "bad_version",
            f"{ref!r} does not name a version",
            "write MODEL, MODEL@3 or MODEL@champion",
            status=2,
        )
    return name, which


def project_of(read: Read | Tx, model: str, project: str | None) -> str:
    """The project that a model is registered in; without one named, the only one that has it. Raises Problem."""
    found = [row["project"] for row in read.rows("SELECT project FROM models WHERE model = ? AND (? IS NULL OR project = ?) ORDER BY project", [model, project, project])]  # fmt: skip
    if len(found) == 1:
        return str(found[0])
    if found:
        raise Problem(
            "model_ambiguous",
            f"{len(found)} projects have a model {model!r}: {', '.join(found)}",
            "name one with --project",
            status=2,
        )
    known = [
        row["model"]
        for row in read.rows(
            "SELECT DISTINCT model FROM models WHERE ? IS NULL OR project = ? ORDER BY 1", [project, project]
        )
    ]
    where = f" in project {project!r}" if project else ""
    hint = (
        f"registered are: {', '.join(known)}"
        if known
        else f"nothing is registered yet: `mlops-tui run start {model}` trains a first version"
    )
    raise Problem("no_such_model", f"no model {model!r} is registered{where}", hint, status=2)


def alias_version(
    read: Read | Tx, project: str, model: str, alias: str, as_of: int | None = None
) -> int | None:
    """The version that an alias names, now or at a time; None where it names none."""
    row = read.one(
        "SELECT to_version AS version FROM alias_moves WHERE project = ? AND model = ? AND alias = ? AND (? IS NULL OR time <= ?) ORDER BY seq DESC LIMIT 1",
        [project, model, alias, as_of, as_of],
    )
    return None if row is None or row["version"] is None else int(row["version"])


def resolve(read: Read | Tx, project: str, model: str, which: str, as_of: int | None = None) -> int:
    """The version number that `3`, an alias or nothing (the champion) stands for. Raises Problem."""
    if which.isdigit():
        version = int(which)
        if version_row(read, project, model, version, as_of) is None:
            newest = read.one(
                "SELECT max(version) AS v FROM model_versions WHERE project = ? AND model = ?",
                [project, model],
            )
            raise Problem(
                "no_such_version",
                f"model {model!r} has no version {version}",
                f"the newest is {newest['v'] if newest else 'none'}",
                status=2,
            )
        return version
    alias = which or CHAMPION
    found = alias_version(read, project, model, alias, as_of)
    if found is None:
        hint = f"`mlops-tui model promote {model}@VERSION` makes a champion; `mlops-tui model show {model}` lists the versions"
        raise Problem(
            "no_such_alias", f"model {model!r} has no {alias!r}" + (" at that time" if as_of else ""), hint
        )
    return found


def version_row(
    read: Read | Tx, project: str, model: str, version: int, as_of: int | None = None
) -> dict[str, Any] | None:
    """A registered version with its JSON columns decoded, or None."""
    row = read.one(
        "SELECT * FROM model_versions WHERE project = ? AND model = ? AND version = ? AND (? IS NULL OR created <= ?)",
        [project, model, version, as_of, as_of],
    )
    if row is None:
        return None
    for column in ("metrics", "gate", "feature_service", "manifest", "pins"):
        row[column] = decode(row[column])
    return row


def pin_of(row: dict[str, Any]) -> VersionPin:
    """A version as a run sees it."""
    return VersionPin(
        model=row["model"],
        version=row["version"],
        run_id=row["run_id"],
        digest=row["digest"],
        tree=row["tree"],
        python=row["python"],
    )
