"""Values as people write them in mlops.toml: durations, metrics, families, gate checks."""

from __future__ import annotations

import re

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_CHECK = re.compile(
    r"^\s*(?P<slice>worst_slice\.)?(?P<metric>[A-Za-z_]\w*)\s*(?P<op>>=|<=|>|<)\s*"
    r"(?:(?P<base>champion|naive)(?P<offset>\s*[+-]\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?|[+-]?\s*(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*$"
)

METRICS: dict[str, dict[str, str]] = {
    "classification": {
        "roc_auc": "max",
        "average_precision": "max",
        "log_loss": "min",
        "brier": "min",
        "accuracy": "max",
        "f1": "max",
        "precision": "max",
        "recall": "max",
        "ece": "min",
    },
    "multiclass": {"accuracy": "max", "macro_f1": "max", "log_loss": "min", "roc_auc_ovr": "max"},
    "regression": {"rmse": "min", "mae": "min", "r2": "max", "mape": "min", "median_ae": "min"},
}
"""Task → metric → direction (`max` or `min`)."""

DEFAULT_METRIC = {"classification": "roc_auc", "multiclass": "macro_f1", "regression": "rmse"}
FAMILIES = {
    "logistic_regression": ("classification", "multiclass"),
    "ridge": ("regression",),
    "hist_gradient_boosting": ("classification", "multiclass", "regression"),
    "random_forest": ("classification", "multiclass", "regression"),
    "extra_trees": ("classification", "multiclass", "regression"),
    "nearest_neighbours": ("classification", "multiclass", "regression"),
}
"""Family of estimators → tasks it can do."""


def parse_duration(value: object) -> int:
    """`"6h"` as milliseconds; parts add up (`"1d 12h"`). Raises ValueError."""
    if isinstance(value, str) and value.strip():
        parts = _DURATION.findall(value)
        if parts and not _DURATION.sub("", value).strip():
            return sum(int(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError(f'{value!r} is not a duration; write a number and s, m, h, d or w, such as "6h" or "7d"')


def check_problem(text: str, task: str) -> str:
    """What is wrong with the syntax of a gate check, or ''; `task` may not be known. (The worker parses checks fully before it trains.)"""
    match = _CHECK.match(text)
    if match is None:
        return (
            f"{text!r} is not a gate check; write METRIC OP RHS, where METRIC may begin with worst_slice., OP is > >= < <= "
            "and RHS is a number, or champion or naive with an optional + or - NUMBER"
        )
    known = METRICS.get(task)
    if known is not None and match["metric"] not in known:
        return (
            f"{text!r} uses {match['metric']!r}, which is no metric of {task}; there are {', '.join(known)}"
        )
    if known is None and not any(match["metric"] in metrics for metrics in METRICS.values()):
        return f"{text!r} uses {match['metric']!r}, which is a metric of no task"
    if match["base"] and known is not None:
        better = match["op"].startswith(">" if known[match["metric"]] == "max" else "<")
        if not better:
            side = "higher" if known[match["metric"]] == "max" else "lower"
            return f"{text!r} asks for a worse model: {match['metric']} is better when {side}; turn {match['op']} round"
    return ""


def champion_check(text: str) -> tuple[str, float] | None:
    """(metric, margin) of a check against the champion, `worst_slice.` kept before the metric; None for any other check.

    The margin is what the difference has to reach, turned so that positive is better.
    """
    match = _CHECK.match(text)
    if match is None or match["base"] != "champion":
        return None
    offset = float(re.sub(r"\s", "", match["offset"] or "0"))
    return f"{match['slice'] or ''}{match['metric']}", offset if match["op"].startswith(">") else 0.0 - offset
