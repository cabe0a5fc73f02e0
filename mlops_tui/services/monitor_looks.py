"""Drift runs and judgements as answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_tui.services.loop_facts import loads
from mlops_tui.services.versions import number_of
from mlops_tui.verbs.monitor import DriftPoint, FeatureSeries, Judgement, Look

Row = dict[str, Any]


class Column(msgspec.Struct):
    """What is kept of a column's comparison."""

    name: str
    kind: str = ""
    alert: bool = False
    severity: str = ""
    status: str = ""
    reason: str = ""
    psi: float | None = None
    band: float | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    reference_null_share: float | None = None
    current_null_share: float | None = None


class Outcome(msgspec.Struct):
    """What is kept of a drift run's outcome."""

    version: int
    champion_version: int
    new_rows: int
    mature_labelled_rows: int = 0
    since_version: int = 0
    columns: list[Column] = []
    chunks: list[dict[str, Any]] = []
    alarm: bool = False
    major: bool = False
    prediction: Column | None = None
    label: Column | None = None
    domain_classifier: dict[str, Any] | None = None
    performance: dict[str, Any] | None = None
    decay: dict[str, Any] | None = None
    decay_reason: str = ""
    estimate: dict[str, Any] | None = None
    chunk_start: int | None = None
    chunk_end: int | None = None
    cannot_tell: str = ""
    superseded: list[str] = []

    @property
    def alerted(self) -> list[str]:
        """The columns that alarmed."""
        return [column.name for column in self.columns if column.alert]

    def parts(self) -> list[tuple[str, Column]]:
        """(role, column) of everything that was compared."""
        found = [("feature", column) for column in self.columns]
        found += [("prediction", self.prediction)] if self.prediction else []
        return found + ([("label", self.label)] if self.label else [])


@dataclass(frozen=True)
class Found:
    """A drift run with its outcome."""

    run_id: str
    time: int
    outcome: Outcome

    Outcome = Outcome


def look(found: Found) -> Look:
    """A drift run as an answer."""
    outcome = found.outcome
    return Look(
        run_id=found.run_id,
        time=found.time,
        version=outcome.version,
        champion=outcome.champion_version,
        since_version=outcome.since_version,
        rows=outcome.new_rows,
        mature_labelled_rows=outcome.mature_labelled_rows,
        start=outcome.chunk_start,
        end=outcome.chunk_end,
        alarm=outcome.alarm,
        major=outcome.major,
        cannot_tell=outcome.cannot_tell,
        features=outcome.alerted,
        performance=outcome.performance,
        estimate=outcome.estimate,
        domain_auc=(outcome.domain_classifier or {}).get("auc"),
        decay=outcome.decay,
        decay_reason=outcome.decay_reason,
    )


def series(found: list[Found]) -> list[FeatureSeries]:
    """Each column over the looks; those that alarmed most come first."""
    made: dict[tuple[str, str], FeatureSeries] = {}
    for one in found:
        for role, column in one.outcome.parts():
            line = made.setdefault((role, column.name), FeatureSeries(name=column.name, role=role, points=[]))
            line.kind = column.kind or line.kind
            line.alarms += column.alert
            line.points.append(_point(one, column))
    return sorted(made.values(), key=lambda line: (-line.alarms, line.role != "feature", line.name))


def _point(one: Found, column: Column) -> DriftPoint:
    return DriftPoint(
        run_id=one.run_id, champion=one.outcome.champion_version, psi=column.psi, band=column.band, p_adjusted=column.p_adjusted, effect=column.effect, alert=column.alert,
        severity=column.severity, status=column.status, reason=column.reason, null_share=column.current_null_share,
        reference_null_share=column.reference_null_share,
    )  # fmt: skip


def judgements(versions: list[Row], evaluations: list[Row], metric: str) -> list[Judgement]:
    """What gates and evaluations have found of the primary metric, oldest first."""
    made = [_by_gate(row, metric) for row in versions if row["gate"] is not None]
    made += [_by_evaluation(row, metric) for row in evaluations]
    return sorted(made, key=lambda one: (one.time, one.run_id))


def value_of(metrics: Row, metric: str) -> Row | None:
    """A metric as {value, low, high, …}; a bare number has no interval."""
    found = metrics.get(metric)
    return found if isinstance(found, dict) else None if found is None else {"value": found}


def _by_gate(row: Row, metric: str) -> Judgement:
    gate = loads(row["gate"], {})
    return Judgement(
        kind="gate", run_id=row["run_id"], time=row["created"], version=row["version"], metric=metric,
        value=value_of(loads(row["metrics"], {}), metric), rows=gate.get("evaluation_rows"), verdict=row["verdict"],
        baseline=number_of(gate.get("champion")), baseline_value=value_of(gate.get("champion_metrics") or {}, metric),
        difference=gate.get("difference"),
    )  # fmt: skip


def _by_evaluation(row: Row, metric: str) -> Judgement:
    return Judgement(
        kind="evaluate", run_id=row["run_id"], time=row["created"], version=row["version"], metric=metric,
        value=value_of(loads(row["metrics"], {}), metric), rows=row["evaluation_rows"], baseline=row["baseline_version"],
        baseline_value=value_of(loads(row["baseline_metrics"], {}), metric), difference=loads(row["difference"], None),
    )  # fmt: skip
