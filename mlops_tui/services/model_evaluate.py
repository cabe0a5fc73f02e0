"""Evaluation runs: a registered version judged on named data, in the background."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index import data as queries
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import project as projects
from mlops_tui.services.costs import takes
from mlops_tui.services.pinned import pinned
from mlops_tui.services.queued import queued
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import Named, beside, named
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.model import ModelEvaluate


def evaluate(tx: Tx, request: ModelEvaluate) -> Run:
    """Queues a run of kind `evaluate`. Its request is {version, baseline}: a version number, and the VersionPin to compare
    with or null; its pins name the data version of the spine. Raises Problem."""
    version, other, pins = _checked(tx, request)
    baseline = msgspec.to_builtins(other.pin) if other is not None else None
    asked: dict[str, Any] = {"version": version.version, "baseline": baseline}
    place = projects.find(tx, version.project)
    spec = submit(
        tx,
        kind="evaluate",
        project=version.project,
        project_dir=place.dir if place else "",
        model=version.model,
        client=request.client,
        pins=pins,
        request=asked,
        why=f"evaluate {version.label}",
    )
    return queued(spec)


def plan_evaluate(read: Read, request: ModelEvaluate) -> Plan:
    """What `evaluate` would do."""
    version, other, pins = _checked(read, request)
    data = ", ".join(f"{source}@{number}" for source, number in pins.items()) or "the newest data version"
    beside_it = f", beside {other.label}" if other is not None else ""
    return Plan(
        title=f"Judge {version.label}",
        steps=[
            f"judge it on the rows of {data} that its training has not seen{beside_it}",
            "count a look at these rows: the next gate that judges by them is stricter",
            takes(read, version.project, version.model, "evaluate"),
        ],
        undo="mlops-tui run stop RUN; a look that was taken stays",
    )


def _checked(db: Tx | Read, request: ModelEvaluate) -> tuple[Named, Named | None, dict[str, int]]:
    """The version, the one beside it, and the data version that is asked for. Raises Problem."""
    version = named(db, request.model, request.project)
    other = beside(db, version, request.baseline) if request.baseline is not None else None
    if other is not None and other.version == version.version:
        raise Problem(
            "same_version",
            f"{version.label} cannot be compared with itself",
            "name another --baseline",
            status=2,
        )
    return version, other, _pins(db, version, request.data)


def _pins(db: Tx | Read, version: Named, data: int | None) -> dict[str, int]:
    """The data version of the spine, where one is asked for."""
    if data is None:
        return {}
    spine = pinned(db.home, version.row).training.source
    if spine is None:
        raise Problem(
            "no_spine",
            f"it is not recorded what {version.label} was trained on",
            "leave --data out",
            status=2,
        )
    if not queries.exists(db, version.project, spine, data):
        raise Problem(
            "no_such_data",
            f"source {spine!r} has no version {data}",
            f"`mlops-tui data list {spine}` shows them",
        )
    return {spine: data}
