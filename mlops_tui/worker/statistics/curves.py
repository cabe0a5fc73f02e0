"""Data behind the evaluation charts, as small frames: at most 500 points each, both ends kept.

Labels are 0/1 (n,), scores P(class 1) (n,), unless said otherwise; pairs with a NULL or NaN are left out. An empty
or one-class input gives an empty frame with the same columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from mlops_tui.worker.statistics.ranking import Floats, Integers, as_floats, groups

MAX_POINTS = 500


def roc_curve(y_true: Any, score: Any) -> pl.DataFrame:
    """false_positive_rate, true_positive_rate, threshold; from (0, 0) at threshold inf to (1, 1)."""
    hits, false_alarms, thresholds = _cumulated(y_true, score)
    if not len(hits) or hits[-1] == 0 or false_alarms[-1] == 0:
        return _empty("false_positive_rate", "true_positive_rate", "threshold")
    frame = pl.DataFrame(
        {
            "false_positive_rate": np.append(0.0, false_alarms / false_alarms[-1]),
            "true_positive_rate": np.append(0.0, hits / hits[-1]),
            "threshold": np.append(np.inf, thresholds),
        }
    )
    return frame[_thinned(frame["false_positive_rate"].to_numpy(), frame["true_positive_rate"].to_numpy())]


def pr_curve(y_true: Any, score: Any) -> pl.DataFrame:
    """recall, precision, threshold; by falling threshold."""
    hits, false_alarms, thresholds = _cumulated(y_true, score)
    if not len(hits) or hits[-1] == 0:
        return _empty("recall", "precision", "threshold")
    recall, precision = hits / hits[-1], hits / (hits + false_alarms)
    frame = pl.DataFrame({"recall": recall, "precision": precision, "threshold": thresholds})
    return frame[_thinned(recall, precision)]


def calibration_curve(y_true: Any, score: Any, bins: int = 10) -> pl.DataFrame:
    """Equal-width score bins: low, high, rows, mean_score, positive_rate (NULL where a bin is empty)."""
    y, p = _clean(y_true, score)
    at = np.clip((p * bins).astype(np.int64), 0, bins - 1)
    rows = np.bincount(at, minlength=bins)
    sums = pl.DataFrame(
        {
            "low": np.arange(bins) / bins,
            "high": (np.arange(bins) + 1) / bins,
            "rows": rows,
            "mean_score": np.bincount(at, weights=p, minlength=bins),
            "positive_rate": np.bincount(at, weights=y, minlength=bins),
        }
    )
    filled = pl.col("rows") > 0
    return sums.with_columns(
        pl.when(filled).then(pl.col(c) / pl.col("rows")).alias(c) for c in ("mean_score", "positive_rate")
    )


def confusion(y_true: Any, predicted: Any, threshold: float = 0.5) -> pl.DataFrame:
    """actual, predicted, rows for every pair of classes, zeros included.

    `predicted`: scores (n,), cut at the threshold, or class probabilities (n, K), of which the largest is taken.
    """
    scores = as_floats(predicted)
    if scores.ndim == 2:
        usable = np.asarray(np.isfinite(scores).all(axis=1), dtype=bool)
        y, said, k = (
            as_floats(y_true),
            np.argmax(np.where(usable[:, None], scores, 0), axis=1),
            scores.shape[1],
        )
        usable &= np.isfinite(y)
        y, said = y[usable], said[usable]
    else:
        y, scores = _clean(y_true, scores)
        said, k = (scores >= threshold).astype(np.int64), 2
    counts = np.bincount(y.astype(np.int64) * k + said, minlength=k * k)[: k * k]
    return pl.DataFrame(
        {"actual": np.repeat(np.arange(k), k), "predicted": np.tile(np.arange(k), k), "rows": counts}
    )


def residual_range(y_true: Any, predictions: Iterable[Any]) -> tuple[float, float] | None:
    """The least and the greatest residual of several predictions, so that their histograms have the same bins; None where there is none."""
    kept = [y - p for y, p in (_clean(y_true, each) for each in predictions) if len(y)]
    return (min(float(r.min()) for r in kept), max(float(r.max()) for r in kept)) if kept else None


def residual_histogram(
    y_true: Any, predicted: Any, bins: int = 20, within: tuple[float, float] | None = None
) -> pl.DataFrame:
    """Residuals y - prediction (units of the target) in bins of one width over their range, or over `within`: low, high, rows. At most 500 bins."""
    y, p = _clean(y_true, predicted)
    if not len(y):
        return _empty("low", "high", "rows")
    rows, ends = np.histogram(y - p, bins=min(bins, MAX_POINTS), range=within)
    return pl.DataFrame({"low": ends[:-1], "high": ends[1:], "rows": rows})


def residuals_by_prediction(y_true: Any, predicted: Any, bins: int = 10) -> pl.DataFrame:
    """What is left where the prediction is low, and where it is high: low, high, mean_prediction (of the predictions), rows, p10, median, p90 (of
    the residuals y - prediction), in bins of about as many rows each, from low to high. Ten rows at least for each bin; equal predictions are in one.
    """
    y, p = _clean(y_true, predicted)
    if not len(y):
        return _empty("low", "high", "rows", "mean_prediction", "p10", "median", "p90")
    inner = np.quantile(p, np.linspace(0, 1, max(1, min(bins, len(y) // 10)) + 1)[1:-1])
    rows = pl.DataFrame({"bin": np.searchsorted(inner, p, side="right"), "prediction": p, "residual": y - p})
    prediction, residual = pl.col("prediction"), pl.col("residual")
    return (
        rows.group_by("bin")
        .agg(
            prediction.min().alias("low"),
            prediction.max().alias("high"),
            pl.len().cast(pl.Int64).alias("rows"),
            prediction.mean().alias("mean_prediction"),
            residual.quantile(0.1, "linear").alias("p10"),
            residual.median().alias("median"),
            residual.quantile(0.9, "linear").alias("p90"),
        )
        .sort("bin")
        .drop("bin")
    )


def residual_quantiles(y_true: Any, predicted: Any, points: int = 101) -> pl.DataFrame:
    """quantile (0 to 1), residual (units of the target), and the normal_score a normal residual would have."""
    from scipy import special

    y, p = _clean(y_true, predicted)
    if not len(y):
        return _empty("quantile", "residual", "normal_score")
    levels = np.linspace(0, 1, min(points, MAX_POINTS))
    residual = np.quantile(y - p, levels)
    inside = np.clip(levels, 0.5 / len(y), 1 - 0.5 / len(y))
    return pl.DataFrame({"quantile": levels, "residual": residual, "normal_score": special.ndtri(inside)})


def _cumulated(y_true: Any, score: Any) -> tuple[Floats, Floats, Floats]:
    """Positives and negatives at or above each distinct score, and the scores, highest first."""
    y, p = _clean(y_true, score)
    if not len(y):
        return y, y, y
    number, keys = groups(-p)
    positives = np.bincount(number, weights=y > 0, minlength=len(keys))
    rows = np.bincount(number, minlength=len(keys))
    return np.cumsum(positives), np.cumsum(rows - positives), -keys


def _thinned(x: Floats, y: Floats) -> Integers:
    """Row numbers of at most 500 points, evenly along the curve's length, first and last always among them."""
    if len(x) <= MAX_POINTS:
        return np.arange(len(x))
    length = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    wanted = np.linspace(0, length[-1], MAX_POINTS)
    picks = np.clip(np.searchsorted(length, wanted), 0, len(x) - 1)
    picks[0], picks[-1] = 0, len(x) - 1
    return np.unique(picks).astype(np.int64)


def _clean(y_true: Any, score: Any) -> tuple[Floats, Floats]:
    y, p = as_floats(y_true), as_floats(score)
    if y.shape != p.shape:
        raise ValueError(f"labels {y.shape} and predictions {p.shape} differ in shape")
    usable = np.isfinite(y) & np.isfinite(p)
    return y[usable], p[usable]


def _empty(*columns: str) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(columns, pl.Float64))
