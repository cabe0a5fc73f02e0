"""Drift of a chunk of rows against a reference profile, per column, honest about what happens without drift.

PSI decides: a column alerts if its PSI is above the noise band, is at least 0.1, and survives Benjamini-Hochberg
over all columns on its p-value (noise.py), so that a chunk without drift alarms in at most one case of twenty,
however many columns there are. KS, Jensen-Shannon, Wasserstein and chi-square are shown beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl

from mlops_tui.worker.statistics import bins, blocks, distances, noise
from mlops_tui.worker.statistics.bins import ColumnProfile, Profile, build_profile, decode_profile
from mlops_tui.worker.statistics.blocks import effective_number
from mlops_tui.worker.statistics.estimates import (
    DomainClassifier,
    PerformanceEstimate,
    cbpe,
    decay,
    domain_classifier,
)
from mlops_tui.worker.statistics.ranking import NAN, Floats

__all__ = [
    "ColumnDrift",
    "DomainClassifier",
    "PerformanceEstimate",
    "Profile",
    "build_profile",
    "cannot_tell",
    "cbpe",
    "chunk_alerts",
    "decay",
    "decode_profile",
    "domain_classifier",
    "drift_columns",
    "k_of_n",
    "label_shift",
    "prediction_drift",
]

ALERT_PSI = 0.1
MAJOR_PSI = 0.25
MIN_ROWS = 100
LEVEL = 0.95

Severity = Literal["none", "alert", "major"]
Status = Literal[
    "COMPARED", "TOO_FEW_ROWS", "EMPTY", "ALL_NULL", "NEW_COLUMN", "MISSING_COLUMN", "TYPE_CHANGED"
]
DEFINITION = (
    "PSI = sum (p-q) ln(p/q) over reference deciles or categories, floor 1e-4; alert: PSI above the noise band, "
    "at least 0.1 (major 0.25), and significant across columns (Benjamini-Hochberg, 5 %); never below 100 rows"
)
FEW_BATCHES = (
    "; few batches: the reference has fewer than nine days or batches, so the band allows for the largest PSI of one of "
    "them against the others, and a batch that is odder by nature than these may alert"
)


class ColumnDrift(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one column. NaN: not computed.

    `band` is the larger of `chi2_band` and `batch_band` (the 95 % point of PSI that the spread between the reference's
    own days allows a chunk of as many days and rows). `batches`: the reference's days or batches (`batch_unit`), compared in
    blocks of `block`; `chunk_batches`: how many of equal size the chunk amounts to; `few_batches`: fewer than nine of the
    reference, see `FEW_BATCHES`. `p_value` is of a distance as large without drift, `p_adjusted` over all columns. `effect` is Cramer's V.
    A finding with status other than COMPARED and TOO_FEW_ROWS is news by itself, whatever the alert says.
    """

    name: str
    kind: str
    status: Status
    alert: bool
    severity: Severity
    reason: str
    reference_rows: int
    current_rows: int
    psi: float = NAN
    band: float = NAN
    chi2_band: float = NAN
    batch_band: float = NAN
    batches: int = 0
    batch_unit: str = "none"
    block: int = 0
    chunk_batches: float = 1.0
    few_batches: bool = False
    bins: int = 0
    p_value: float = NAN
    p_adjusted: float = NAN
    ks: float = NAN
    ks_p: float = NAN
    js: float = NAN
    wasserstein: float = NAN
    chi2: float = NAN
    chi2_p: float = NAN
    effect: float = NAN
    reference_null_share: float = NAN
    current_null_share: float = NAN
    bin_names: tuple[str, ...] = ()
    reference_shares: tuple[float, ...] = ()
    current_shares: tuple[float, ...] = ()
    definition: str = DEFINITION


def drift_columns(
    reference: Profile | pl.DataFrame,
    current: pl.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    batches: Any = None,
    days: Any = None,
    chunk_batches: Any = None,
    chunk_days: Any = None,
    alpha: float = 0.05,
) -> list[ColumnDrift]:
    """Compare a chunk with the reference, column by column, in the reference's order, new columns last.

    `reference`: a stored profile, or the rows (then `batches` and `days` label them, see `build_profile`). `columns`
    restricts the comparison. `chunk_batches`, `chunk_days`: labels of the chunk's rows; without them the chunk counts
    as one day or batch, and a month of rows is allowed to stray as a day may. An empty, all-NULL, new, missing or re-typed column is a finding and never an error.
    """
    profile = (
        reference if isinstance(reference, Profile) else build_profile(reference, batches=batches, days=days)
    )
    wanted = None if columns is None else set(columns)
    known = [one for one in profile.columns if wanted is None or one.name in wanted]
    makeup = {"day": effective_number(chunk_days), "batch": effective_number(chunk_batches)}
    found = [_compare(one, current, makeup.get(one.batch_unit, 1.0)) for one in known]
    names = {one.name for one in profile.columns}
    for name in current.columns:
        if name not in names and (wanted is None or name in wanted):
            found.append(_new_column(current[name]))
    adjusted = distances.benjamini_hochberg([one.p_value for one in found])
    return [_decide(one, float(p), alpha) for one, p in zip(found, adjusted, strict=True)]


def chunk_alerts(findings: Sequence[ColumnDrift]) -> bool:
    """Whether the chunk as a whole alarms: any of its columns does."""
    return any(finding.alert for finding in findings)


def cannot_tell(findings: Sequence[ColumnDrift]) -> str:
    """`48 of 100 rows` where nothing could have alarmed, for there are too few rows on one side; else "". No alarm is no news then."""
    if not findings or any(finding.status not in ("TOO_FEW_ROWS", "EMPTY") for finding in findings):
        return ""
    return f"{min(min(one.reference_rows, one.current_rows) for one in findings):,} of {MIN_ROWS} rows"


def k_of_n(flags: Sequence[bool], k: int, n: int) -> bool:
    """Whether at least k of the last n chunks (oldest first, not overlapping) raised their flag."""
    if not 1 <= k <= n:
        raise ValueError(f"k_of_n {k}/{n}: k has to be from 1 to n")
    return sum(bool(flag) for flag in flags[-n:]) >= k


def prediction_drift(reference: Any, current: Any, **labels: Any) -> ColumnDrift:
    """P(prediction): scores or classes (n,) of the evaluation against those of the chunk. `labels`: see `drift_columns`."""
    return _one_series("prediction", reference, current, labels)


def label_shift(reference: Any, current: Any, **labels: Any) -> ColumnDrift:
    """P(Y): labels (n,) of the reference against the mature labels of the chunk. `labels`: see `drift_columns`."""
    return _one_series("label", reference, current, labels)


def _one_series(name: str, reference: Any, current: Any, labels: dict[str, Any]) -> ColumnDrift:
    chunk = pl.Series(name, current).to_frame()
    if isinstance(reference, Profile):
        renamed = msgspec.structs.replace(reference.columns[0], name=name)
        return drift_columns(Profile(rows=reference.rows, columns=[renamed]), chunk, **labels)[0]
    return drift_columns(pl.Series(name, reference).to_frame(), chunk, **labels)[0]


def _compare(profile: ColumnProfile, current: pl.DataFrame, units: float) -> ColumnDrift:
    n, m = profile.rows, current.height
    base = _finding(profile.name, profile.kind, "COMPARED", "", n, m)
    replace = msgspec.structs.replace
    if profile.name not in current.columns:
        return replace(base, status="MISSING_COLUMN", reason="the chunk has no such column", current_rows=0)
    column = current[profile.name]
    if not n or not m:
        return replace(
            base, status="EMPTY", reason=f"{'the reference' if not n else 'the chunk'} has no rows"
        )
    at = bins.assign(profile, column)
    p_counts = np.array(profile.counts, dtype=np.float64)
    q_counts = np.bincount(at, minlength=len(p_counts)).astype(np.float64)
    finding = _measured(profile, base, p_counts, q_counts, units)
    if profile.kind == "numeric" or profile.sample:
        finding = _with_samples(profile, finding, column)
    if column.null_count() == m:
        return replace(finding, status="ALL_NULL", reason="every value of the chunk is NULL")
    if _type_changed(profile, column):
        return replace(finding, status="TYPE_CHANGED", reason=f"{profile.dtype} became {column.dtype}")
    if min(n, m) < MIN_ROWS:
        few = f"{min(n, m)} rows, nothing alerts below {MIN_ROWS}"
        return replace(finding, status="TOO_FEW_ROWS", reason=few)
    return finding


def _measured(
    profile: ColumnProfile, base: ColumnDrift, p_counts: Floats, q_counts: Floats, units: float
) -> ColumnDrift:
    n, m = profile.rows, int(q_counts.sum())
    used = (p_counts > 0) | (q_counts > 0)
    b = int(used.sum())
    by_day = np.array(profile.batch_counts, dtype=np.float64).reshape(-1, len(p_counts))[:, used]
    spread = blocks.spread(by_day, units, profile.batch_span)
    null = noise.null_of(p_counts[used], q_counts[used], by_day, spread)
    index = distances.psi(p_counts[used] / n, q_counts[used] / m)
    chi2_band, batch_band = noise.chi_square_band(b, n, m, LEVEL), null.quantile(LEVEL)
    chi2, chi2_p, effect = distances.chi_square(p_counts, q_counts)
    return msgspec.structs.replace(
        base,
        psi=index,
        bins=b,
        band=max(chi2_band, batch_band),
        chi2_band=chi2_band,
        batch_band=batch_band,
        batches=spread.days,
        batch_unit=profile.batch_unit,
        block=spread.block,
        chunk_batches=units,
        few_batches=spread.few,
        definition=DEFINITION + FEW_BATCHES if spread.few else DEFINITION,
        p_value=noise.p_value(p_counts[used], q_counts[used], spread),
        js=distances.js_distance(p_counts, q_counts),
        chi2=chi2,
        chi2_p=chi2_p,
        effect=effect,
        reference_null_share=float(p_counts[-1] / n),
        current_null_share=float(q_counts[-1] / m),
        bin_names=tuple(bins.bin_names(profile)),
        reference_shares=tuple((p_counts / n).tolist()),
        current_shares=tuple((q_counts / m).tolist()),
    )


def _with_samples(profile: ColumnProfile, finding: ColumnDrift, column: pl.Series) -> ColumnDrift:
    kind, values = bins.comparable(column)
    if kind != "numeric" or not profile.sample:
        return finding
    numbers = values.drop_nulls().to_numpy()
    numbers = numbers[np.isfinite(numbers)]
    present = round((1 - finding.reference_null_share) * profile.rows)
    d, p = distances.ks(profile.sample, numbers, (max(1, present), max(1, len(numbers))))
    moved = distances.wasserstein(profile.sample, numbers, profile.sd or 0.0)
    return msgspec.structs.replace(finding, ks=d, ks_p=p, wasserstein=moved)


def _decide(finding: ColumnDrift, p_adjusted: float, alpha: float) -> ColumnDrift:
    replace = msgspec.structs.replace
    if finding.status in ("EMPTY", "MISSING_COLUMN", "NEW_COLUMN", "TOO_FEW_ROWS"):
        return replace(finding, p_adjusted=p_adjusted)
    enough = min(finding.reference_rows, finding.current_rows) >= MIN_ROWS
    high = finding.psi >= ALERT_PSI and finding.psi > finding.band
    alert = enough and high and p_adjusted <= alpha
    severity: Severity = "none" if not alert else "major" if finding.psi >= MAJOR_PSI else "alert"
    shown = f"PSI {finding.psi:.3f}, noise band {finding.band:.3f}, adjusted p {p_adjusted:.2g}"
    if finding.few_batches:
        shown += f", few batches ({finding.batches}): the band is their largest distance"
    reason = f"{finding.reason}; {shown}" if finding.reason else shown
    return replace(finding, p_adjusted=p_adjusted, alert=alert, severity=severity, reason=reason)


def _type_changed(profile: ColumnProfile, column: pl.Series) -> bool:
    was_number = profile.kind == "numeric" or bool(profile.sample)
    return profile.kind in ("numeric", "category") and was_number != (bins.comparable(column)[0] == "numeric")


def _new_column(column: pl.Series) -> ColumnDrift:
    kind = "numeric" if bins.comparable(column)[0] == "numeric" else "category"
    return _finding(column.name, kind, "NEW_COLUMN", "the reference has no such column", 0, len(column))


def _finding(name: str, kind: str, status: Status, reason: str, n: int, m: int) -> ColumnDrift:
    return ColumnDrift(
        name=name,
        kind=kind,
        status=status,
        alert=False,
        severity="none",
        reason=reason,
        reference_rows=n,
        current_rows=m,
    )
