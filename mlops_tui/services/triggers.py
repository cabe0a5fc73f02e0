"""From facts to cards: firings are stored, attach to the model's one open card, open one, or wait."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.ids import new_id
from mlops_store.index import proposals
from mlops_store.index.tx import Read, Tx
from mlops_store.records import DriftOutcome, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.services import rules
from mlops_tui.services.approval import approve_card
from mlops_tui.services.configs import config_of, look
from mlops_tui.services.costs import cost
from mlops_tui.services.evidence import build
from mlops_tui.services.loop_facts import (
    champion,
    cool_until,
    current_versions,
    drift_outcomes,
    last_decision,
    loads,
    pending,
    reference,
    snapshots,
)
from mlops_tui.services.rules import Chunk, Facts, Firing
from mlops_tui.services.submit import submit

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig, ProjectConfig, RetrainConfig

LOG = logging.getLogger("mlops_tui.services")

_LASTING = ("schedule", "on_demand")
"""Firings that stay true however long they wait; those about data have to be true when the card opens."""


@contextmanager
def acting_as(tx: Tx, actor: str) -> Iterator[None]:
    """Entries inside are by `actor`: a policy, not whoever's command this is."""
    before, tx.actor = tx.actor, actor
    try:
        yield
    finally:
        tx.actor = before


# --- looking at new data ---------------------------------------------------------------------------------------


def after_run(tx: Tx, spec: RunSpec) -> None:
    """New data or a new champion: each model of the project whose newest data nobody has looked at gets a drift run."""
    seen = look(spec.project_dir) if spec.project_dir else None
    if seen is not None and seen.config is not None and seen.problem is None:
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
    for row in pending(tx, "drift", project, model):
        if row["state"] == "QUEUED":
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


# --- firings -----------------------------------------------------------------------------------------------------


def after_drift(tx: Tx, spec: RunSpec, found: DriftOutcome) -> None:
    """A look at new data has ended: the rules are asked, the card gets its evidence."""
    config = config_of(spec.project_dir)
    model = config.models.get(found.model) if config else None
    serving = reference(tx, spec.project, found.model)
    if model is None or serving is None or serving.version != found.champion_version:
        return  # the champion changed meanwhile: `ensure_drift` looks again beside the new one
    decision = last_decision(tx, spec.project, found.model, model.spine)
    if decision is not None and decision.version != found.since_version:
        return
    facts = Facts(
        new_rows=found.mature_labelled_rows,
        chunks=chunks_since(found, found.since_version),
        since=decision.time if decision else None,
    )
    raise_firings(tx, spec.project, model, rules.evaluate(model.retrain, facts), found)


def chunks_since(found: DriftOutcome, version: int) -> list[Chunk]:
    """The chunks that came after a decision: the worker tells for each the version that its batches came with."""
    chunks: list[Chunk] = []
    for chunk in found.chunks:
        if int(chunk.get("version", 0)) <= version:
            continue
        change = chunk.get("change") or None
        chunks.append(
            Chunk(
                label=str(chunk.get("label", "")),
                rows=int(chunk.get("rows", 0)),
                alarm=bool(chunk.get("alarm")),
                major=bool(chunk.get("major")),
                columns=tuple(chunk.get("columns", ())),
                cannot_tell=str(chunk.get("cannot_tell") or ""),
                change=(float(change["low"]), float(change["high"])) if change else None,
            )
        )
    return chunks


def raise_firings(
    tx: Tx,
    project: str,
    model: ModelConfig,
    firings: Sequence[Firing],
    found: DriftOutcome | None,
    *,
    asked: bool = False,
) -> str | None:
    """Stores firings and does with them what `rules.move` says. Returns the id of the card they are on, if any.

    Without firings an open card still gets newer evidence: a person decides on what is known now.
    """
    record_policy(tx, project, model.name, model.retrain)
    card = proposals.active(tx, project, model.name)
    if not firings:
        if card is not None and card["state"] in ("OPEN", "SNOOZED"):
            _refresh(tx, card, model, project, [], found)
        return card["id"] if card else None
    what = rules.move(
        card["state"] if card else None,
        now=tx.now,
        cool_until=cool_until(tx, project, model.name, model.retrain.cool_down),
        quiet=rules.is_quiet(model.retrain.quiet_hours, datetime.fromtimestamp(tx.now / 1000).time()),
        asked=asked,
    )
    if what == "wait":
        _store(tx, project, model.name, firings, None)
        return None
    if what == "attach":
        assert card is not None
        _store(tx, project, model.name, firings, card["id"])
        _refresh(tx, card, model, project, [firing.reason for firing in firings], found)
        return str(card["id"])
    return _open(tx, project, model, firings, found)


def _store(tx: Tx, project: str, model: str, firings: Sequence[Firing], card: str | None) -> None:
    for firing in firings:
        tx.append(
            "firing.add",
            f"{project}/{model}",
            {
                "firing_id": new_id("fire"), "project": project, "model": model, "rule": firing.rule, "kind": firing.kind,
                "inputs": {**firing.inputs, "reason": firing.reason}, "proposal_id": card,
            },
        )  # fmt: skip


def _open(
    tx: Tx,
    project: str,
    model: ModelConfig,
    firings: Sequence[Firing],
    found: DriftOutcome | None,
) -> str:
    card = new_id("prop")
    evidence = build(tx, project, model, found)
    waiting = _waiting(tx, project, model.name)
    # what the data said while it waited may be dealt with by now: what they say today is among the firings
    asked = [str(row["inputs"].get("reason", "")) for row in waiting if row["kind"] in _LASTING]
    reasons = _merged(asked, [firing.reason for firing in firings])
    tx.append(
        "proposal.open",
        card,
        {
            "id": card, "project": project, "model": model.name, "revision": 1, "reasons": reasons, "evidence": evidence,
            "pins": {source: entry["version"] for source, entry in snapshots(tx, project).items()},
            "expires": tx.now + model.retrain.expires, "waited": [row["firing_id"] for row in waiting],
        },
        why="; ".join(reasons),
    )  # fmt: skip
    _store(tx, project, model.name, [firing for firing in firings if firing.kind != "waited"], card)
    if model.retrain.auto_approve:
        _approve_by_policy(tx, card)
    return card


def _refresh(
    tx: Tx,
    card: dict[str, Any],
    model: ModelConfig,
    project: str,
    reasons: list[str],
    found: DriftOutcome | None,
) -> None:
    """Newer evidence makes a new revision; the same evidence and reasons make none."""
    before, old_reasons, old_pins = (
        loads(card["evidence"], {}),
        loads(card["reasons"], []),
        loads(card["pins"], {}),
    )
    evidence = (
        build(tx, project, model, found)
        if found is not None
        else {**before, "snapshots": snapshots(tx, project), "cost": cost(tx, project, model.name)}
    )
    merged = _merged(old_reasons, reasons)
    pins = {source: entry["version"] for source, entry in snapshots(tx, project).items()}
    if (merged, pins) == (old_reasons, old_pins) and _same_evidence(before, evidence):
        return
    tx.append(
        "proposal.update",
        card["id"],
        {
            "id": card["id"],
            "revision": card["revision"] + 1,
            "evidence": evidence,
            "reasons": merged,
            "pins": pins,
        },
    )


def _same_evidence(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Equal but for what a training would cost, which moves with every run. Compared as JSON, since one of them was."""
    plain = [
        msgspec.json.encode({k: v for k, v in part.items() if k != "cost"}, order="deterministic")
        for part in (a, b)
    ]
    return plain[0] == plain[1]


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """One reason for each kind (the word before the colon), the newest; in order of first appearance."""
    found: dict[str, str] = {}
    for reason in (*old, *new):
        found[reason.partition(":")[0]] = reason
    return [reason for reason in found.values() if reason]


# --- firings that waited --------------------------------------------------------------------------------------------


def waiting_reasons(db: Tx | Read, project: str, model: str) -> list[str]:
    """What waits for a card, for people: one reason for each kind."""
    return _merged([], [str(row["inputs"].get("reason", "")) for row in _waiting(db, project, model)])


def _waiting(tx: Tx | Read, project: str, model: str) -> list[dict[str, Any]]:
    """Firings that belong to no card, since the last card was opened or decided against."""
    found = tx.rows(
        "SELECT firing_id, rule, kind, inputs, time FROM firings WHERE project = ? AND model = ? AND proposal_id IS NULL AND seq > "
        "(SELECT coalesce(max(l.seq), 0) FROM ledger l WHERE l.verb = 'proposal.open' AND l.data->>'project' = ? AND l.data->>'model' = ?) "
        "ORDER BY seq",
        [project, model, project, model],
    )
    return [{**row, "inputs": loads(row["inputs"], {})} for row in found]


def release_waiting(tx: Tx, project: str, model: ModelConfig) -> str | None:
    """Opens one card for all firings that waited, once nothing keeps them. Returns its id.

    What waited is no longer true where a decision has dealt with it meanwhile: the newest look at the data tells.
    """
    waiting = _waiting(tx, project, model.name)
    if not waiting or proposals.active(tx, project, model.name) is not None:
        return None
    still = [row for row in waiting if row["kind"] in _LASTING]
    found = _newest_look(tx, project, model)
    if found is not None:
        decision = last_decision(tx, project, model.name, model.spine)
        facts = Facts(
            new_rows=found.mature_labelled_rows,
            chunks=chunks_since(found, found.since_version),
            since=decision.time if decision else None,
        )
        true_now = {firing.kind for firing in rules.evaluate(model.retrain, facts)}
        still += [row for row in waiting if row["kind"] in true_now]
    if not still:
        return None
    what = rules.move(
        None,
        now=tx.now,
        cool_until=cool_until(tx, project, model.name, model.retrain.cool_down),
        quiet=rules.is_quiet(model.retrain.quiet_hours, datetime.fromtimestamp(tx.now / 1000).time()),
        asked=any(row["kind"] == "on_demand" for row in still),
    )
    if what != "open":
        return None
    firings = [
        Firing(
            rule=row["rule"], kind="waited", reason=str(row["inputs"].get("reason", "")), inputs=row["inputs"]
        )
        for row in still
    ]
    return _open(tx, project, model, firings, found)


def _newest_look(tx: Tx, project: str, model: ModelConfig) -> DriftOutcome | None:
    """The newest drift outcome, if it is about the champion, the data and the decision of this moment."""
    serving = reference(tx, project, model.name)
    if serving is None:
        return None
    decision = last_decision(tx, project, model.name, model.spine)
    looks = drift_outcomes(tx, project, model.name, serving.version)
    if decision is not None:
        looks = [look for look in looks if look.since_version == decision.version]
    return looks[-1] if looks else None


# --- schedule, on demand, expiry ---------------------------------------------------------------------------------------


def on_schedule(tx: Tx, project: str, model: ModelConfig) -> str | None:
    """Fires where the model's schedule came round since it last did, or since it was first seen. Only for models that serve."""
    cron = model.retrain.schedule
    since = _schedule_since(tx, project, model.name, cron)
    serving = champion(tx, project, model.name)
    if cron is None or serving is None:
        return None
    row = tx.one(
        "SELECT max(time) AS at FROM firings WHERE project = ? AND model = ? AND kind = 'schedule'",
        [project, model.name],
    )
    first = tx.one(
        "SELECT min(time) AS at FROM alias_moves WHERE project = ? AND model = ? AND alias = 'champion'",
        [project, model.name],
    )
    began = (row or {}).get("at") or (first or {}).get("at") or serving.moved
    anchor = max(began, since)
    local = datetime.fromtimestamp(anchor / 1000).astimezone()
    firing = rules.scheduled(cron, local, datetime.fromtimestamp(tx.now / 1000).astimezone())
    return raise_firings(tx, project, model, [firing], _newest_look(tx, project, model)) if firing else None


def _schedule_since(tx: Tx, project: str, model: str, cron: str | None) -> int:
    """Since when mlops.toml has this schedule: what came round before it was there was never missed. A change goes to the ledger."""
    known = tx.one(
        "SELECT time, data->>'schedule' AS schedule FROM ledger WHERE verb = 'schedule.set' AND data->>'project' = ? "
        "AND data->>'model' = ? ORDER BY seq DESC LIMIT 1",
        [project, model],
    )
    if known is not None and known["schedule"] == cron:
        return int(known["time"])
    if known is not None or cron is not None:
        tx.append(
            "schedule.set",
            f"{project}/{model}",
            {"project": project, "model": model, "schedule": cron},
            why="as mlops.toml says",
        )
    return tx.now


def on_demand(tx: Tx, project: str, model: ModelConfig, reason: str) -> str:
    """Opens a card, or attaches to the open one; while the training of a card is under way, waits for its end. Returns the
    card: the one that it is on, or waits for."""
    card = proposals.active(tx, project, model.name)
    firing = rules.on_demand(tx.actor, reason)
    found = raise_firings(tx, project, model, [firing], _newest_look(tx, project, model), asked=True)
    if found is None:
        assert card is not None  # whoever asks waits for a training only
        return str(card["id"])
    return found


# --- policies ----------------------------------------------------------------------------------------------------------------


def record_policy(tx: Tx, project: str, model: str, retrain: RetrainConfig) -> None:
    """Puts the policies of mlops.toml into the ledger where they are others than what it has (off is the default)."""
    row = proposals.policy(tx, project, model)
    known = (bool(row["auto_approve"]), row["auto_promote"] or "never") if row else (False, "never")
    if known != (retrain.auto_approve, retrain.auto_promote):
        tx.append(
            "policy.set",
            f"{project}/{model}",
            {
                "project": project,
                "model": model,
                "auto_approve": retrain.auto_approve,
                "auto_promote": retrain.auto_promote,
            },
            why="as mlops.toml says",
        )


def _approve_by_policy(tx: Tx, card: str) -> None:
    with acting_as(tx, "policy"):
        row = proposals.find(tx, card)
        assert row is not None
        try:
            approve_card(tx, row, None, "policy auto_approve")
        except Problem as problem:
            # nothing was written yet: the card stays open for a person, who will be told the same
            LOG.warning("card %s cannot be approved by policy: %s", card, problem)
