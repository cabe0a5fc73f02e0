"""Evaluation runs: a registered version judged on named data, in the background."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index import data as queries
from mlops_store.index.tx import Tx
from mlops_tui.services import project as projects
from mlops_tui.services.pinned import pinned
from mlops_tui.services.queued import queued
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import Named, beside, named
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs.model import ModelEvaluate


def evaluate(tx: Tx, request: ModelEvaluate) -> Run:
    """Queues a run of kind `evaluate`. Its request is {version, baseline}: a version number, and the VersionPin to compare
    with or null; its pins name the data version of the spine. Raises Problem."""
    version = named(tx, request.model, request.project)
    asked: dict[str, Any] = {"version": version.version, "baseline": None}
    if request.baseline is not None:
        other = beside(tx, version, request.baseline)
        if other.version == version.version:
            raise Problem(
                "same_version",
                f"{version.label} cannot be compared with itself",
                "name another --baseline",
                status=2,
            )
        asked["baseline"] = msgspec.to_builtins(other.pin)
    place = projects.find(tx, version.project)
    spec = submit(
        tx,
        kind="evaluate",
        project=version.project,
        project_dir=place.dir if place else "",
        model=version.model,
        client=request.client,
        pins=_pins(tx, version, request.data),
        request=asked,
        why=f"evaluate {version.label}",
    )
    return queued(spec)


def _pins(tx: Tx, version: Named, data: int | None) -> dict[str, int]:
    """The data version of the spine, where one is asked for."""
    if data is None:
        return {}
    spine = pinned(tx.home, version.row).training.source
    if spine is None:
        raise Problem(
            "no_spine",
            f"it is not recorded what {version.label} was trained on",
            "leave --data out",
            status=2,
        )
    if not queries.exists(tx, version.project, spine, data):
        raise Problem(
            "no_such_data",
            f"source {spine!r} has no version {data}",
            f"`mlops-tui data list {spine}` shows them",
            status=2,
        )
    return {spine: data}
