"""Values as people write them in mlops.toml: durations, windows, names, cron lines, gate checks."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$")
_FEATURE = re.compile(r"^[A-Za-z_]\w*(:[A-Za-z_]\w*)?$")
_CRON_FIELD = re.compile(r"^[0-9A-Za-z*/,\-#L?]+$")
_QUIET = re.compile(r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")
_K_OF_N = re.compile(r"^([1-9]\d?)/([1-9]\d?)$")
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


def _windows(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if item == "all":
            continue
        match = re.fullmatch(r"(\d+)[mhdw]", item.strip()) if isinstance(item, str) else None
        if match is None or int(match[1]) < 1:
            raise ValueError(f'{item!r} is not a training window; write "all" or a length such as "90d"')
    if not items:
        raise ValueError('the list of windows is empty; write "all"')
    return [str(item).strip() for item in items]


def _name(value: str) -> str:
    if not _NAME.match(value) or ".." in value:
        raise ValueError(
            f"{value!r} cannot be a name; use 1 to 63 of a-z 0-9 _ . - and start with a letter or digit"
        )
    return value


def _feature(value: str) -> str:
    if not _FEATURE.match(value):
        raise ValueError(f'{value!r} is not a feature; write the name of a view, or "view:feature"')
    return value


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not all(_CRON_FIELD.match(field) for field in fields):
        raise ValueError(f'{value!r} is not a schedule; write five cron fields, such as "0 3 * * 1"')
    return value


def _quiet_hours(value: str) -> str:
    if not _QUIET.match(value):
        raise ValueError(f'{value!r} is not a span of hours; write it as "22:00-06:00" (local time)')
    return value


def _k_of_n(value: str) -> str:
    match = _K_OF_N.match(value)
    if match is None or int(match[1]) > int(match[2]):
        raise ValueError(f'{value!r} is not k of n; write "2/3" for two of the last three')
    return value


def check_problem(text: str, task: str) -> str:
    """What is wrong with the syntax of a gate check, or ''. (The worker parses checks fully before it trains.)"""
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


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""Milliseconds, written as `"6h"`."""
Windows = Annotated[list[str], BeforeValidator(_windows)]
Name = Annotated[str, AfterValidator(_name)]
Feature = Annotated[str, AfterValidator(_feature)]
Cron = Annotated[str, AfterValidator(_cron)]
QuietHours = Annotated[str, AfterValidator(_quiet_hours)]
KOfN = Annotated[str, AfterValidator(_k_of_n)]
