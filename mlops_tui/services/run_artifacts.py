"""The files that a run produced, by path."""

from __future__ import annotations

import fnmatch
import os

from mlops_store.errors import Problem, did_you_mean
from mlops_store.index.tx import Read
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_rows
from mlops_tui.verbs._shapes import Artifact
from mlops_tui.verbs.run import ArtifactList, RunArtifacts


def artifacts(read: Read, request: RunArtifacts) -> ArtifactList:
    """Those that the run has told of. Copying is the client's: it knows the folder, and its disk may be slow. Raises Problem."""
    if request.to is not None or request.force:
        raise Problem(
            "client_copies",
            "the daemon lists artifacts, and copies none",
            "`mlops-tui run artifacts RUN --to DIR` in a shell does",
            status=2,
        )
    run_id = run_rows.find_run(read, request.run_id, request.project)
    run_rows.row_of(read, run_id)
    rows = read.rows("SELECT path, size, sha256 FROM artifacts WHERE run_id = ? ORDER BY path", [run_id])
    found = [Artifact(**row) for row in rows]
    return ArtifactList(
        run_id=run_id,
        folder=os.fspath(RunFolder(read.home.run_dir(run_id)).artifacts),
        artifacts=_chosen(found, request.paths) if request.paths else found,
    )


def _chosen(found: list[Artifact], paths: list[str]) -> list[Artifact]:
    """What one of the paths names; each must name something."""
    names = [each.path for each in found]
    chosen: set[str] = set()
    for path in paths:
        wanted = os.path.normpath(path)
        hits = [
            name
            for name in names
            if name == wanted
            or name.startswith(f"{wanted}/")
            or wanted == "."
            or fnmatch.fnmatchcase(name, wanted)
        ]
        if not hits:
            raise Problem(
                "no_such_artifact",
                f"no artifact of the run is {path[:200]!r}",
                did_you_mean(path, names[:1000], otherwise="`mlops-tui run artifacts RUN` lists them"),
            )
        chosen.update(hits)
    return [each for each in found if each.path in chosen]
