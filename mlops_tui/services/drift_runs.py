"""Looks at new data: each is a drift run, submitted once for the same data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Tx
from mlops_store.records import RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.services.configs import look
from mlops_tui.services.loop_facts import current_versions, drift_outcomes, last_decision, pending, reference
from mlops_tui.services.submit import submit

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig, ProjectConfig

LOG = logging.getLogger("mlops_tui.services")


def after_run(tx: Tx, spec: RunSpec) -> None:
    """New data or a new champion: each model of the project whose newest data nobody has looked at gets a drift run."""
    seen = look(spec.project_dir) if spec.project_dir else None
    if seen is None or seen.config is None or seen.problem is not None:
        return
    for model in seen.config.models.values():
        try:
            ensure_drift(tx, seen.config, spec.project_dir, model)
        except Problem as problem:
            # what the run brought is recorded all the same; the schedule's tick tries again
            LOG.warning("no look at the new data of %s/%s: %s", seen.config.name, model.name, problem)


def ensure_drift(tx: Tx, config: ProjectConfig, project_dir: str, model: ModelConfig) -> str | None:
    """Submits a drift run unless its result is there, or it is queued, or it failed on the same data. Returns its id."""
    project = config.name
    serving = reference(tx, project, model.name)
    if serving is None or model.command or not model.spine:
        return None
    versions = current_versions(tx, project)
    trained = serving.pins.get(model.spine, 0)
    if versions.get(model.spine, 0) <= trained:
        return None
    decision = last_decision(tx, project, model.name, model.spine)
    since = decision.version if decision else trained
    if versions.get(model.spine, 0) <= since:
        return None
    earlier = drift_outcomes(tx, project, model.name, serving.version)
    if any(found.sources == versions and found.since_version == since for found in earlier):
        return None
    request = {
        "source": model.spine, "champion_version": serving.version, "trained_version": trained, "since_version": since,
        "sources": versions,
    }  # fmt: skip
    if not serving.serves:
        request["version"] = serving.version
    if _asked_before(tx, project, model.name, request):
        return None
    return submit(
        tx, kind="drift", project=project, project_dir=project_dir, model=model.name, request=request
    ).run_id


def _asked_before(tx: Tx, project: str, model: str, request: dict[str, Any]) -> bool:
    """A queued run reads the newest data when it starts; a running or failed one has read what it was asked to."""
    if any(row["state"] == "QUEUED" for row in pending(tx, "drift", project, model)):
        return True
    recent = tx.rows(
        "SELECT run_id FROM runs WHERE kind = 'drift' AND project = ? AND model = ? AND submitted IS NOT NULL ORDER BY run_id DESC LIMIT 5",
        [project, model],
    )
    for row in recent:
        folder = RunFolder(tx.home.run_dir(row["run_id"]))
        try:
            asked, launched = folder.spec().request, folder.context(folder.latest())
        except (OSError, msgspec.DecodeError):
            continue  # a damaged folder: doctor's business, and no reason not to look at new data
        if launched is not None:  # it read what was newest when it started
            asked = {**asked, "sources": {name: pin.version for name, pin in launched.sources.items()}}
        if asked == request:
            return True
    return False
