"""A search over parameters: many runs of one model, each with its own point of a space."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.ids import new_id
from mlops_store.index.directions import default_direction
from mlops_store.index.tx import Read, Tx
from mlops_store.redact import redact_params
from mlops_tui.project.load import load
from mlops_tui.project.parameters import check_parameters
from mlops_tui.project.sweeps import chosen, space_of
from mlops_tui.services import project as projects
from mlops_tui.services.costs import takes
from mlops_tui.services.training import submit_training
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.run import RunSweep, Sweep


def sweep(tx: Tx, request: RunSweep) -> Sweep:
    """Queues the runs. Raises Problem; then none of them."""
    row = projects.require(tx, request)
    model = load(row.dir).model_named(request.model)
    points = chosen(space_of(request.space), request.trials, request.seed)
    name = request.name or new_id("sweep")
    found = [
        submit_training(
            tx, project=row.name, model=request.model, params={**request.params, **point}, pins={}, client=request.client,
            name=f"{name}-{number}", experiment=request.experiment or "", tags={**request.tags, "sweep": name},
            why=request.reason,
        ).run_id
        for number, point in enumerate(points, 1)
    ]  # fmt: skip
    direction = default_direction(model.metric) if model.command else model.direction
    return Sweep(sweep=name, metric=model.metric, direction=direction if model.metric else "", runs=found, points=points)  # fmt: skip


def plan_sweep(read: Read, request: RunSweep) -> Plan:
    """What it would queue."""
    row = projects.require(read, request)
    model = load(row.dir).model_named(request.model)
    points = chosen(space_of(request.space), request.trials, request.seed)
    for point in points:
        check_parameters(model, row.dir, {**request.params, **point})
    shown = [", ".join(f"{key} = {_text(value)}" for key, value in point.items()) for point in points]
    steps = [
        f"queue {len(points)} trainings of {model.name}, which run one after the other as the queue allows",
        *shown[:12],
    ]
    if len(shown) > 12:
        steps.append(f"and {len(shown) - 12} more")
    fixed = ", ".join(f"{key} = {_text(value)}" for key, value in redact_params(request.params).items())
    if fixed:
        steps.append(f"all of them with {fixed}")
    steps.append(f"all of them: {takes(read, row.name, model.name, runs=len(points))}")
    return Plan(
        title=f"Search over {', '.join(request.space)} with {model.name}",
        steps=steps,
        undo="mlops-tui run stop RUN",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
