"""The gate: checks of a candidate on evaluation rows, each with the interval its verdict rests on.

For `metric >= m` with the interval [low, high] of the metric, or of its paired difference to a baseline:
low >= m is PASS, high < m is FAIL, anything else INCONCLUSIVE; a strict comparison needs low > m. Checks that
ask for `metric <= m` mirror this. A NaN metric is FAIL; fewer than ten clusters are INCONCLUSIVE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from mlops_tui.worker.statistics import bootstrap, metrics
from mlops_tui.worker.statistics.bootstrap import Interval
from mlops_tui.worker.statistics.checks import Baseline, Check, parse_check
from mlops_tui.worker.statistics.ranking import NAN, Floats, as_floats

__all__ = ["Check", "CheckResult", "GateResult", "SliceResult", "evaluate_gate", "look_level", "parse_check"]

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
MIN_CLUSTERS = 10
MIN_SLICE_ROWS = 100
MIN_SLICE_POSITIVES = 10


class SliceResult(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of a `worst_slice` check. The interval is at the level corrected for the number of slices."""

    name: str
    verdict: Verdict
    estimate: float
    low: float
    high: float
    level: float
    clusters: int
    rows: int
    reason: str


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check. `estimate`, `low` and `high` are of the metric itself where `of` is "metric"; where it is
    "difference" they say how much better the candidate is than the baseline (positive = better, also for
    losses). `applicable` is false for a champion check without a champion: it counts for nothing."""

    text: str
    verdict: Verdict | None
    estimate: float
    low: float
    high: float
    level: float
    clusters: int
    rows: int
    reason: str
    of: Literal["metric", "difference"] = "metric"
    applicable: bool = True
    slices: tuple[SliceResult, ...] = ()


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """`primary` and `difference`: the primary metric of the candidate, and of candidate against champion.

    `better_than_champion`: the lower end of `difference` is above 0, with enough clusters; no other check counts.
    """

    verdict: Verdict
    checks: tuple[CheckResult, ...]
    better_than_champion: bool
    look: int
    alpha: float
    primary: Interval
    difference: Interval | None


def look_level(k: int, alpha: float = 0.05) -> float:
    """Error level of the k-th look (k = 1, 2, …) at the same rows: alpha / (k (k+1)), which sums to alpha."""
    if k < 1:
        raise ValueError(f"look {k}: the first look is 1")
    return alpha / (k * (k + 1))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The evaluation rows, the models' predictions on them, and the intervals computed so far."""

    task: str
    y: Floats
    predictions: dict[str, Floats]
    codes: npt.NDArray[np.int64]
    slices: dict[str, npt.NDArray[np.bool_]]
    seed: int
    n_resamples: int
    known: dict[tuple[Any, ...], Interval] = field(default_factory=dict)

    def interval(
        self, name: str, baseline: Baseline | None, alpha: float, part: str | None = None
    ) -> Interval:
        key = (name, baseline, alpha, part)
        if key not in self.known:
            mask = np.ones(len(self.y), dtype=bool) if part is None else self.slices[part]
            metric, y, clusters = metrics.get(name, self.task), self.y[mask], self.codes[mask]
            candidate = self.predictions["candidate"][mask]
            options: dict[str, Any] = {"alpha": alpha, "seed": self.seed, "n_resamples": self.n_resamples}
            if baseline is None:
                self.known[key] = bootstrap.interval(metric, y, candidate, clusters, **options)
            else:
                other = self.predictions[baseline][mask]
                self.known[key] = bootstrap.difference(metric, y, candidate, other, clusters, **options)
        return self.known[key]


def evaluate_gate(
    checks: Sequence[str | Check],
    *,
    task: str,
    primary_metric: str,
    y: Any,
    candidate: Any,
    clusters: Any,
    champion: Any = None,
    naive: Any = None,
    slices: Mapping[str, Any] | None = None,
    look: int = 1,
    alpha: float = 0.05,
    seed: int = 0,
    n_resamples: int = 2000,
) -> GateResult:
    """Judge a candidate. All arrays are over the same rows: labels and cluster labels (n,), predictions as the
    task's metrics want them, `slices` name → boolean mask (n,). `champion` is None for a first version.

    Raises ValueError for a check that does not parse, or arrays that do not belong together.
    """
    parsed = [parse_check(check, task) if isinstance(check, str) else check for check in checks]
    given = {"candidate": candidate, "champion": champion, "naive": naive}
    codes, _ = bootstrap.cluster_codes(clusters)
    rows = _Rows(
        task=task,
        y=as_floats(y),
        predictions={who: as_floats(values) for who, values in given.items() if values is not None},
        codes=codes,
        slices={name: _mask(name, mask, len(codes)) for name, mask in (slices or {}).items()},
        seed=seed,
        n_resamples=n_resamples,
    )
    level = look_level(look, alpha)
    results = tuple(_evaluate(check, rows, level) for check in parsed)
    difference = None if champion is None else rows.interval(primary_metric, "champion", level)
    return GateResult(
        verdict=overall(results),
        checks=results,
        better_than_champion=_better(difference),
        look=look,
        alpha=level,
        primary=rows.interval(primary_metric, None, level),
        difference=difference,
    )


def overall(results: Sequence[CheckResult]) -> Verdict:
    """FAIL before INCONCLUSIVE before PASS over the applicable checks; INCONCLUSIVE if there is none."""
    verdicts = {result.verdict for result in results if result.applicable}
    if "FAIL" in verdicts:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts or not verdicts else "PASS"


def _better(primary: Interval | None) -> bool:
    """By the primary metric alone: a candidate that wins on another one may well have lost on this."""
    return primary is not None and primary.clusters >= MIN_CLUSTERS and primary.low > 0


def _evaluate(check: Check, rows: _Rows, alpha: float) -> CheckResult:
    if check.baseline and check.baseline not in rows.predictions:
        return _without_baseline(check, rows, alpha)
    if check.worst_slice:
        return _evaluate_slices(check, rows, alpha)
    interval = rows.interval(check.metric, check.baseline, alpha)
    verdict, reason = judge(check, rows.task, interval)
    return _result(check, interval, verdict, reason)


def _without_baseline(check: Check, rows: _Rows, alpha: float) -> CheckResult:
    first = check.baseline == "champion"
    nothing = _nothing(alpha, len(rows.y))
    reason = "not applicable, no champion" if first else "the naive baseline is missing"
    return _result(check, nothing, None if first else "FAIL", reason, applicable=not first)


def judge(check: Check, task: str, interval: Interval) -> tuple[Verdict, str]:
    """Verdict and reason of a check for an interval of the metric (no baseline) or of the difference."""
    metric = metrics.get(check.metric, task)
    what = f"the difference to {check.baseline}" if check.baseline else check.metric
    if np.isnan(interval.estimate):
        return "FAIL", f"{what} is undefined (NaN)"
    if interval.clusters < MIN_CLUSTERS:
        return "INCONCLUSIVE", f"{interval.clusters} clusters, at least {MIN_CLUSTERS} are needed"
    if np.isnan(interval.low) or np.isnan(interval.high):
        return (
            "INCONCLUSIVE",
            f"{what} has no interval: undefined in too many resamples, or without a bound where all agree",
        )
    low, high, bound = interval.low, interval.high, check.value
    if check.baseline:
        bound = check.value if metric.direction == "max" else -check.value
    elif check.op in ("<", "<="):
        low, high, bound = -high, -low, -bound
    strict = check.op in (">", "<")
    shown = f"{what}: {interval.estimate:+.4g} [{interval.low:.4g}, {interval.high:.4g}]"
    if low > bound or (low == bound and not strict):
        return "PASS", f"{shown} lies wholly on the asked side"
    if high < bound:
        return "FAIL", f"{shown} lies wholly on the wrong side"
    return "INCONCLUSIVE", f"{shown} holds both answers"


def _evaluate_slices(check: Check, rows: _Rows, alpha: float) -> CheckResult:
    if not rows.slices:
        return _result(check, _nothing(alpha, len(rows.y)), "FAIL", "no slices are defined")
    small = {name: _too_small(rows.task, rows.y[mask]) for name, mask in rows.slices.items()}
    level = alpha / max(1, sum(not reason for reason in small.values()))
    parts = []
    for name, reason in small.items():
        one: Verdict = "INCONCLUSIVE"
        interval = _nothing(level, int(rows.slices[name].sum()))
        if not reason:
            interval = rows.interval(check.metric, check.baseline, level, name)
            one, reason = judge(check, rows.task, interval)
        parts.append(SliceResult(name=name, verdict=one, reason=reason, **_numbers(interval)))
    verdicts = {part.verdict for part in parts}
    verdict = next(v for v in ("FAIL", "INCONCLUSIVE", "PASS") if v in verdicts)
    guilty = [part for part in parts if part.verdict == "FAIL"]
    worst = _worst(check, guilty or parts)
    undecided = [part.name for part in parts if part.verdict == "INCONCLUSIVE"]
    reason = f"worst slice {worst.name}: {worst.reason}"
    if undecided and verdict == "INCONCLUSIVE":
        reason += f"; undecided: {', '.join(undecided)}"
    return _result(check, worst, verdict, reason, slices=tuple(parts))


def _worst(check: Check, parts: Sequence[SliceResult]) -> SliceResult:
    """The slice furthest on the wrong side; undefined comes first, slices without a number last."""
    upwards = bool(check.baseline) or check.op in (">", ">=")
    rank = {"FAIL": -np.inf, "INCONCLUSIVE": np.inf, "PASS": np.inf}
    return min(
        parts,
        key=lambda p: rank[p.verdict] if np.isnan(p.estimate) else (p.estimate if upwards else -p.estimate),
    )


def _too_small(task: str, y: Floats) -> str:
    """Why a slice cannot be judged, "" if it can. Positives of many classes: rows outside the largest class."""
    if len(y) < MIN_SLICE_ROWS:
        return f"{len(y)} rows, at least {MIN_SLICE_ROWS} are needed"
    if task == "regression":
        return ""
    counts = np.unique(y[np.isfinite(y)], return_counts=True)[1]
    positives = int((y > 0).sum()) if task == "classification" else int(counts.sum() - counts.max(initial=0))
    if positives < MIN_SLICE_POSITIVES:
        return f"{positives} positives, at least {MIN_SLICE_POSITIVES} are needed"
    return "only one class occurs" if len(counts) < 2 else ""


def _nothing(alpha: float, rows: int) -> Interval:
    return Interval(
        estimate=NAN, low=NAN, high=NAN, level=1 - alpha, clusters=0, rows=rows, method=bootstrap.METHOD
    )


def _numbers(found: Interval | SliceResult) -> dict[str, Any]:
    """The fields that an interval, a slice and a check share."""
    return {name: getattr(found, name) for name in ("estimate", "low", "high", "level", "clusters", "rows")}


def _result(
    check: Check,
    interval: Interval | SliceResult,
    verdict: Any,
    reason: str,
    *,
    applicable: bool = True,
    slices: tuple[SliceResult, ...] = (),
) -> CheckResult:
    return CheckResult(
        text=check.text,
        verdict=verdict,
        reason=reason,
        **_numbers(interval),
        of="difference" if check.baseline else "metric",
        applicable=applicable,
        slices=slices,
    )


def _mask(name: str, mask: Any, rows: int) -> npt.NDArray[np.bool_]:
    chosen = np.asarray(mask, dtype=bool)
    if chosen.shape != (rows,):
        raise ValueError(f"slice {name!r}: mask of shape {chosen.shape} for {rows} rows")
    return chosen
