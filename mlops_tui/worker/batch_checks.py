"""What a batch must be before it is admitted: times and keys present, no key twice, the expectations met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from mlops_tui.worker.delivery import ROW_LIMIT, Refused
from mlops_tui.worker.validation import check

if TYPE_CHECKING:
    from mlops_tui.project.schema import SourceConfig


@dataclass
class BatchReport:
    """What is worth saying of an admitted batch."""

    warnings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_batch(frame: pl.DataFrame, source: SourceConfig, *, forced: bool = False) -> BatchReport:
    """Raises Refused with the offending rows. `forced`: broken expectations become warnings; keys and times stay strict."""
    if source.event_time:
        _refuse_rows(
            frame, pl.col(source.event_time).is_null(), f"the event time {source.event_time!r} is NULL"
        )
    for name in source.key:
        _refuse_rows(frame, pl.col(name).is_null(), f"the key column {name!r} is NULL")
    if source.key:
        names = ", ".join(source.key)
        _refuse_rows(
            frame,
            pl.struct(source.key).is_duplicated(),
            f"the key ({names}) is there more than once",
            source.key,
        )
    return _expectations(frame, source, forced)


def _refuse_rows(frame: pl.DataFrame, bad: pl.Expr, what: str, order: list[str] | None = None) -> None:
    rows = frame.filter(bad)
    if rows.height:
        if order:
            rows = rows.sort(order)
        raise Refused(
            f"{what} in {rows.height} of {frame.height} rows", [{"rows": rows.height}], rows.head(ROW_LIMIT)
        )


def event_range(frame: pl.DataFrame, event_time: str) -> tuple[int | None, int | None]:
    """First and last event time, UTC ms."""
    if not event_time or event_time not in frame.columns:
        return None, None
    times = frame[event_time]
    stamps = (times.cast(pl.Datetime("ms")) if times.dtype == pl.Date else times).dt.timestamp("ms")
    low, high = stamps.min(), stamps.max()
    return (int(low) if isinstance(low, int) else None), (int(high) if isinstance(high, int) else None)


def _expectations(frame: pl.DataFrame, source: SourceConfig, forced: bool) -> BatchReport:
    if not source.expect:
        return BatchReport()
    report = check(frame, source)
    if report.blocked and not forced:
        raise Refused(report.summary(), report.findings, report.failing_rows.head(ROW_LIMIT))
    found = BatchReport(
        warnings=[
            {"severity": "warn", **finding, "message": _sentence(finding, frame.height)}
            for finding in report.findings
        ]
    )
    if report.blocked:
        found.notes.append(f"admitted by decision although: {report.summary()}")
    return found


def _sentence(finding: dict[str, Any], rows: int) -> str:
    return f"{finding['column']}: {finding['check']} fails in {finding['failures']} of {rows} rows"
