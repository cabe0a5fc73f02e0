"""The data behind the charts of an evaluation, as small Parquet files with one line of rows per side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from mlops_tui.worker.statistics import curves
from mlops_tui.worker.training.evaluation import Judged
from mlops_tui.worker.training.labels import Floats

MAX_CLASSES = 20
"""Classes whose one-against-rest curves are kept; the confusion matrix has all of them."""

Curve = Callable[[Floats, Floats], pl.DataFrame]


def write(judged: Judged, folder: Path, classes: list[str]) -> list[str]:
    """Writes the files of the task into `folder`; returns their names. Column `model` is the side.

    classification: roc, pr, calibration, confusion · multiclass: the same, the first three with a column `class`
    (one against the rest) · regression: residuals, residual_quantiles, residuals_by_prediction. Class numbers are given as their labels.
    """
    sides = [who for who in ("candidate", "champion") if who in judged.predictions]
    made: dict[str, list[pl.DataFrame]] = {}
    both = [judged.predictions[who] for who in sides]
    within = curves.residual_range(judged.y, both) if judged.task == "regression" else None
    for who in sides:
        for name, frame in _frames(judged, who, classes, within).items():
            made.setdefault(name, []).append(frame.select(pl.lit(who).alias("model"), pl.all()))
    for name, frames in made.items():
        pl.concat(frames, how="vertical_relaxed").write_parquet(folder / f"{name}.parquet")
    return [f"{name}.parquet" for name in made]


def _frames(
    judged: Judged, who: str, classes: list[str], within: tuple[float, float] | None
) -> dict[str, pl.DataFrame]:
    """The files of one side; residuals are counted in bins over the range `within`, which is that of all sides."""
    y, predicted = judged.y, judged.predictions[who]
    if judged.task == "regression":
        return {
            "residuals": curves.residual_histogram(y, predicted, within=within),
            "residual_quantiles": curves.residual_quantiles(y, predicted),
            "residuals_by_prediction": curves.residuals_by_prediction(y, predicted),
        }
    names = [
        *classes,
        *(f"class {k}" for k in range(len(classes), predicted.shape[1] if predicted.ndim == 2 else 2)),
    ]
    shapes: dict[str, Curve] = {
        "roc": curves.roc_curve,
        "pr": curves.pr_curve,
        "calibration": curves.calibration_curve,
    }
    found = {"confusion": _named(curves.confusion(y, predicted), names)}
    for name, curve in shapes.items():
        found[name] = (
            curve(y, predicted) if judged.task == "classification" else _each(curve, y, predicted, names)
        )
    return found


def _each(curve: Curve, y: Floats, predicted: Floats, names: list[str]) -> pl.DataFrame:
    frames = []
    for k in range(min(predicted.shape[1], MAX_CLASSES)):
        one = curve((y == k).astype(np.float64), predicted[:, k])
        frames.append(one.select(pl.lit(names[k]).alias("class"), pl.all()))
    return pl.concat(frames, how="vertical_relaxed")


def _named(confusion: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    label = dict(enumerate(names))
    return confusion.with_columns(
        pl.col(side).replace_strict(list(label), list(label.values()), return_dtype=pl.String)
        for side in ("actual", "predicted")
    )
