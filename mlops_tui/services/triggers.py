"""What makes rules fire: a look at new data that has ended, time that has passed, someone who asks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_store.index import proposals
from mlops_store.index.tx import Tx
from mlops_store.records import DriftOutcome, RunSpec
from mlops_tui.services import rules
from mlops_tui.services.card_firings import LASTING, move_of, open_card, raise_firings, waiting_firings
from mlops_tui.services.configs import config_of
from mlops_tui.services.loop_facts import Decision, champion, drift_outcomes, last_decision, reference
from mlops_tui.services.rules import Chunk, Facts, Firing

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig


# --- looks at new data -------------------------------------------------------------------------------------------


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
    raise_firings(tx, spec.project, model, _about_data(model, found, decision), found)


def _about_data(model: ModelConfig, found: DriftOutcome, decision: Decision | None) -> list[Firing]:
    """What the rules say of a look at the data."""
    facts = Facts(
        new_rows=found.mature_labelled_rows,
        chunks=_chunks_since(found),
        since=decision.time if decision else None,
    )
    return rules.evaluate(model.retrain, facts)


def _chunks_since(found: DriftOutcome) -> list[Chunk]:
    """The chunks that came after the last decision: the worker tells for each the version that its batches came with."""
    chunks: list[Chunk] = []
    for chunk in found.chunks:
        if int(chunk.get("version", 0)) <= found.since_version:
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


# --- schedule, firings that waited, on demand ----------------------------------------------------------------------


def release_waiting(tx: Tx, project: str, model: ModelConfig) -> str | None:
    """Opens one card for all firings that waited, once nothing keeps them. Returns its id.

    What waited is no longer true where a decision has dealt with it meanwhile: the newest look at the data tells.
    """
    waiting = waiting_firings(tx, project, model.name)
    if not waiting or proposals.active(tx, project, model.name) is not None:
        return None
    still = [row for row in waiting if row["kind"] in LASTING]
    found = _newest_look(tx, project, model)
    if found is not None:
        decision = last_decision(tx, project, model.name, model.spine)
        true_now = {firing.kind for firing in _about_data(model, found, decision)}
        still += [row for row in waiting if row["kind"] in true_now]
    if not still:
        return None
    asked = any(row["kind"] == "on_demand" for row in still)
    if move_of(tx, project, model, None, asked=asked) != "open":
        return None
    firings = [
        Firing(
            rule=row["rule"], kind="waited", reason=str(row["inputs"].get("reason", "")), inputs=row["inputs"]
        )
        for row in still
    ]
    return open_card(tx, project, model, firings, found)


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
