"""Runs as answers: rows of the index, and the folder for what the index does not hold (yet)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.filter_tree import Field
from mlops_store.index import runs as queries
from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder
from mlops_tui.services.run_headline import headline
from mlops_tui.text import ended_by, short
from mlops_tui.verbs._shapes import MetricSummary, Run, RunError

_SHORT = 300
UNSUPERVISED = "unsupervised: its shim is gone, the program goes on"


def decode(value: Any, default: Any = None) -> Any:
    """A JSON column as data; `default` where it is NULL."""
    if value is None:
        return default
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def find_run(db: Read | Tx, text: str, project: str | None = None) -> str:
    """The id that `text` (an unambiguous start of it, or a name) stands for: in `project` first, then anywhere. Raises Problem."""
    wanted = text.strip()
    if not wanted:
        raise Problem("no_runs", "no run is named", "`mlops-tui run list --all` shows all runs", status=2)
    if project is not None:
        try:
            return queries.find(db, wanted, project)
        except Problem as problem:
            if problem.code != "no_such_run":
                raise
    return queries.find(db, wanted)


def row_of(db: Read | Tx, run_id: str) -> dict[str, Any]:
    """The row of one run. Raises Problem."""
    row = db.one("SELECT * FROM runs WHERE run_id = ?", [run_id])
    if row is None:
        raise Problem(
            "no_such_run", f"there is no run {run_id!r}", "`mlops-tui run list --all` shows all runs"
        )
    if row["deleted"] is not None:
        hint = (
            "it was collected since"
            if row["purged"] is not None
            else f"`mlops-tui run restore {run_id}` brings it back"
        )
        raise Problem("run_deleted", f"run {run_id} was deleted", hint)
    return row


def runs_of(db: Read | Tx, ids: Sequence[str], only: Sequence[Field] | None = None) -> list[Run]:
    """The answers for these runs, in this order; unknown ones are left out. `only`: of parameters, tags and metrics just those."""
    wanted = list(ids)
    if not wanted:
        return []
    kept = db.kept if isinstance(db, Read) else None
    judged_by = _judged_by(db) if kept is None else kept.fact("judged by", lambda: _judged_by(db))
    return [_run(db, shape) for shape in queries.shapes(db, wanted, only, kept, judged_by, MetricSummary)]


def _why(signal: int | None, said: tuple[str, str, str, str] | None) -> RunError | None:
    """Of a run that failed, in short; what a signal ended could not say anything."""
    if said is None:
        return RunError(code="ended_by_signal", message=ended_by(signal)) if signal is not None else None
    code, message, hint, stage = said
    return RunError(code=code, message=short(message, _SHORT), hint=short(hint, _SHORT), stage=stage)


def _judged_by(db: Read | Tx) -> dict[tuple[str, str], str]:
    """The metric of each model that has one, by project and name."""
    found = db.rows("SELECT project, model, metric FROM models WHERE metric <> ''")
    return {(row["project"], row["model"]): row["metric"] for row in found}


def run_of(db: Read | Tx, run_id: str) -> Run:
    """One run. Raises Problem."""
    row_of(db, run_id)
    return runs_of(db, [run_id])[0]


def _run(db: Read | Tx, shape: dict[str, Any]) -> Run:
    if not shape["name"]:
        _fill_from_spec(db, shape)
    shape["attempts"] = shape["attempts"] or 0
    shape["settled"] = shape["settled"] or shape["state"] not in ENDED
    judged = shape.pop("judged")
    error = shape.pop("error")
    return as_it_lives(
        db,
        Run(
            **shape,
            headline=headline(*judged) if judged else None,
            error=_why(shape["signal"], error) if shape["state"] == "FAILED" else None,
        ),
    )


def as_it_lives(db: Read | Tx, run: Run) -> Run:
    """The run with what its folder alone says: whether it goes on without its shim."""
    if run.state == "RUNNING" and run.attempts:
        place = RunFolder(db.home.run_dir(run.run_id)).attempt_dir(run.attempts)
        if (place / "unsupervised").exists():
            run.reason = UNSUPERVISED
    return run


def _fill_from_spec(db: Read | Tx, shape: dict[str, Any]) -> None:
    """A run of the last milliseconds: the ledger has it, its folder is not read yet."""
    try:
        spec = RunFolder(db.home.run_dir(shape["run_id"])).spec()
    except (OSError, msgspec.DecodeError):
        return  # the index will tell of the damage by an error row
    shape |= {
        "name": spec.name, "project": spec.project, "experiment": spec.experiment, "params": spec.params, "tags": spec.tags,
        "created": spec.created, "proposal_id": spec.proposal_id,
    }  # fmt: skip
