"""What is known of predictions on evaluation rows: metrics with intervals, slices, and the verdict of the gate.

Pure: arrays in, JSON-ready values out. Intervals resample clusters; a number that is undefined is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_store.errors import Problem
from mlops_store.records import CheckResult, GateOutcome
from mlops_tui.worker.statistics import bootstrap, gate, metrics
from mlops_tui.worker.statistics.bootstrap import Interval
from mlops_tui.worker.training.labels import Floats
from mlops_tui.worker.training.slices import Mask

ALPHA = 0.05


@dataclass
class Judged:
    """Evaluation rows with what each side says about them. All arrays are over the same n rows.

    `predictions` has "candidate" and may have "naive" and "champion", each as the metrics of the task want them.
    `rows` are their numbers among the rows that they were taken from, where that matters.
    """

    task: str
    y: Floats
    clusters: npt.NDArray[Any]
    predictions: dict[str, Floats]
    slices: dict[str, Mask] = field(default_factory=dict)
    seed: int = 0
    rows: npt.NDArray[np.int64] | None = None


def widened(predictions: Floats, classes: int) -> Floats:
    """Class probabilities (n, K) with columns of 0 for classes that the model never saw, so that labels fit."""
    if predictions.ndim == 1 or predictions.shape[1] >= classes:
        return predictions
    extra = np.zeros((len(predictions), classes - predictions.shape[1]))
    return np.hstack([predictions, extra])


def metric_values(judged: Judged, who: str) -> dict[str, dict[str, Any]]:
    """Metric → {value, low, high, level, clusters, rows} for one side."""
    found = {}
    for name in metrics.names(judged.task):
        metric = metrics.get(name, judged.task)
        one = bootstrap.interval(
            metric, judged.y, judged.predictions[who], judged.clusters, alpha=ALPHA, seed=judged.seed
        )
        found[name] = as_values(one)
    return found


def slice_values(judged: Judged, metric: str) -> list[dict[str, Any]]:
    """One entry per slice: {slice, rows, positives, metric, value, low, high, level, clusters, champion, naive}.

    The intervals are at the level corrected for the number of slices (Bonferroni).
    """
    measure = metrics.get(metric, judged.task)
    alpha = ALPHA / max(1, len(judged.slices))
    entries = []
    for name, mask in judged.slices.items():
        y, clusters = judged.y[mask], judged.clusters[mask]
        entry: dict[str, Any] = {"slice": name, "metric": metric, "rows": int(mask.sum())}
        entry["positives"] = int((y > 0).sum()) if judged.task == "classification" else None
        if len(y):
            one = bootstrap.interval(
                measure, y, judged.predictions["candidate"][mask], clusters, alpha=alpha, seed=judged.seed
            )
            entry |= as_values(one)
        for who in ("champion", "naive"):
            if who in judged.predictions:
                entry[who] = number(measure(y, judged.predictions[who][mask])) if len(y) else None
        entries.append(entry)
    return entries


def compare(judged: Judged, metric: str, alpha: float = ALPHA, against: str = "champion") -> CheckResult:
    """How much better the candidate is than the other side (predictions "champion", called `against`) on the same rows (positive = better, for losses too)."""
    predictions = judged.predictions
    measure = metrics.get(metric, judged.task)
    one = bootstrap.difference(measure, judged.y, predictions["candidate"], predictions["champion"], judged.clusters,
                               alpha=alpha, seed=judged.seed)  # fmt: skip
    return difference_result(metric, one, against)


def difference_result(metric: str, one: Interval, against: str = "champion") -> CheckResult:
    low, high = number(one.low), number(one.high)
    verdict = "INCONCLUSIVE"
    if one.clusters >= gate.MIN_CLUSTERS and low is not None and high is not None:
        verdict = "PASS" if low > 0 else "FAIL" if high <= 0 else "INCONCLUSIVE"
    return CheckResult(
        check=f"{metric}: difference to {against}",
        verdict=verdict,
        estimate=number(one.estimate),
        low=low,
        high=high,
        level=one.level,
        clusters=one.clusters,
        rows=one.rows,
        reason=f"fewer than {gate.MIN_CLUSTERS} clusters" if one.clusters < gate.MIN_CLUSTERS else "",
    )


def judge(judged: Judged, checks: Sequence[str], metric: str, look: int) -> gate.GateResult:
    """The gate over the rows. Raises Problem for a check that cannot be read."""
    predictions = judged.predictions
    try:
        return gate.evaluate_gate(
            list(checks),
            task=judged.task,
            primary_metric=metric,
            y=judged.y,
            candidate=predictions["candidate"],
            clusters=judged.clusters,
            champion=predictions.get("champion"),
            naive=predictions.get("naive"),
            slices=judged.slices,
            look=look,
            seed=judged.seed,
        )
    except ValueError as error:
        raise Problem("bad_check", str(error), "correct [model.….gate] checks", status=2) from error


def gate_outcome(
    result: gate.GateResult,
    metric: str,
    evaluation_key: str,
    champion: str | None,
    values: Mapping[str, dict[str, Any]],
) -> GateOutcome:
    """The record of a verdict. `values` has the metrics of "champion" and "naive" where they were judged."""
    checks = [
        CheckResult(
            check=one.text,
            verdict=one.verdict or "NOT_APPLICABLE",
            estimate=number(one.estimate),
            low=number(one.low),
            high=number(one.high),
            level=one.level,
            clusters=one.clusters,
            rows=one.rows,
            reason=one.reason,
        )
        for one in result.checks
    ]
    return GateOutcome(
        verdict=result.verdict,
        better_than_champion=result.better_than_champion,
        checks=checks,
        evaluation_key=evaluation_key,
        evaluation_rows=result.primary.rows,
        clusters=result.primary.clusters,
        look=result.look,
        alpha=result.alpha,
        champion=champion,
        difference=difference_result(metric, result.difference) if result.difference else None,
        champion_metrics=dict(values.get("champion", {})),
        naive_metrics=dict(values.get("naive", {})),
    )


def as_values(one: Interval) -> dict[str, Any]:
    return {
        "value": number(one.estimate),
        "low": number(one.low),
        "high": number(one.high),
        "level": one.level,
        "clusters": one.clusters,
        "rows": one.rows,
    }


def number(value: float) -> float | None:
    """JSON has no NaN: undefined is null."""
    return float(value) if math.isfinite(value) else None
