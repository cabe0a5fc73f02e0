"""Stage `search`: which family, parameters and training window; leaderboard.json.

Ranks by cross-validation inside the training rows. Evaluation rows are never read here.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import numpy as np

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.objects import Objects
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.statistics import metrics
from mlops_tui.worker.training import encoding, families, labels, rows, settings, tuning
from mlops_tui.worker.training.folds import Fold, group_folds, time_folds
from mlops_tui.worker.training.leakage import version_of
from mlops_tui.worker.training.rows import Table
from mlops_tui.worker.training.settings import Settings

INPUTS = ("features",)


def inputs(worker: WorkerContext) -> dict[str, Any]:
    """What else the board depends on."""
    hook = worker.recipe.estimator is not None
    return {
        "settings": settings.read(worker),
        "champion's parameters": start(worker),
        "metric": worker.model.metric,
        "task": worker.model.task,
        "estimator code": worker.recipe.code_hash if hook else "",
        "packages": worker.recipe.packages if hook else {},
        "python": platform.python_version(),
        "scikit-learn": version("scikit-learn"),  # without importing it: a cache hit needs no estimator
    }


def run(ctx: StageContext) -> None:
    """Writes leaderboard.json; facts `family`, `params`, `window`. Raises Problem where nothing can be fitted."""
    asked = settings.read(ctx.worker)
    table = rows.read(ctx, "train")
    known = labels.fit(table.target.alias(ctx.model.target), ctx.model.task)
    chosen = settings.chosen(ctx.worker, asked)
    tuning.only_known(asked.fixed, chosen)
    built = encoding.build(table.frame, table.columns)
    searched = tuning.Rows(
        matrix=built.encode(table.frame),
        target=known.encode(table.target)[0],
        clusters=table.clusters,
        times=table.times,
        folds=folds(ctx, table, asked),
    )
    setup = tuning.Setup(
        task=ctx.model.task,
        metric=metrics.get(ctx.model.metric, ctx.model.task),
        classes=known.count,
        encoding=built,
        families=chosen,
        windows=asked.windows,
        trials=_trials(asked, chosen),
        timeout=asked.timeout,
        seed=asked.seed,
        fixed=asked.fixed,
        start=start(ctx.worker),
        log=ctx.log,
        point=ctx.metric,
    )
    ctx.log(f"{table.frame.height} training rows, {len(table.columns)} features, {len(searched.folds)} folds")
    board = tuning.search(searched, setup)
    best = board.best()
    write_json(ctx.out / "leaderboard.json", board)
    ctx.artifact("leaderboard.json")
    ctx.facts.update(family=best.family, params=best.params, window=best.window, score=best.score)
    for key, value in {"family": best.family, "window": best.window, **best.params}.items():
        ctx.param(f"best.{key}", value)
    ctx.log(f"best: {best.family}, window {best.window}, {board.metric} {best.score:.4f} in cross-validation")


def start(worker: WorkerContext) -> tuning.Start | None:
    """Family, parameters and window of the champion; None where there is none, or its record cannot be read."""
    champion = worker.launch.champion
    if champion is None:
        return None
    try:
        version = version_of(Objects(worker.home), champion.tree)
    except Problem as problem:
        worker.log(f"the champion's parameters cannot be read: {problem}")
        return None
    return tuning.Start(family=version.family, params=version.params, window=version.window)


def folds(ctx: StageContext, table: Table, asked: Settings) -> list[Fold]:
    """Expanding folds in time where rows have times that divide them, else folds by key."""
    made: list[Fold] = []
    if table.times is not None:
        made = time_folds(table.times, ctx.worker.spine.label_delay, asked.folds)
    if not made:
        made = group_folds(table.groups, asked.folds)
    if not made:
        raise Problem(
            "too_few_rows",
            f"{table.frame.height} training rows cannot be divided into folds",
            "more data is needed",
        )
    return [Fold(np.asarray(f.train), np.asarray(f.valid), f.end) for f in made]


def _trials(asked: Settings, chosen: list[families.Family]) -> int:
    """A recipe's own estimator without a list of values has nothing to search: one trial."""
    searched = any(isinstance(value, list) for value in asked.fixed.values()) or len(asked.windows) > 1
    return asked.trials if searched or chosen[0].name != tuning.USER else 1
