"""Batch scoring: a file in, a file with predictions out, in the background and on the record."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_tui.project.arrivals import Matcher
from mlops_tui.services import project as projects
from mlops_tui.services.configs import config_of
from mlops_tui.services.costs import takes
from mlops_tui.services.project import ProjectRow
from mlops_tui.services.run_detail import detail
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import Named, named
from mlops_tui.text import size
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import RunDetail
from mlops_tui.verbs.top import Predict

FORMATS = (".parquet", ".csv", ".tsv", ".csv.gz")


def predict(tx: Tx, request: Predict) -> RunDetail:
    """Queues a run of kind `score` for the version that the name stands for now. Its request is {version, input, output}.
    Raises Problem for whatever can be known of the files before it."""
    version, place, source, target = _checked(tx, request)
    if target.exists() and not request.force:
        raise Problem("output_exists", f"{target} is there already", "name another file, or replace it with --force", status=2)  # fmt: skip
    spec = submit(
        tx,
        kind="score",
        project=version.project,
        project_dir=place.dir if place else "",
        model=version.model,
        client=request.client,
        request={
            "version": version.version,
            "input": str(source),
            "output": str(target),
            "force": request.force,
        },
        why=f"score {source.name} by {version.label}",
    )
    return detail(tx, spec.run_id)


def plan_predict(read: Read, request: Predict) -> Plan:
    """What `predict` would do."""
    version, _, source, target = _checked(read, request)
    write = f"write {target}"
    if target.exists():
        write = (
            f"replace {target}" if request.force else f"fail: {target} is there, and only --force replaces it"
        )
    return Plan(
        title=f"Score {source.name} with {version.label}",
        steps=[
            f"score {source} ({size(source.stat().st_size)}) by version {version.version}, in a process of its own",
            write,
            takes(read, version.project, version.model, "score"),
        ],
        undo="mlops-tui run stop RUN; the file stays",
    )


def _checked(db: Tx | Read, request: Predict) -> tuple[Named, ProjectRow | None, Path, Path]:
    """The version, its project, the file to read and the one to write. Raises Problem."""
    version = named(db, request.model, request.project)
    source, target = _file(request.input), Path(request.output)
    if target.suffix not in (".parquet", ".csv"):
        raise Problem(
            "bad_output",
            f"{target.name!r} is neither .parquet nor .csv",
            "name the --output one of them",
            status=2,
        )
    if os.path.realpath(source) == os.path.realpath(target):
        raise Problem(
            "bad_output", "--input and --output are the same file", "write to another file", status=2
        )
    if not target.parent.is_dir():
        raise Problem("bad_output", f"there is no folder {target.parent}", "create it first", status=2)
    place = projects.find(db, version.project)
    if place is not None:
        _not_watched(target, place.dir)
    return version, place, source, target


def _not_watched(target: Path, folder: str) -> None:
    """Predictions in a source's folder would come back as new data. Raises Problem."""
    config = config_of(folder)
    at = os.path.realpath(target)
    for name, source in (config.sources if config else {}).items():
        if Matcher(Path(os.path.realpath(folder)), source.path).matches(Path(at)):
            raise Problem(
                "bad_output",
                f"{target} is where source {name!r} takes its data from ({source.path}): it would be admitted as new rows",
                "write to another folder",
                status=2,
            )


def _file(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise Problem(
            "no_input", f"there is no file {name}", "name a CSV or Parquet file with --input", status=2
        )
    if not path.name.endswith(FORMATS):
        raise Problem(
            "bad_input", f"{path.name!r} is not one of {', '.join(FORMATS)}", "convert it first", status=2
        )
    if not path.stat().st_size:
        raise Problem("empty_input", f"{path} is empty", "give it a line of column names and rows", status=2)
    return path
