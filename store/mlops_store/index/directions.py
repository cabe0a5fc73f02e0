"""Which way a metric is better: what the run says, else what the project's registered models say, else its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_LOWER = frozenset(
    {"loss", "error", "rmse", "mae", "mse", "mape", "brier", "deviance", "perplexity", "seconds", "time", "fpr", "fnr"}
)  # fmt: skip

SEARCH = "search/score"


_JUDGING = frozenset({"val", "valid", "validation", "eval", "evaluation", "test", "dev", "holdout"})
_TRAINING = frozenset({"train", "training"})
_PROGRESS = frozenset(
    {
        "epoch",
        "epochs",
        "step",
        "steps",
        "global_step",
        "iteration",
        "lr",
        "learning_rate",
        "time",
        "seconds",
        "rows",
    }
)
"""Words of names: of values on rows that were not trained on, on those that were; and of what counts how far a training is."""


@lru_cache(maxsize=32)
def telling(metrics: tuple[str, ...]) -> str:
    """The metric that says most of a run where nobody says which does: the first by name of those on rows that were not trained on, else of
    those that do not say on which, else of any; empty where there is none. What the machine and a search's trials took is none."""
    found = [name for name in sorted(metrics) if not name.startswith("system/") and name != SEARCH]
    return min(found, key=_rank, default="")


@lru_cache(maxsize=4096)
def _rank(metric: str) -> int:
    name = metric.lower()
    words = set(re.split(r"[^a-z0-9]+", name))
    if name.rpartition("/")[2] in _PROGRESS:
        return 3
    return 0 if words & _JUDGING else 2 if words & _TRAINING else 1


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
    if run_direction in ("min", "max") and metric in (run_metric, SEARCH):
        return run_direction
    return project.get(metric) or default_direction(metric)
