"""Permutation importance: how much of the metric is lost when one feature column is shuffled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mlops_tui.worker.statistics.metrics import Metric
from mlops_tui.worker.training.encoding import Matrix
from mlops_tui.worker.training.folds import thinned
from mlops_tui.worker.training.labels import Floats

ROWS = 2_000
REPEATS = 5
BUDGET_S = 8.0


def permutation(
    predict: Callable[[Matrix], Floats],
    matrix: Matrix,
    y: Floats,
    names: list[str],
    metric: Metric,
    seed: int,
) -> list[dict[str, Any]]:
    """[{feature, loss, sd, repeats}], most important first; `loss` is how much worse the metric gets (positive).

    On at most 2,000 rows; fewer repeats where the model is slow, so that it takes about 8 s at most.
    """
    picks = thinned(np.arange(len(y)), ROWS, seed)
    x, labels = matrix[picks], y[picks]
    began = time.perf_counter()
    base = metric(labels, predict(x))
    once = time.perf_counter() - began
    if not np.isfinite(base):
        return []
    sign = 1.0 if metric.direction == "max" else -1.0
    repeats = int(np.clip(BUDGET_S / (once * max(1, len(names)) + 1e-9), 1, REPEATS))
    rng = np.random.default_rng(seed)
    found = []
    for place, name in enumerate(names):
        mixed = x.copy()
        losses = []
        for _ in range(repeats):
            mixed[:, place] = rng.permutation(x[:, place])
            losses.append(sign * (base - metric(labels, predict(mixed))))
        found.append(
            {"feature": name, "loss": float(np.mean(losses)), "sd": float(np.std(losses)), "repeats": repeats}
        )
    return sorted(found, key=lambda entry: -entry["loss"])
