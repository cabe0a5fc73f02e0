"""Stage `train`: the winner, fitted on all training rows of its window.

Writes model.skops, encoding.json, labels.json, sample.parquet, importance.json, training.json and the reference
profile of features and label (reference.json).
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import polars as pl

from mlops_store.atomic import write_atomic, write_json
from mlops_store.errors import Problem
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.statistics import metrics
from mlops_tui.worker.statistics.bins import build_profile
from mlops_tui.worker.training import (
    encoding,
    families,
    importance,
    labels,
    modelfile,
    rows,
    settings,
    tuning,
    version_files,
)
from mlops_tui.worker.training.encoding import Matrix
from mlops_tui.worker.training.folds import in_window
from mlops_tui.worker.training.labels import Floats, Labels
from mlops_tui.worker.training.rows import BATCH, Table
from mlops_tui.worker.training.search import inputs as search_inputs
from mlops_tui.worker.training.version_files import VersionProfile

INPUTS = ("features", "search")

DAY_MS = 86_400_000


def inputs(worker: WorkerContext) -> dict[str, Any]:
    return search_inputs(worker)


def run(ctx: StageContext) -> None:
    """Facts: `modules`, `rows`, `batches`, `min_event_time`, `max_event_time`, `naive` (what predicts without features)."""
    asked = settings.read(ctx.worker)
    whole = rows.read(ctx, "train")
    family, params, window = (ctx.fact("search", name) for name in ("family", "params", "window"))
    table = windowed(whole, window)
    known = labels.fit(table.target.alias(ctx.model.target), ctx.model.task)
    y, _ = known.encode(table.target)
    built = encoding.build(table.frame, table.columns)
    matrix = built.encode(table.frame)
    setup = tuning.Setup(
        task=ctx.model.task,
        metric=metrics.get(ctx.model.metric, ctx.model.task),
        classes=known.count,
        encoding=built,
        families=[],
        seed=asked.seed,
    )
    chosen = next((f for f in settings.chosen(ctx.worker, asked) if f.name == family), None)
    if chosen is None:
        raise Problem(
            "unknown_family", f"the search chose {family}, which is no longer there", "start the run again"
        )
    with tuning.quiet():
        model = tuning.fit(chosen, params, matrix, y, setup)
    ctx.log(f"fitted {family} on {len(y)} rows (window {window}) and {len(table.columns)} features")
    predicted = families.predict(model, matrix, ctx.model.task, known.count)
    if not np.isfinite(predicted).all():
        raise Problem(
            "bad_prediction",
            "the fitted model predicts NaN or infinite values on its own training rows",
            "correct the estimator",
        )
    _write_model(ctx, model, built, known, matrix, predicted)
    _write_importance(ctx, model, built, setup, matrix, y, known)
    _write_reference(ctx, table, known, y)
    ctx.facts.update(_naive(ctx.model.task, ctx.model.metric, y, known), **_manifest(table))


def windowed(table: Table, window: str) -> Table:
    """The rows of the last `window` before the newest training row, that row included."""
    everything = np.arange(table.frame.height)
    end = int(table.times.max()) if table.times is not None else None
    return table.take(in_window(table.times, everything, end, window)) if end is not None else table


def _write_model(
    ctx: StageContext, model: Any, built: encoding.Encoding, known: Labels, matrix: Matrix, predicted: Floats
) -> None:
    path = ctx.out / "model.skops"
    ctx.facts["modules"] = modelfile.save(model, path)
    write_atomic(ctx.out / "encoding.json", encoding.dump(built))
    write_json(ctx.out / "labels.json", known)
    version_files.write_sample(ctx.out / "sample.parquet", built.names, matrix, predicted)
    for name in ("model.skops", "encoding.json"):
        ctx.artifact(name, f"model/{name}")
    ctx.log(f"model.skops has {path.stat().st_size / 1e6:.1f} MB")


def _write_importance(
    ctx: StageContext,
    model: Any,
    built: encoding.Encoding,
    setup: tuning.Setup,
    matrix: Matrix,
    y: Floats,
    known: Labels,
) -> None:
    def predict(x: Matrix) -> Floats:
        return families.predict(model, x, setup.task, known.count)

    found = importance.permutation(predict, matrix, y, built.names, setup.metric, setup.seed)
    board = {
        "metric": setup.metric.name,
        "of": f"permutation, at most {importance.ROWS} training rows",
        "features": found,
    }
    write_json(ctx.out / "importance.json", board)
    ctx.artifact("importance.json")


def _write_reference(ctx: StageContext, table: Table, known: Labels, y: Floats) -> None:
    days = None if table.times is None else table.times // DAY_MS
    batches = table.frame.get_column(BATCH)
    label = pl.DataFrame(
        {"label": y if known.task == "regression" else known.decode(y.astype(np.int64)).cast(pl.String)}
    )
    reference = VersionProfile(
        features=build_profile(table.frame.select(table.columns), batches=batches, days=days),
        label=build_profile(label, batches=batches, days=days),
    )
    write_atomic(ctx.out / "reference.json", msgspec.json.encode(reference))


def _manifest(table: Table) -> dict[str, Any]:
    times = table.times
    return {
        "rows": table.frame.height,
        "batches": sorted(table.frame.get_column(BATCH).unique().drop_nulls().to_list()),
        "min_event_time": None if times is None else int(times.min()),
        "max_event_time": None if times is None else int(times.max()),
    }


def _naive(task: str, metric: str, y: Floats, known: Labels) -> dict[str, Any]:
    """The naive baseline needs no file: class shares, or the mean (median for absolute errors) of training."""
    if task == "regression":
        value = np.median(y) if metric in ("mae", "median_ae") else np.mean(y)
        return {"naive": [float(value)]}
    shares = np.bincount(y.astype(np.int64), minlength=known.count) / len(y)
    return {"naive": [float(share) for share in shares]}
