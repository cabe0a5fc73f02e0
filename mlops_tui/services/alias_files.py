"""`aliases/<project>/<model>.json`: which version serving reads, for programs that ask no daemon.

Derived from the ledger: written after each move that is in it, and put right when the daemon starts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.index import models
from mlops_store.index.models import Row
from mlops_store.index.tx import Read


class AliasTarget(msgspec.Struct, kw_only=True):
    """What an alias names; `seq` is the ledger entry that moved it there."""

    version: int
    digest: str
    tree: str
    python: str
    seq: int


class AliasFile(msgspec.Struct, kw_only=True):
    """One model's aliases."""

    project: str
    model: str
    aliases: dict[str, AliasTarget] = {}


def write(home: Home, read: Read, project: str, model: str) -> bool:
    """Brings the file of one model up to what is committed. Returns whether it changed. Raises OSError."""
    return _put(
        home,
        AliasFile(project=project, model=model, aliases=_targets(models.aliased(read, project, model))),
    )


def reconcile(home: Home, read: Read) -> list[str]:
    """Brings all files up to what is committed, and removes those of no model. Returns the paths (relative to the home)
    of those that changed. Raises OSError."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in models.aliased(read):
        rows.setdefault((row["project"], row["model"]), []).append(row)
    changed = []
    for (project, model), found in rows.items():
        if _put(home, AliasFile(project=project, model=model, aliases=_targets(found))):
            changed.append(home.relative(home.alias_file(project, model)))
    wanted = {home.alias_file(project, model) for project, model in rows}
    for path in _present(home):
        if path not in wanted:
            path.unlink(missing_ok=True)
            changed.append(home.relative(path))
    return changed


def _targets(rows: list[Row]) -> dict[str, AliasTarget]:
    return {
        row["alias"]: AliasTarget(
            version=row["version"],
            digest=row["digest"],
            tree=row["tree"],
            python=row["python"],
            seq=row["seq"],
        )
        for row in rows
    }


def _put(home: Home, wanted: AliasFile) -> bool:
    path = home.alias_file(wanted.project, wanted.model)
    if not wanted.aliases:
        there = path.exists()
        path.unlink(missing_ok=True)
        return there
    try:
        if msgspec.json.decode(path.read_bytes(), type=AliasFile) == wanted:
            return False
    except (FileNotFoundError, msgspec.DecodeError):
        pass  # it is not there, or it is damaged: either way it is written
    write_json(path, wanted)
    return True


def _present(home: Home) -> list[Path]:
    """The alias files on disk; anything else in those folders is left alone."""
    return sorted(home.aliases.glob("*/*.json"))
