"""A search over parameters: many runs of one model, each with its own point of a space."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.ids import new_id
from mlops_store.index.directions import default_direction
from mlops_store.index.tx import Read, Tx
from mlops_store.redact import redact_params
from mlops_tui.project.load import load
from mlops_tui.project.parameters import check_parameters
from mlops_tui.services import project as projects
from mlops_tui.services.costs import takes
from mlops_tui.services.training import submit_training
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.run import RunSweep, Sweep

MOST = 200
"""Runs of one sweep."""
_HINT = "write lr=0.001..0.1:log, depth=3..8 or family=forest,linear"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; whole ones where both ends are. `log`: even in the logarithm."""

    low: float
    high: float
    whole: bool
    log: bool

    def draw(self, dice: random.Random) -> int | float:
        """One of them, uniform on its scale."""
        if self.whole and not self.log:
            return dice.randint(int(self.low), int(self.high))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        found = dice.uniform(low, high)
        found = min(max(math.exp(found) if self.log else found, self.low), self.high)
        return round(found) if self.whole else float(f"{found:.6g}")


Axis = Range | tuple[Any, ...]


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


def space_of(given: Mapping[str, str]) -> dict[str, Axis]:
    """Axes from their text: `0.001..0.1:log`, `3..8`, `forest,linear`. Raises Problem `bad_space`."""
    if not given:
        raise Problem("bad_space", "a sweep needs a space to search", _HINT, status=2)
    return {key: _axis(key, text) for key, text in given.items()}


def _axis(key: str, text: str) -> Axis:
    if ".." not in text:
        values = tuple(dict.fromkeys(_value(word.strip()) for word in text.split(",") if word.strip()))
        if not values:
            raise Problem("bad_space", f"{key}: no values", _HINT, status=2)
        return values
    ends, _, scale = text.partition(":")
    low_text, _, high_text = ends.partition("..")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError as error:
        raise Problem("bad_space", f"{key}: {ends[:80]!r} is no range of numbers", _HINT, status=2) from error
    if (
        scale not in ("", "log")
        or not (math.isfinite(low) and math.isfinite(high) and low < high)
        or (scale and low <= 0)
    ):
        raise Problem(
            "bad_space",
            f"{key}: {text[:80]!r} is no range: the lower end first, :log above 0 only",
            _HINT,
            status=2,
        )
    whole = all(word.strip().lstrip("+-").isdigit() for word in (low_text, high_text))
    return Range(low, high, whole, bool(scale))


def _value(word: str) -> Any:
    try:
        return msgspec.json.decode(word)
    except msgspec.DecodeError:
        return word


def chosen(space: Mapping[str, Axis], trials: int | None, seed: int) -> list[dict[str, Any]]:
    """The points: all of a grid of lists where `trials` does not ask for fewer, else drawn at random, repeatably by `seed`, each once.
    Raises Problem `bad_space`, `too_many_runs`."""
    lists = [axis for axis in space.values() if isinstance(axis, tuple)]
    size = math.prod(len(axis) for axis in lists)
    if len(lists) == len(space) and (trials is None or trials >= size):
        _check(size)
        return [dict(zip(space, point, strict=True)) for point in itertools.product(*lists)]
    if trials is None:
        raise Problem("bad_space", "a range has no end of points", "say how many runs: --trials 20", status=2)
    _check(trials)
    return _drawn(space, trials, random.Random(seed))


def _check(count: int) -> None:
    if count > MOST:
        raise Problem("too_many_runs", f"{count} runs at once", f"at most {MOST}: --trials {MOST}", status=2)


def _drawn(space: Mapping[str, Axis], trials: int, dice: random.Random) -> list[dict[str, Any]]:
    found: dict[bytes, dict[str, Any]] = {}
    for _ in range(100 * trials):  # a small space may hold fewer points than were asked for
        point = {
            key: axis.draw(dice) if isinstance(axis, Range) else dice.choice(axis)
            for key, axis in space.items()
        }
        found.setdefault(msgspec.json.encode(point), point)
        if len(found) == trials:
            break
    return list(found.values())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
