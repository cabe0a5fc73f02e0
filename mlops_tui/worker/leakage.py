"""Signs that a model would know at training what it cannot know at prediction time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

PERFECT_AUC = 0.9999
PERFECT_CORRELATION = 0.99999
MIN_ROWS = 30
_SAMPLE = 20_000


def differing(a: pl.Series, b: pl.Series) -> pl.Series:
    """Where two columns of one length differ; NULL equals NULL, NaN equals NaN, floats to 1e-9 of their size."""
    if a.dtype != b.dtype:
        empty = a.null_count() == a.len() and b.null_count() == b.len()
        return pl.repeat(not empty, a.len(), dtype=pl.Boolean, eager=True)
    if a.dtype.is_float():
        x, y = a.to_numpy().astype(np.float64), b.to_numpy().astype(np.float64)
        with np.errstate(invalid="ignore"):
            close = np.isclose(x, y, rtol=1e-9, atol=1e-12, equal_nan=True)
        return pl.Series(~close | (a.is_null() != b.is_null()).to_numpy())
    return a.ne_missing(b)


def proxies(frame: pl.DataFrame, columns: Sequence[str], target: str, task: str) -> list[tuple[str, str]]:
    """(column, why) for every column that gives the target away: equal to it, or in a one-to-one order with it.

    Looks at up to 20,000 rows, evenly spaced; columns with fewer than 30 values say nothing.
    """
    step = max(1, frame.height // _SAMPLE)
    rows = frame.gather_every(step).select(*columns, target).filter(pl.col(target).is_not_null())
    found: list[tuple[str, str]] = []
    for column in columns:
        why = _gives_away(rows[column], rows[target], task)
        if why:
            found.append((column, why))
    return found


def _gives_away(values: pl.Series, target: pl.Series, task: str) -> str:
    missing = values.is_null() | (
        values.is_nan() if values.dtype.is_float() else pl.repeat(False, values.len(), eager=True)
    )
    present = ~missing.fill_null(True)
    if (
        task != "regression"
        and MIN_ROWS <= present.sum() <= values.len() - MIN_ROWS
        and _pure(present, target)
    ):
        return "whether it is missing tells the target"
    values, target = values.filter(present), target.filter(present)
    if values.len() < MIN_ROWS or target.n_unique() < 2:
        return ""
    numeric = values.dtype.is_numeric() or values.dtype.is_temporal() or values.dtype == pl.Boolean
    if task == "regression":
        return _follows(values, target) if numeric else ""
    if values.n_unique() <= min(50, values.len() // 10) and _pure(values, target):
        return "each of its values goes with one value of the target"
    if numeric and target.n_unique() == 2:
        score = auc(values, target == target.max())
        if max(score, 1 - score) >= PERFECT_AUC:
            return f"it alone ranks the target with AUC {score:.5f}"
    return ""


def _pure(values: pl.Series, target: pl.Series) -> bool:
    """Whether each value goes with one target only, and there is more than one target."""
    pairs = pl.DataFrame({"v": values.cast(pl.String), "t": target.cast(pl.String)}).unique()
    return pairs.height == pairs["v"].n_unique() and pairs["t"].n_unique() > 1


def _follows(values: pl.Series, target: pl.Series) -> str:
    x, y = values.to_physical().cast(pl.Float64), target.cast(pl.Float64)
    for name, a, b in (("", x, y), ("rank ", x.rank(), y.rank())):
        deviation = float(a.std() or 0.0) * float(b.std() or 0.0)  # type: ignore[arg-type]
        if deviation > 0:
            value = float(np.corrcoef(a.to_numpy(), b.to_numpy())[0, 1])
            if abs(value) >= PERFECT_CORRELATION:
                return f"its {name}correlation with the target is {value:.6f}"
    return ""


def auc(values: pl.Series, positive: pl.Series) -> float:
    """Area under the ROC curve of one column; ties count half. 0.5 where a class is missing."""
    flags = positive.to_numpy()
    n1, n0 = int(flags.sum()), int((~flags).sum())
    if not n1 or not n0:
        return 0.5
    ranks = values.to_physical().cast(pl.Float64).rank("average").to_numpy()
    return float((ranks[flags].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
