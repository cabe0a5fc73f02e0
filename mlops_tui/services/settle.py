"""What an ended run asked for becomes ledger entries, exactly once.

`settle` is a command of the writer with the idempotency key `settle:<run_id>:<attempt>`: it may run twice, so whatever it writes
to disk is named by content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from mlops_store.index import models
from mlops_store.index.tx import Tx
from mlops_store.looks import looks_before
from mlops_store.records import (
    ENDED,
    FeatureView,
    GateOutcome,
    IngestOutcome,
    Outcome,
    RunSpec,
    RunState,
    TrainingOutcome,
)
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots
from mlops_tui.services import card_life, drift_runs, policies, triggers
from mlops_tui.services.configs import config_of
from mlops_tui.services.loop_facts import champion, current_versions
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import number_of

Handler = Callable[[Tx, RunSpec, Outcome], None]


def settle_key(run_id: str, attempt: int) -> str:
    """The idempotency key of settling an attempt."""
    return f"settle:{run_id}:{attempt}"


def settle(tx: Tx, run_id: str) -> RunState | None:
    """Carries an ended run's outcome into the ledger. Returns the state it ended in; None where it has not ended.

    A run that is settled already is left alone, unless it was resumed since. Nothing of a run that did not finish
    is admitted or registered, whatever its folder holds.
    """
    row = tx.one("SELECT settled, settled_state FROM runs WHERE run_id = ?", [run_id])
    if row is not None and row["settled"] is not None:
        settled: RunState = row["settled_state"]
        return settled
    folder = RunFolder(tx.home.run_dir(run_id))
    state, _ = folder.state()
    if state not in ENDED:
        return None
    spec = folder.spec()
    outcome = folder.outcome(folder.latest()) if state == "FINISHED" else None
    handler = _HANDLERS.get(spec.kind)
    if handler is not None and outcome is not None:
        handler(tx, spec, outcome)
    elif spec.kind == "train":
        _count_abandoned_look(tx, spec, folder)
        card_life.run_over(tx, spec, None, failed=state != "FINISHED")
    tx.append("run.settle", run_id, {"run_id": run_id, "state": state})
    if spec.kind in ("ingest", "train", "drift"):
        drift_runs.after_run(tx, spec)
    return state


def settle_broken(tx: Tx, run_id: str, reason: str) -> None:
    """For a run whose outcome cannot be carried over (`settle` raised): it is over all the same, and says why."""
    folder = RunFolder(tx.home.run_dir(run_id))
    spec = folder.spec()
    if spec.kind == "train":
        card_life.run_over(tx, spec, None, failed=True)
    tx.append(
        "run.settle",
        run_id,
        {"run_id": run_id, "state": folder.state()[0], "problem": reason[:1000]},
        why=reason[:1000],
    )


# --- data ---------------------------------------------------------------------------------------------------


def _ingest(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    found = outcome.ingest
    if found is None:
        return
    current = current_versions(tx, spec.project).get(found.source, 0)
    if found.manifest is not None and current != found.base_version:
        # someone else's delivery became a version meanwhile: the files are looked at again on top of it
        again = {**spec.request, "base_version": current}
        submit(tx, kind="ingest", project=spec.project, project_dir=spec.project_dir, request=again, tags=spec.tags,
               why=f"version {found.base_version + 1} of {found.source} was taken")  # fmt: skip
        return
    for rejected in found.rejected:
        _quarantine(tx, spec.project, found.source, msgspec.to_builtins(rejected))
    if found.manifest is not None:
        _admit(tx, spec, found)


def _quarantine(tx: Tx, project: str, source: str, rejected: dict[str, Any]) -> None:
    """Once for the same bytes under the same name with the same reason, however often they are delivered."""
    held = tx.one(
        "SELECT reason FROM quarantine WHERE project = ? AND source = ? AND path = ? AND sha256 = ? AND state = 'HELD'",
        [project, source, rejected["path"], rejected["sha256"]],
    )
    if held is None or held["reason"] != rejected["reason"]:
        tx.append(
            "data.quarantine",
            f"{project}/{source}",
            {"project": project, "source": source, **rejected},
            why=rejected["reason"],
        )


def _admit(tx: Tx, spec: RunSpec, found: IngestOutcome) -> None:
    manifest = found.manifest
    assert manifest is not None
    Snapshots(tx.home).write_manifest(manifest)
    subject = f"{manifest.project}/{manifest.source}@{manifest.version}"
    tx.append(
        "data.admit",
        subject,
        {
            "project": manifest.project, "source": manifest.source, "version": manifest.version, "snapshot": manifest.snapshot,
            "manifest": manifest.path, "rows": manifest.rows, "files": msgspec.to_builtins(found.admitted),
            "schema_version": manifest.schema_version, "min_event_time": manifest.min_event_time,
            "max_event_time": manifest.max_event_time, "run_id": spec.run_id, "profile": found.profile,
        },
    )  # fmt: skip
    known = tx.one(
        "SELECT max(version) AS version FROM schemas WHERE project = ? AND source = ?",
        [manifest.project, manifest.source],
    )
    if not known or (known["version"] or 0) < manifest.schema_version:
        tx.append(
            "schema.version",
            subject,
            {
                "project": manifest.project, "source": manifest.source, "version": manifest.schema_version,
                "columns": msgspec.to_builtins(manifest.schema), "diff": found.schema_diff,
            },
        )  # fmt: skip


# --- models --------------------------------------------------------------------------------------------------


def _train(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    found = outcome.training
    if found is None:
        card_life.run_over(tx, spec, None, failed=False)
        return
    views = {view.name: _define(tx, spec.project, view) for view in found.views}
    version = _same(tx, spec, found) or _register(tx, spec, found, views)
    verdict = None
    if found.gate is not None:
        verdict = found.gate.verdict
        _judge(tx, spec, found, version, found.gate)
        if found.gate.repeats is None:
            _promote_by_policy(tx, spec, found, version)
    card_life.run_over(tx, spec, verdict, failed=False)


def _define(tx: Tx, project: str, view: FeatureView) -> int:
    """The version of a view's definition: a known one keeps its number, another one gets the next."""
    known = tx.rows(
        "SELECT version, definition FROM views WHERE project = ? AND view = ?", [project, view.name]
    )
    for row in known:
        if row["definition"] == view.definition:
            return int(row["version"])
    version = max((int(row["version"]) for row in known), default=0) + 1
    record = msgspec.to_builtins(view)
    tx.append(
        "view.define",
        f"{project}/{view.name}@{version}",
        {
            "project": project,
            "view": view.name,
            "version": version,
            "definition": view.definition,
            "record": record,
        },
    )
    return version


def _same(tx: Tx, spec: RunSpec, found: TrainingOutcome) -> int | None:
    """The version that the candidate is already: it becomes no second one."""
    same = found.gate.same_as if found.gate else None
    if same is None or models.version(tx, spec.project, found.model, same) is None:
        return None
    return same


def _register(tx: Tx, spec: RunSpec, found: TrainingOutcome, views: dict[str, int]) -> int:
    newest = tx.one(
        "SELECT max(version) AS version FROM model_versions WHERE project = ? AND model = ?",
        [spec.project, found.model],
    )
    version = int((newest or {}).get("version") or 0) + 1
    data = msgspec.to_builtins(found)
    for part in ("views", "evaluation_batches"):
        data.pop(part, None)
    data |= {
        "project": spec.project,
        "version": version,
        "run_id": spec.run_id,
        "pins": found.pins or spec.pins,
        "feature_service": [_bound(entry, views) for entry in found.feature_service],
        "evaluation_batches": found.evaluation_batches,
    }
    tx.append("model.register", f"{spec.project}/{found.model}@{version}", data)
    return version


def _bound(entry: str, views: dict[str, int]) -> str:
    """`view:feature` with the version that its view has now; what names a version, or no view, stays."""
    view, colon, feature = entry.partition(":")
    return f"{view}@{views[view]}:{feature}" if colon and view in views else entry


def _judge(tx: Tx, spec: RunSpec, found: TrainingOutcome, version: int, gate: GateOutcome) -> None:
    """A verdict that repeats another one is no look, and has its id: what was said of that one holds."""
    model = found.model
    subject = f"{spec.project}/{model}@{version}"
    if gate.repeats is None:
        _look(tx, spec, found, subject, gate)
    why = "" if gate.same_as is None else f"the same as {model}@{version}: nothing new was trained"
    tx.append(
        "gate.verdict",
        subject,
        {
            "project": spec.project, "model": model, "version": version, "run_id": spec.run_id,
            "verdict_id": gate.repeats or spec.run_id, "verdict": gate.verdict, "gate": msgspec.to_builtins(gate),
        },
        why=why,
    )  # fmt: skip


def _look(tx: Tx, spec: RunSpec, found: TrainingOutcome, subject: str, gate: GateOutcome) -> None:
    tx.append(
        "gate.look",
        subject,
        {
            "project": spec.project,
            "model": found.model,
            "evaluation_key": gate.evaluation_key,
            "run_id": spec.run_id,
            "look": gate.look,
            "split_by": gate.split_by,
            "batches": found.evaluation_batches,
        },
    )


def _count_abandoned_look(tx: Tx, spec: RunSpec, folder: RunFolder) -> None:
    """A training that has shown how it does on the evaluation rows, and then failed or was stopped, has looked all the same.

    An evaluation that was taken from the cache was shown by the run that made it: where the ledger has a look at these very rows, it tells nothing new.
    """
    stages = {str(stage.get("name")): stage for stage in folder.stages(folder.latest())}
    shown = stages.get("evaluate", {}).get("state")
    facts = stages.get("collect", {}).get("facts") or {}
    key, batches = facts.get("evaluation_key"), list(facts.get("eval_batches") or [])
    split_by = str((facts.get("split") or {}).get("by") or "")
    if shown not in ("finished", "cached") or not isinstance(key, str) or spec.model is None:
        return
    past = models.looks(tx, spec.project, spec.model)
    if shown == "cached" and any(one.evaluation_key == key for one in past):
        return
    look = looks_before((one for one in past if one.run_id != spec.run_id), key, split_by, batches) + 1
    tx.append(
        "gate.look",
        f"{spec.project}/{spec.model}",
        {
            "project": spec.project, "model": spec.model, "evaluation_key": key, "run_id": spec.run_id, "look": look,
            "split_by": split_by, "batches": batches,
        },
        why="the run ended without a verdict",
    )  # fmt: skip


def _promote_by_policy(tx: Tx, spec: RunSpec, found: TrainingOutcome, version: int) -> None:
    """`auto_promote = "on_pass"`: only where shown to be better than the champion of this moment."""
    gate = found.gate
    assert gate is not None
    config = config_of(spec.project_dir)
    model = config.models.get(found.model) if config else None
    if model is None:
        return
    policies.record_policy(tx, spec.project, found.model, model.retrain)
    now = champion(tx, spec.project, found.model)
    judged = number_of(gate.champion)
    if model.retrain.auto_promote != "on_pass" or gate.verdict != "PASS" or not gate.better_than_champion:
        return
    if now is None or judged != now.version:
        return
    with policies.acting_as(tx, "policy"):
        tx.append(
            "alias.move",
            f"{spec.project}/{found.model}",
            {
                "project": spec.project, "model": found.model, "alias": "champion", "from": now.version, "to": version,
                "verdict_id": spec.run_id, "why": 'auto_promote = "on_pass": shown to be better than the champion',
            },
            why="policy auto_promote = on_pass",
        )  # fmt: skip


# --- the rest -------------------------------------------------------------------------------------------------


def _drift(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    if outcome.drift is not None:
        triggers.after_drift(tx, spec, outcome.drift)


def _score(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    if outcome.score is not None:
        data = msgspec.to_builtins(outcome.score)
        tx.append("prediction.record", spec.run_id, {**data, "run_id": spec.run_id, "project": spec.project})


def _inspect(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    """What a project's code declares: known definitions keep their version."""
    for view in outcome.inspect.views if outcome.inspect else []:
        _define(tx, spec.project, view)


def _evaluate(tx: Tx, spec: RunSpec, outcome: Outcome) -> None:
    """An evaluation shows how a model does on these rows: the ledger counts it as a look, and the next gate on them is stricter."""
    found = outcome.evaluation
    if found is None:
        return
    past = models.looks(tx, spec.project, found.model, but=spec.run_id)
    before = looks_before(past, found.evaluation_key, found.split_by, found.evaluation_batches)
    tx.append(
        "gate.look",
        f"{spec.project}/{found.model}@{found.version}",
        {
            "project": spec.project, "model": found.model, "evaluation_key": found.evaluation_key, "run_id": spec.run_id,
            "look": before + 1, "split_by": found.split_by, "batches": found.evaluation_batches,
        },
    )  # fmt: skip


_HANDLERS: dict[str, Handler] = {
    "ingest": _ingest, "train": _train, "drift": _drift, "score": _score, "inspect": _inspect, "evaluate": _evaluate,
}  # fmt: skip
