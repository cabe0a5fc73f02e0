"""Stage `evaluate`: candidate, naive baseline and champion on the same evaluation rows.

Writes predictions.parquet, evaluation.json and the data of charts; the verdict is the next stage's.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlops_store.atomic import read_json, write_json
from mlops_store.errors import Problem
from mlops_store.records import VersionPin
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.production.version_child import score_version
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training import (
    curve_files,
    encoding,
    evaluation,
    families,
    modelfile,
    rows,
    slices,
)
from mlops_tui.worker.training.evaluation import Judged
from mlops_tui.worker.training.labels import Floats, Labels
from mlops_tui.worker.training.rows import ROW, TARGET, Table

INPUTS = ("features", "train")
CODE = ("mlops_tui.worker.production.scoring",)

SIDES = ("candidate", "naive", "champion")
SLICE = "slice:"


def inputs(worker: WorkerContext) -> dict[str, Any]:
    champion = worker.launch.champion
    hook = worker.recipe.evaluate is not None
    # the champion may look features up where the candidate does not
    read = {name: pin.snapshot for name, pin in worker.launch.sources.items()} if champion else {}
    return {
        "champion": champion.tree if champion else "",
        "data of the champion": read,
        "slices": worker.model.slices,
        "metric": worker.model.metric,
        "task": worker.model.task,
        "evaluate code": worker.recipe.code_hash if hook else "",
        "packages": worker.recipe.packages if hook else {},
    }


def run(ctx: StageContext) -> None:
    """Facts: `metrics` of the candidate, `slices` (names, in the order of the mask columns)."""
    table = rows.read(ctx, "eval")
    known = read_json(ctx.path("train", "labels.json"), Labels)
    y, unseen = known.encode(table.target)
    if unseen:
        ctx.log(f"{len(unseen)} labels of the evaluation rows are new: no model can predict them")
    classes = known.count + len(unseen)
    predictions = {
        "candidate": candidate(ctx, table, known),
        "naive": naive(ctx.fact("train", "naive"), len(y), known.task),
    }
    champion = ctx.worker.launch.champion
    if champion is not None:
        predictions["champion"] = champion_predictions(ctx, champion, table, known)
    judged = Judged(
        task=known.task,
        y=y,
        clusters=table.clusters,
        predictions={who: evaluation.widened(p, classes) for who, p in predictions.items()},
        slices=slices.masks(table.frame, ctx.model.slices),
        seed=ctx.model.seed,
    )
    _write_predictions(ctx, table, judged)
    found = _measure(ctx, judged, table)
    names = [*(str(label) for label in known.classes), *(str(label) for label in unseen)]
    (ctx.out / "curves").mkdir()
    curve_names = curve_files.write(judged, ctx.out / "curves", names)
    # only now, as the last thing that is done: what is shown on evaluation rows counts as a look from the end of this stage
    _show(ctx, found, curve_names)
    ctx.facts.update(metrics=found["metrics"]["candidate"], slices=list(judged.slices), rows=len(y))


def candidate(ctx: StageContext, table: Table, known: Labels) -> Floats:
    """The candidate predicts from its file, not from memory: what is judged is what is registered."""
    model = modelfile.load(ctx.path("train", "model.skops"), ctx.fact("train", "modules"))
    built = encoding.load(ctx.path("train", "encoding.json").read_bytes())
    return families.predict(model, built.encode(table.frame), known.task, known.count)


def naive(learned: list[float], count: int, task: str) -> Floats:
    """Predictions of the naive baseline: class shares, or a constant."""
    if task == "multiclass":
        return np.tile(np.array(learned, dtype=np.float64), (count, 1))
    return np.full(count, learned[1] if task == "classification" else learned[0])


def champion_predictions(ctx: StageContext, pin: VersionPin, table: Table, known: Labels) -> Floats:
    """The champion's predictions on the same rows, in the candidate's class order. Raises Problem."""
    ctx.log(f"the champion, version {pin.version}, predicts the same {table.frame.height} rows")
    out = ctx.out / "champion.parquet"
    spine = raw_rows(ctx, table)
    report = score_version(ctx.worker.home, pin, spine, ctx.worker.launch.sources, out)
    found = pl.read_parquet(out, glob=False)
    out.unlink()
    spine.unlink()
    joined = table.frame.select(ROW).join(found, on=ROW, how="left", maintain_order="left")
    missing = joined.height - table.frame.select(ROW).join(found, on=ROW, how="semi").height
    if missing:
        raise Problem("champion_rows", f"the champion left {missing} of {joined.height} evaluation rows without a prediction",
                      "its prepare() must keep every row")  # fmt: skip
    return in_class_order(joined, report.probabilities, report.classes, report.task, known)


def raw_rows(ctx: StageContext, table: Table) -> Path:
    """The evaluation rows as they were delivered, with `__row`: each version prepares them by its own code."""
    path = ctx.out / "eval_spine.parquet"
    delivered = pl.read_parquet(ctx.path("collect", "spine.parquet"), glob=False).with_row_index(ROW)
    own = [name for name in delivered.columns if not name.startswith("__")]
    chosen = delivered.select(pl.col(ROW).cast(pl.Int64), *own).join(
        table.frame.select(ROW), on=ROW, how="semi", maintain_order="left"
    )
    chosen.write_parquet(path)
    return path


def in_class_order(
    found: pl.DataFrame, columns: list[str], classes: list[Any], task: str, known: Labels
) -> Floats:
    """Predictions of another version as arrays that compare with ours. Raises Problem where tasks differ."""
    if task != known.task:
        raise Problem("other_task", f"the champion does {task}, the candidate {known.task}: they cannot be compared",
                      "give the new task a model of its own", status=2)  # fmt: skip
    if task == "regression":
        return found.get_column("prediction").to_numpy().astype(np.float64)
    ours, theirs = [str(label) for label in known.classes], [str(label) for label in classes]
    if task == "classification":
        if ours != theirs:
            raise Problem("other_labels", f"the champion predicts {theirs}, the candidate {ours}: they cannot be compared",
                          "give the new target a model of its own", status=2)  # fmt: skip
        return found.get_column(columns[0]).to_numpy().astype(np.float64)
    full = np.zeros((found.height, known.count))
    for column, label in zip(columns, theirs, strict=True):
        if label in ours:
            full[:, ours.index(label)] = found.get_column(column).to_numpy()
    return full


def _measure(ctx: StageContext, judged: Judged, table: Table) -> dict[str, Any]:
    """evaluation.json: {task, metric, metrics: {side: {metric: …}}, slices, difference, user}."""
    metric = ctx.model.metric
    sides = {who: evaluation.metric_values(judged, who) for who in judged.predictions}
    found: dict[str, Any] = {"task": judged.task, "metric": metric, "rows": len(judged.y), "metrics": sides}
    found["slices"] = evaluation.slice_values(judged, metric)
    if "champion" in judged.predictions:
        found["difference"] = evaluation.compare(judged, metric)
    for name, value in user_metrics(ctx, judged, table).items():
        if name in sides["candidate"]:
            raise Problem(
                "bad_recipe",
                f"evaluate() returns {name!r}, which is a metric of ours",
                "give it another name",
                status=2,
            )
        sides["candidate"][name] = {"value": value, "low": None, "high": None, "rows": len(judged.y)}
    write_json(ctx.out / "evaluation.json", found)
    return found


def _show(ctx: StageContext, found: dict[str, Any], curves: list[str]) -> None:
    """Metrics and files of the evaluation become those of the run."""
    sides, metric = found["metrics"], found["metric"]
    ctx.artifact("predictions.parquet", "evaluation/predictions.parquet")
    ctx.artifact("evaluation.json", "evaluation/evaluation.json")
    for name in curves:
        ctx.artifact(f"curves/{name}", f"evaluation/{name}")
    for name, entry in sides["candidate"].items():
        ctx.metric(name, math.nan if entry["value"] is None else entry["value"])
    for who in ("naive", "champion"):
        if who in sides and sides[who][metric]["value"] is not None:
            ctx.metric(f"{who}/{metric}", sides[who][metric]["value"])
    one = sides["candidate"][metric]
    if one["value"] is not None:
        ctx.log(f"{metric} {one['value']:.4f} on {one['rows']} rows in {one['clusters']} clusters")


def user_metrics(ctx: StageContext, judged: Judged, table: Table) -> dict[str, float]:
    """What the recipe's `evaluate(frame, predictions)` adds. Raises Problem where it returns something else."""
    recipe = ctx.worker.recipe
    if recipe.evaluate is None:
        return {}
    own = [name for name in table.frame.columns if not name.startswith("__")]
    frame = table.frame.select(
        [*own, pl.col(TARGET).alias(ctx.model.target)] if ctx.model.target not in own else own
    )
    result = recipe.call("evaluating", recipe.evaluate, frame, judged.predictions["candidate"])
    if not isinstance(result, dict):
        raise Problem(
            "bad_recipe", f"evaluate() returned {type(result).__name__}", "return {name: number}", status=2
        )
    numbers = {}
    for name, value in result.items():
        if (
            not isinstance(name, str)
            or isinstance(value, bool)
            or not isinstance(value, int | float | np.number)
        ):
            raise Problem(
                "bad_recipe", f"evaluate() returned {name!r}: {value!r}", "return {name: number}", status=2
            )
        numbers[name] = float(value)
    return numbers


def _write_predictions(ctx: StageContext, table: Table, judged: Judged) -> None:
    """predictions.parquet: __row, y, cluster, one column per side (per class: side:k), one mask per slice."""
    columns = [table.frame.get_column(ROW), pl.Series("y", judged.y), pl.Series("cluster", judged.clusters)]
    for who, predicted in judged.predictions.items():
        if predicted.ndim == 1:
            columns.append(pl.Series(who, predicted))
        else:
            columns += [pl.Series(f"{who}:{k}", predicted[:, k]) for k in range(predicted.shape[1])]
    columns += [pl.Series(f"{SLICE}{i}", mask) for i, mask in enumerate(judged.slices.values())]
    pl.DataFrame(columns).write_parquet(ctx.out / "predictions.parquet")


def read_judged(path: str, task: str, slice_names: list[str], seed: int) -> Judged:
    """The rows back from predictions.parquet."""
    frame = pl.read_parquet(path, glob=False)
    predictions: dict[str, Floats] = {}
    for who in SIDES:
        if who in frame.columns:
            predictions[who] = frame.get_column(who).to_numpy()
        elif f"{who}:0" in frame.columns:
            width = sum(name.startswith(f"{who}:") for name in frame.columns)
            predictions[who] = frame.select([f"{who}:{k}" for k in range(width)]).to_numpy()
    masks = {name: frame.get_column(f"{SLICE}{i}").to_numpy() for i, name in enumerate(slice_names)}
    return Judged(task=task, y=frame.get_column("y").to_numpy(), clusters=frame.get_column("cluster").to_numpy(),
                  predictions=predictions, slices=masks, seed=seed)  # fmt: skip
