"""What a training run is asked to do: the model's table with `--set` over it, checked."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_tui.project.spaces import OF_SEARCH
from mlops_tui.project.values import parse_duration
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.training import families
from mlops_tui.worker.training.families import Family, Job, Params
from mlops_tui.worker.training.folds import window_ms
from mlops_tui.worker.training.tuning import USER


class Settings(msgspec.Struct, kw_only=True):
    """`fixed` parameters hold in every trial; a list of values among them is searched. `timeout` is seconds."""

    families: list[str]
    windows: list[str]
    trials: int
    timeout: float
    folds: int
    seed: int
    fixed: dict[str, Any]


def read(worker: WorkerContext) -> Settings:
    """Raises Problem (status 2) for a value that makes no sense."""
    model, given = worker.model, dict(worker.params)
    search = model.search
    windows = [str(given["window"])] if "window" in given else list(model.window)
    for window in windows:
        window_ms(window)
    names = [str(given["family"])] if "family" in given else list(search.families)
    seed = _whole(given.get("seed", search.seed or model.seed), "seed", 0)
    return Settings(
        families=names,
        windows=windows,
        trials=_whole(given.get("trials", search.trials), "trials", 1),
        timeout=_seconds(given["timeout"]) if "timeout" in given else search.timeout / 1000,
        folds=search.cv_folds,
        seed=seed,
        fixed={**model.params, **{key: value for key, value in given.items() if key not in OF_SEARCH}},
    )


def chosen(worker: WorkerContext, settings: Settings) -> list[Family]:
    """The families to search: the recipe's own estimator where it has one, else the built-in ones by name."""
    if worker.recipe.estimator is not None:
        return [user_family(worker)]
    return families.chosen(settings.families, worker.model.task)


def user_family(worker: WorkerContext) -> Family:
    """The recipe's `estimator(params)` as a family. Its errors name the user's file and line."""

    def build(params: Params, job: Job) -> Any:
        hook = worker.recipe.estimator
        made = (
            worker.recipe.call("making the estimator", hook, {**params, "seed": job.seed}) if hook else None
        )
        if not (hasattr(made, "fit") and hasattr(made, "predict")):
            raise Problem(
                "bad_recipe",
                f"estimator(params) returned {type(made).__name__}, which has no fit and predict",
                "return a scikit-learn estimator",
                status=2,
            )
        return made

    return Family(USER, (worker.model.task,), {}, lambda trial, prefix: {}, build)


def _whole(value: object, name: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Problem(
            "bad_parameter", f"{name} = {value!r} is not a whole number", f"--set {name}=10", status=2
        )
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if number < least:
        raise Problem(
            "bad_parameter",
            f"{name} = {value!r} is not a whole number from {least}",
            f"--set {name}={max(least, 10)}",
            status=2,
        )
    return number


def _seconds(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float) else parse_duration(value) / 1000
    except ValueError as error:
        raise Problem("bad_parameter", f"timeout: {error}", "--set timeout=60s", status=2) from error
