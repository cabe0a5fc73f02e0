"""The metric registry: what a gate, a chart or a leaderboard may name, per task.

Predictions: classification wants P(class 1), shape (n,), labels in {0, 1}; multiclass wants class
probabilities, shape (n, K), labels the column numbers 0..K-1; regression wants values, shape (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlops_tui.worker.statistics import additive, ranking
from mlops_tui.worker.statistics.ranking import NAN, Floats, Ranked, as_floats, weighted

Task = Literal["classification", "multiclass", "regression"]
Direction = Literal["max", "min"]
TASKS: tuple[Task, ...] = ("classification", "multiclass", "regression")
BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Metric:
    """One named measure. Either `sums` and `combine`, or `ranked`, says how it is computed (`ranked`
    of a multiclass metric: the mean over the classes, each against the rest, that have rows on both sides).

    `needs_probability`: undefined for scores outside [0, 1]. `low`, `high`: the range of its values.
    """

    name: str
    task: Task
    direction: Direction
    low: float = 0.0
    high: float = 1.0
    sums: Callable[[Floats, Floats], Floats] | None = None
    combine: Callable[[Floats], Floats] | None = None
    ranked: Ranked | None = None
    needs_probability: bool = False

    def __call__(self, y_true: Any, prediction: Any, weight: Any = None) -> float:
        """The value, NaN where it is undefined: no rows, one class only, a NaN, a score out of range."""
        return self.function(y_true, prediction, weight)

    def function(self, y_true: Any, prediction: Any, weight: Any = None) -> float:
        """Same as calling the metric; `weight` has shape (n,), default all ones."""
        y, p = as_floats(y_true), as_floats(prediction)
        if not self.usable(y, p):
            return NAN
        w = np.ones(len(y)) if weight is None else as_floats(weight)
        if not np.isfinite(w).all() or w.sum() <= 0:
            return NAN
        if self.ranked is not None:
            parts = [weighted(self.ranked, of, scores, w) for of, scores in self.one_vs_rest(y, p)]
            known = [part for part in parts if not np.isnan(part)]
            return float(np.mean(known)) if known else NAN
        totals = [
            w[i : i + BLOCK] @ self.row_terms(y, p, slice(i, i + BLOCK)) for i in range(0, len(y), BLOCK)
        ]
        assert self.combine is not None
        return float(self.combine(np.sum(totals, axis=0)))

    def one_vs_rest(self, y: Floats, p: Floats) -> list[tuple[Floats, Floats]]:
        """Binary problems a ranked metric is averaged over: itself, or one per class."""
        if self.task != "multiclass":
            return [(y, p)]
        return [((y == k).astype(np.float64), p[:, k]) for k in range(p.shape[1])]

    def row_terms(self, y: Floats, p: Floats, rows: slice) -> Floats:
        """Terms (n, m) of an additive metric for some rows. R2 is centred, or its sums would cancel."""
        assert self.sums is not None
        centre = float(y.mean()) if self.name == "r2" else 0.0
        return self.sums(y[rows] - centre, p[rows] - centre)

    def usable(self, y: Floats, p: Floats) -> bool:
        """Whether the metric can be defined at all on these arrays.

        Raises ValueError if the arrays do not belong together: a programming error, not a property of data.
        """
        if len(y) != len(p) or y.ndim != 1 or p.ndim != (2 if self.task == "multiclass" else 1):
            raise ValueError(
                f"{self.name}: labels {y.shape} and predictions {p.shape} do not fit {self.task}"
            )
        if not len(y) or not np.isfinite(y).all() or not np.isfinite(p).all():
            return False
        if self.needs_probability and (p.min() < 0 or p.max() > 1):
            return False
        if self.task == "classification":
            return bool(((y == 0) | (y == 1)).all())
        if self.task == "multiclass":
            return bool(((y >= 0) & (y < p.shape[1]) & (y == np.floor(y))).all())
        return True


def _registry() -> dict[tuple[Task, str], Metric]:
    a, inf = additive, float("inf")
    binary, many, value = TASKS
    entries = [
        Metric("roc_auc", binary, "max", ranked=ranking.ROC_AUC),
        Metric("average_precision", binary, "max", ranked=ranking.AVERAGE_PRECISION),
        Metric("log_loss", binary, "min", 0, inf, a.log_loss_sums, a.mean_value, needs_probability=True),
        Metric("brier", binary, "min", 0, 1, a.squared_sums, a.mean_value, needs_probability=True),
        Metric("accuracy", binary, "max", 0, 1, a.accuracy_sums, a.mean_value),
        Metric("f1", binary, "max", 0, 1, a.confusion_sums, a.f1_value),
        Metric("precision", binary, "max", 0, 1, a.confusion_sums, a.precision_value),
        Metric("recall", binary, "max", 0, 1, a.confusion_sums, a.recall_value),
        Metric("ece", binary, "min", 0, 1, a.ece_sums, a.ece_value, needs_probability=True),
        Metric("accuracy", many, "max", 0, 1, a.multiclass_accuracy_sums, a.mean_value),
        Metric("macro_f1", many, "max", 0, 1, a.macro_f1_sums, a.macro_f1_value),
        Metric(
            "log_loss", many, "min", 0, inf, a.multiclass_log_loss_sums, a.mean_value, needs_probability=True
        ),
        Metric("roc_auc_ovr", many, "max", ranked=ranking.ROC_AUC),
        Metric("rmse", value, "min", 0, inf, a.squared_sums, a.root_mean_value),
        Metric("mae", value, "min", 0, inf, a.absolute_sums, a.mean_value),
        Metric("r2", value, "max", -inf, 1, a.r2_sums, a.r2_value),
        Metric("mape", value, "min", 0, inf, a.mape_sums, a.mean_value),
        Metric("median_ae", value, "min", 0, inf, ranked=ranking.MEDIAN_ABSOLUTE_ERROR),
    ]
    return {(m.task, m.name): m for m in entries}


METRICS = _registry()


def names(task: str) -> list[str]:
    """Metric names of a task, in the order of the registry."""
    return [name for of, name in METRICS if of == task]


def get(name: str, task: str) -> Metric:
    """Look a metric up. Raises ValueError that lists what is allowed."""
    for (of, known), metric in METRICS.items():
        if of == task and known == name:
            return metric
    if task not in TASKS:
        raise ValueError(f"unknown task {task!r}; allowed: {', '.join(TASKS)}")
    raise ValueError(f"unknown metric {name!r} for {task}; allowed: {', '.join(names(task))}")
