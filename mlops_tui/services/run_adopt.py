"""Run folders that were brought into the home: recorded in the ledger, put in their places, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import sha256_file
from mlops_store.errors import Problem
from mlops_store.graft import Placed, differs, place_run, tell
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.verbs.run import RunAdopt, RunMark, RunMarks


def adopt(tx: Tx, request: RunAdopt) -> RunMarks:
    """Takes up folders that lie in the home's scratch folder or in their place already. All or none.

    Raises Problem `run_conflict` where another run has the id here, `run_deleted` where this one was deleted here.
    """
    found = [_checked(tx, Path(path)) for path in request.paths]
    changed, unchanged = [], []
    for path, spec in found:
        mark = _mark(spec, RunFolder(path))
        row = tx.one("SELECT state FROM runs WHERE run_id = ?", [spec.run_id])
        if row is not None:
            unchanged.append(mark)
            continue
        changed.append(mark)
        data: dict[str, Any] = {"run_id": spec.run_id, "kind": spec.kind, "project": spec.project, "model": spec.model, "spec": sha256_file(path / "spec.json")}  # fmt: skip
        if path != tx.home.run_dir(spec.run_id):
            place_run(tx.home, path, Placed())
        tell(tx.home, spec.run_id)
        tx.append("run.adopt", spec.run_id, data, request.reason)
    return RunMarks(changed=changed, unchanged=unchanged)


def _checked(tx: Tx, path: Path) -> tuple[Path, RunSpec]:
    """The folder, and what it is. A command that runs again finds it in its place."""
    place = tx.home.run_dir(path.name)
    if path != place and path.parent.parent != tx.home.tmp:
        raise Problem(
            "not_brought",
            f"{str(path)!r} is not in the home",
            "`mlops-tui run adopt` copies it there",
            status=2,
        )
    if not path.is_dir():
        path = place
    try:
        spec = RunFolder(path).spec()
    except (OSError, msgspec.DecodeError) as error:
        raise Problem(
            "bad_run", f"{path} is no folder of a run: {error}", "name a folder with a spec.json", status=2
        ) from error
    if spec.run_id != path.name:
        raise Problem(
            "bad_run",
            f"the folder {path.name} holds run {spec.run_id}",
            f"rename it to {spec.run_id}",
            status=2,
        )
    row = tx.one("SELECT deleted FROM runs WHERE run_id = ?", [spec.run_id])
    if row is not None and row["deleted"] is not None:
        raise Problem(
            "run_deleted", f"run {spec.run_id} was deleted here", f"`mlops-tui run restore {spec.run_id}`"
        )
    if path != place and place.is_dir() and (why := differs(place, path)):
        raise Problem(
            "run_conflict",
            f"run {spec.run_id}: {why}",
            f"compare {place} with what you brought; the one here is left as it is",
        )
    return path, spec


def _mark(spec: RunSpec, folder: RunFolder) -> RunMark:
    return RunMark(
        run_id=spec.run_id, kind=spec.kind, name=spec.name, project=spec.project, state=folder.state()[0]
    )
