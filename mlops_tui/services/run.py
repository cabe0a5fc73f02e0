"""Runs: started, listed, shown, stopped, resumed. What a process has to do with it, the loop does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.ids import RUN_ID
from mlops_store.index import data
from mlops_store.index.tx import Read, Tx
from mlops_store.journal import MAX_TEXT
from mlops_store.records import ENDED
from mlops_store.redact import redact_argv, redact_params
from mlops_tui.project.load import load
from mlops_tui.project.parameters import check_parameters
from mlops_tui.services import project as projects
from mlops_tui.services import run_rows
from mlops_tui.services.command_line import argv_of, as_text
from mlops_tui.services.costs import takes
from mlops_tui.services.interpreters import interpreter_of, with_interpreter
from mlops_tui.services.run_adopt import adopt
from mlops_tui.services.run_artifacts import artifacts
from mlops_tui.services.run_compare import compare
from mlops_tui.services.run_control import plan_resume, plan_stop, resume, stop
from mlops_tui.services.run_detail import detail
from mlops_tui.services.run_fields import fields
from mlops_tui.services.run_list import list_
from mlops_tui.services.run_logs import logs
from mlops_tui.services.run_marks import note, tag
from mlops_tui.services.run_metrics import metrics, trends
from mlops_tui.services.run_sweep import plan_sweep, sweep
from mlops_tui.services.run_trash import (
    archive,
    delete,
    plan_archive,
    plan_delete,
    plan_restore,
    plan_unarchive,
    restore,
    unarchive,
)
from mlops_tui.services.run_why import why
from mlops_tui.services.training import submit_training
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.run import RunRef, RunStart

if TYPE_CHECKING:
    from mlops_tui.project.schema import ProjectConfig

__all__ = [
    "adopt", "archive", "artifacts", "compare", "delete", "fields", "list_", "logs", "metrics", "note", "plan_archive", "plan_delete", "plan_restore",
    "plan_resume", "plan_start", "plan_stop", "plan_sweep", "plan_unarchive", "restore", "resume", "show", "shown", "shown_detail", "start", "stop",
    "submit_training", "sweep", "tag", "trends", "unarchive", "why",
]  # fmt: skip

_SHOWN = "shown"
_DETAIL = msgspec.json.Decoder(RunDetail)


def start(tx: Tx, request: RunStart) -> Run:
    """Queues a training of a model. Raises Problem, ConfigError with all that is wrong in mlops.toml."""
    row = projects.require(tx, request)
    spec = submit_training(
        tx,
        project=row.name,
        model=request.model,
        params=_params(request),
        pins=_checked_pins(tx, request, load(row.dir)),
        client=request.client,
        why=request.reason,
        name=request.name or "",
        experiment=request.experiment or "",
        tags=request.tags,
        after=[run_rows.find_run(tx, text, row.name) for text in request.after],
        as_of=request.as_of,
    )
    return shown(tx, spec.run_id)


def shown(db: Tx | Read, run_id: str) -> Run:
    """One run as an answer, also in the very command that submits it. Raises Problem."""
    return run_rows.run_of(db, run_id)


def shown_detail(db: Tx | Read, run_id: str) -> RunDetail:
    """The same with its evidence."""
    return detail(db, run_id)


def plan_start(read: Read, request: RunStart) -> Plan:
    """What `start` would do."""
    row = projects.require(read, request)
    config = load(row.dir)
    model = config.model_named(request.model)
    params = _params(request)
    check_parameters(model, row.dir, params)
    pins = _checked_pins(read, request, config)
    steps = [f"copy the code in {row.dir} into the run"]
    if model.command:
        named = interpreter_of(model, row.dir, request.client)
        words = with_interpreter(argv_of(model.command, {**model.params, **params}), named)
        steps.append("run " + " ".join(redact_argv(words)))
    else:
        steps.append(
            f"train on the data of {', '.join(sorted(config.sources)) or 'no source'}, judge, register"
        )
    steps += [f"with {key} = {as_text(value)}" for key, value in redact_params(params).items()]
    steps += [f"with version {version} of {source}" for source, version in pins.items()]
    steps += [f"after run {run_rows.find_run(read, text, row.name)}" for text in request.after]
    steps.append(takes(read, row.name, model.name))
    return Plan(title=f"Train {model.name} of {row.name}", steps=steps, undo="mlops-tui run stop RUN")


def show(read: Read, request: RunRef) -> RunDetail:
    """One run with its evidence. One that has ended is as it was until somebody changes it, and is kept for the next question."""
    kept = read.kept
    if kept is None:
        return detail(read, run_rows.find_run(read, request.run_id, request.project))
    known = kept.get(_SHOWN, [request.run_id]).get(request.run_id)
    if known is not None:
        return _DETAIL.decode(known)
    version = kept.changes.version
    whole = RUN_ID.match(request.run_id)  # a whole id needs no search for what begins so
    found = detail(
        read, request.run_id if whole else run_rows.find_run(read, request.run_id, request.project)
    )
    if found.state in ENDED and found.settled and found.name:
        kept.put(_SHOWN, {found.run_id: msgspec.json.encode(found)}, version)
    return found


# --- what a start needs ---------------------------------------------------------------------------------


def _params(request: RunStart) -> dict[str, Any]:
    params = dict(request.params)
    if request.seed is not None:
        params["seed"] = request.seed
    for key in params:
        if not key or len(key) > 250 or any(c in key for c in "\0\n\r"):
            raise Problem(
                "bad_param",
                f"{key[:80]!r} cannot be the name of a parameter",
                "use --set name=value",
                status=2,
            )
        if len(msgspec.json.encode(params[key])) > MAX_TEXT:
            raise Problem(
                "bad_param",
                f"the value of {key!r} takes more than {MAX_TEXT >> 10} KB",
                "put it into a file, and give its path",
                status=2,
            )
    return params


def _checked_pins(db: Tx | Read, request: RunStart, config: ProjectConfig) -> dict[str, int]:
    """`--pin source=version`, checked now: a run that waits an hour in the queue should not fail for a typing error."""
    pins: dict[str, int] = {}
    for source, version in request.pins.items():
        config.source_named(source)
        hint = f"see `mlops-tui data show {source}`"
        if not isinstance(version, int) or isinstance(version, bool):
            raise Problem("bad_pin", f"--pin {source}={version}: a version is a number", hint, status=2)
        if not data.exists(db, config.name, source, version):
            raise Problem("no_such_version", f"source {source!r} has no version {version}", hint)
        pins[source] = version
    return pins
