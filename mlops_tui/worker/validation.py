"""Expectations of mlops.toml against rows, by pandera. NULL (and NaN) passes every check but `not_null`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from mlops_tui.project.schema import Expectation, SourceConfig

_SAMPLE = 5
REASON = "__reason"
ROW = "__row"


@dataclass
class ValidationReport:
    """`findings`: {column, check, severity, failures (rows), sample (up to 5 values as text)}, blocking ones first.

    `failing_rows` are the rows that break a blocking check, with `__row` (number in the frame, from 0) and
    `__reason` ("column: check; …").
    """

    rows: int
    findings: list[dict[str, Any]] = field(default_factory=list)
    failing_rows: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def blocked(self) -> bool:
        return any(finding["severity"] == "block" for finding in self.findings)

    def summary(self, severity: str = "block") -> str:
        """One line for people: `distance: min 0 fails in 3 of 100 rows (-1, -7); …`."""
        parts = []
        for finding in self.findings:
            if finding["severity"] == severity:
                sample = ", ".join(finding["sample"])
                shown = f" ({sample})" if sample else ""
                parts.append(
                    f"{finding['column']}: {finding['check']} fails in {finding['failures']} of {self.rows} rows{shown}"
                )
        return "; ".join(parts)


def check(frame: pl.DataFrame, source: SourceConfig) -> ValidationReport:
    """Checks every expectation of a source. Never raises for what the data are; a check that cannot apply is a finding."""
    report = ValidationReport(rows=frame.height)
    reasons: list[pl.DataFrame] = []
    for column, expectation in source.expect.items():
        if column not in frame.columns:
            report.findings.append(_finding(column, "the column is missing", expectation, frame.height, []))
            continue
        values = frame[column]
        values = values.fill_nan(None) if values.dtype.is_float() else values
        for name, broken in _broken(values, expectation, report):
            bad = pl.Series("row", broken, dtype=pl.UInt32)
            distinct = values.gather(bad.head(1000)).unique(maintain_order=True).head(_SAMPLE)
            sample = [str(value)[:60] for value in distinct.to_list()]
            report.findings.append(_finding(column, name, expectation, bad.len(), sample))
            if expectation.severity == "block":
                reasons.append(
                    pl.DataFrame({ROW: bad}).with_columns(pl.lit(f"{column}: {name}").alias(REASON))
                )
    report.findings.sort(key=lambda finding: finding["severity"])
    report.failing_rows = _failing(frame, reasons)
    return report


def _finding(
    column: str, name: str, expectation: Expectation, failures: int, sample: list[str]
) -> dict[str, Any]:
    return {
        "column": column,
        "check": name,
        "severity": expectation.severity,
        "failures": failures,
        "sample": sample,
    }


def _failing(frame: pl.DataFrame, reasons: list[pl.DataFrame]) -> pl.DataFrame:
    if not reasons:
        return frame.clear().with_columns(pl.lit(0, dtype=pl.UInt32).alias(ROW), pl.lit("").alias(REASON))
    joined = pl.concat(reasons).group_by(ROW).agg(pl.col(REASON).str.join("; ")).sort(ROW)
    return frame[joined[ROW]].with_columns(joined[ROW], joined[REASON])


def _broken(
    values: pl.Series, expectation: Expectation, report: ValidationReport
) -> list[tuple[str, list[int]]]:
    """(check, row numbers) of each check that fails; checks that do not fit the type become findings of `report`."""
    os.environ["PANDERA_VALIDATION_DEPTH"] = (
        "SCHEMA_AND_DATA"  # read at each validation; the default looks at the schema only
    )
    import pandera.polars as pandera
    from pandera.errors import SchemaErrors

    checks: list[tuple[str, Any]] = []
    present = values.null_count() < len(values)  # an empty column has no type worth comparing
    for name, build in (("in", _in), ("min", _min), ("max", _max), ("regex", _regex)) if present else ():
        try:
            made = build(values, expectation, pandera.Check)
        except TypeError as error:
            report.findings.append(_finding(values.name, str(error), expectation, len(values), []))
            continue
        if made is not None:
            checks.append((_shown(name, expectation), made))
    column = pandera.Column(
        checks=[made for _, made in checks], nullable=not expectation.not_null, unique=expectation.unique
    )
    frame = values.alias("value").to_frame()
    try:
        pandera.DataFrameSchema({"value": column}).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases: pl.DataFrame = error.failure_cases
        return _named(values, cases, [name for name, _ in checks])
    return []


def _named(values: pl.Series, cases: pl.DataFrame, names: list[str]) -> list[tuple[str, list[int]]]:
    found: dict[str, list[int]] = {}
    for number, kind, index in cases.select("check_number", "check", "index").iter_rows():
        name = (
            names[number]
            if number is not None
            else {"not_nullable": "not_null", "field_uniqueness": "unique"}.get(kind, kind)
        )
        found.setdefault(name, []).append(-1 if index is None else index)
    if "unique" in found:  # a value that is missing twice is not there twice
        nulls = values.is_null()
        found["unique"] = [row for row in found["unique"] if not nulls[row]]
    return [(name, rows) for name, rows in found.items() if rows]


def _shown(name: str, expectation: Expectation) -> str:
    value = getattr(expectation, "in_" if name == "in" else name)
    text = str(value)
    return f"{name} {text if len(text) <= 80 else text[:80] + '…'}"


def _in(values: pl.Series, expectation: Expectation, make: Any) -> Any:
    if expectation.in_ is None:
        return None
    allowed = [_fit(values, item, "in") for item in expectation.in_]
    return make.isin(allowed)


def _min(values: pl.Series, expectation: Expectation, make: Any) -> Any:
    return None if expectation.min is None else make.ge(_fit(values, expectation.min, "min", ordered=True))


def _max(values: pl.Series, expectation: Expectation, make: Any) -> Any:
    return None if expectation.max is None else make.le(_fit(values, expectation.max, "max", ordered=True))


def _regex(values: pl.Series, expectation: Expectation, make: Any) -> Any:
    """The whole value must match, by Python's rules: each distinct value is looked at once."""
    if not expectation.regex:
        return None
    if values.dtype != pl.String:
        raise TypeError(f"regex needs text, the column is {values.dtype}")
    pattern = re.compile(expectation.regex)
    return make.isin([value for value in values.unique().drop_nulls().to_list() if pattern.fullmatch(value)])


def _fit(values: pl.Series, item: Any, name: str, ordered: bool = False) -> Any:
    """`item` as a value of the column's type. Raises TypeError where they cannot be compared."""
    kind = values.dtype
    if kind.is_numeric() and isinstance(item, int | float) and (not isinstance(item, bool) or not ordered):
        return item
    if kind == pl.Boolean and isinstance(item, bool | int) and not ordered:
        return bool(item)
    if kind == pl.String and isinstance(item, str) and not ordered:
        return item
    if kind == pl.Date and isinstance(item, date):
        return item.date() if isinstance(item, datetime) else item
    if isinstance(kind, pl.Datetime) and isinstance(item, date):
        moment = item if isinstance(item, datetime) else datetime(item.year, item.month, item.day)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned if kind.time_zone else zoned.astimezone(UTC).replace(tzinfo=None)
    raise TypeError(f"{name} {item!r} cannot be compared with a column of {kind}")
