"""Which way a metric is better: what the run says, else what the project's registered models say, else its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_LOWER = frozenset(
    {"loss", "error", "rmse", "mae", "mse", "mape", "brier", "deviance", "perplexity", "seconds", "time", "fpr", "fnr"}
)  # fmt: skip

SEARCH = "search/score"


@lru_cache(maxsize=4096)
def default_direction(metric: str) -> str:
    """`min` where a word of the metric's name is a known cost (loss, error, rmse, …), else `max`."""
    words = re.split(r"[^a-z0-9]+", metric.lower())
    return "min" if _LOWER.intersection(words) else "max"


def direction(
    metric: str, *, run_metric: str | None, run_direction: str | None, project: Mapping[str, str]
) -> str:
    """`max` or `min`. `project` maps the metrics of registered models to their direction. A search's scores are of the
    metric that the run is judged by."""
    if metric in (run_metric, SEARCH) and run_direction in ("min", "max"):
        return run_direction
    return project.get(metric) or default_direction(metric)
