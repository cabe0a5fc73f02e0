"""Metrics of two versions side by side; a difference only where both were measured on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_store.index import models
from mlops_store.index.tx import Read
from mlops_tui.services.versions import Named
from mlops_tui.verbs.model import MetricCompareRow

Values = dict[str, Any]


@dataclass(frozen=True)
class Together:
    """Two versions on the same rows. `difference` says how much better `other` is than `base` (positive = better, also
    for losses), in the primary metric."""

    base: Values
    other: Values
    difference: Values | None
    rows: int | None
    run_id: str


def compare_metrics(read: Read, a: Named, b: Named) -> tuple[list[MetricCompareRow], str, str | None]:
    """A row for each metric, a note where there is no difference to give, and the run that has judged both.

    `difference` is of the values as they are, b − a, whichever direction is better.
    """
    found = _together(read, a, b)
    if found is not None:
        sign = 1 if b.row["direction"] != "min" else -1
        return _rows(b.row["metric"] or "", found.base, found.other, found, sign), "", found.run_id
    found = _together(read, b, a)
    if found is not None:
        sign = -1 if a.row["direction"] != "min" else 1
        return _rows(a.row["metric"] or "", found.other, found.base, found, sign), "", found.run_id
    left, right = a.row["metrics"] or {}, b.row["metrics"] or {}
    names = sorted({*left, *right})
    rows = [MetricCompareRow(metric=name, a=_value(left, name), b=_value(right, name)) for name in names]
    if a.version == b.version:
        return rows, "this is one and the same version", None
    return (
        rows,
        (
            "these metrics are of different evaluation rows, so no difference is given; "
            f"`mlops-tui model evaluate {b.label} --baseline {a.version}` judges both on the same rows"
        ),
        None,
    )


def _together(read: Read, base: Named, other: Named) -> Together | None:
    """`other` beside `base`: from the newest evaluation run of both, or else from the gate where `base` was the champion."""
    if base.version == other.version:
        return None
    run = models.evaluation_of(read, base.project, base.model, other.version, base.version)
    if run is not None:
        return Together(
            run["baseline_metrics"] or {},
            run["metrics"] or {},
            run["difference"],
            run["evaluation_rows"],
            run["run_id"],
        )
    gate = other.row["gate"] or {}
    if gate.get("champion") not in (base.label, str(base.version)):
        return None
    return Together(
        gate.get("champion_metrics") or {},
        other.row["metrics"] or {},
        gate.get("difference"),
        gate.get("evaluation_rows"),
        other.row["run_id"],
    )


def _rows(metric: str, a: Values, b: Values, found: Together, sign: int) -> list[MetricCompareRow]:
    return [
        MetricCompareRow(
            metric=name,
            a=_value(a, name),
            b=_value(b, name),
            difference=_signed(found.difference, sign) if found.difference and name == metric else None,
            rows=found.rows,
            # what only one side has, a metric of its recipe's own, is compared with nothing
            same_rows=name in a and name in b,
        )
        for name in sorted({*a, *b})
    ]


def _value(metrics: Values, name: str) -> Values:
    """A metric as {value, low, high, …}; a bare number has no interval."""
    found = metrics.get(name)
    return found if isinstance(found, dict) else {} if found is None else {"value": found}


def _signed(difference: Values, sign: int) -> Values:
    low, high = difference.get("low"), difference.get("high")
    if sign < 0:
        low, high = _negated(high), _negated(low)
    estimate = difference.get("estimate")
    return {
        "estimate": estimate if sign > 0 else _negated(estimate),
        "low": low,
        "high": high,
        **{name: difference.get(name) for name in ("level", "clusters", "rows")},
    }


def _negated(number: float | None) -> float | None:
    return None if number is None else 0.0 - number
