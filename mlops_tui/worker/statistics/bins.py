"""The reference profile of a column: its bins, counts, counts per batch and a thin sample. Plain JSON.

Numbers: ten deciles of the reference with open ends; a value that holds more than a decile gets bins of its own, and
up to ten distinct values are compared as categories. Categories: shares below 1 % are pooled; NULL and unseen
categories have bins of their own. Categories seen once stand for the unseen ones of the reference (Good-Turing: the
chance that the next row is unseen is the share of categories seen once), or any column with a long tail would drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import msgspec
import numpy as np
import polars as pl

from mlops_tui.worker.statistics.ranking import Floats, Integers

Kind = Literal["numeric", "category", "identifier", "empty"]
DECILES = 10
RARE_SHARE = 0.01
MAX_CATEGORIES = 10_000
MAX_BATCHES = 400
SAMPLE = 1001


class ColumnProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of one reference column. Bin order: value bins, then (categories) rare and unseen, NULL last.

    `edges`: upper ends, inclusive, of all value bins but the last. `categories`: those with a bin; `rare`: known ones
    without. `sample`: up to 1001 order statistics. `batch_counts`: a row of counts per reference day or batch
    (`batch_unit`), in order of time; with more than 400 of them a row stands for `batch_span` neighbours.
    """

    name: str
    kind: Kind
    dtype: str
    rows: int
    counts: list[int]
    edges: list[float] = []
    categories: list[str] = []
    rare: list[str] = []
    batch_counts: list[list[int]] = []
    batch_unit: str = "none"
    batch_span: float = 1.0
    sample: list[float] = []
    mean: float | None = None
    sd: float | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The reference of a drift check. Serialise with `msgspec.json.encode`, read with `decode_profile`."""

    rows: int
    columns: list[ColumnProfile]


@dataclass(frozen=True, slots=True)
class Units:
    """Days or batches (`name`) of the rows: `codes` (n,) in 0..k-1 in order of time, `span` labels to a code."""

    name: str
    codes: Integers
    k: int
    span: float


def decode_profile(data: bytes | str) -> Profile:
    return msgspec.json.decode(data, type=Profile)


def build_profile(reference: pl.DataFrame, *, batches: Any = None, days: Any = None) -> Profile:
    """Profile every column. `batches`, `days`: labels of the rows (n,), to learn how they differ without drift.

    The finer of the two is kept: days, unless the batches outnumber them. Days have to sort in order of time.
    """
    units = _units(batches, days, reference.height)
    columns = [profile_column(reference[name], units) for name in reference.columns]
    return Profile(rows=reference.height, columns=columns)


def profile_column(column: pl.Series, units: Units | None = None) -> ColumnProfile:
    """Profile one column; `units`: the days or batches of its rows."""
    kind, values = comparable(column)
    known = values.drop_nulls()
    common: dict[str, Any] = {"name": column.name, "dtype": str(column.dtype), "rows": len(column)}
    if not len(known):
        bare = ColumnProfile(kind="empty", counts=[], **common)
    elif kind == "numeric" and known.n_unique() > DECILES:
        bare = ColumnProfile(
            kind="numeric", counts=[], edges=_edges(known.to_numpy()), **common, **_moments(known)
        )
    else:
        bare = _category_profile(known, common, _moments(known) if kind == "numeric" else {})
    bins = assign(bare, column, reference=True)
    size = n_bins(bare)
    done = msgspec.structs.replace(bare, counts=np.bincount(bins, minlength=size).tolist())
    if units is None or units.k < 2:
        return done
    flat = np.bincount(units.codes * size + bins, minlength=units.k * size)
    return msgspec.structs.replace(
        done,
        batch_counts=flat.reshape(units.k, size).tolist(),
        batch_unit=units.name,
        batch_span=units.span,
    )


def n_bins(profile: ColumnProfile) -> int:
    """Number of bins, the NULL bin included."""
    if profile.kind == "numeric":
        return len(profile.edges) + 2
    return len(profile.categories) + 3 if profile.kind == "category" else 2


def bin_names(profile: ColumnProfile) -> list[str]:
    """A readable name per bin, in bin order."""
    if profile.kind == "numeric":
        ends = [f"{edge:.6g}" for edge in profile.edges]
        inner = [f"({a}, {b}]" for a, b in pairwise(ends)]
        return [f"≤ {ends[0]}", *inner, f"> {ends[-1]}", "NULL"] if ends else ["all values", "NULL"]
    if profile.kind == "category":
        return [*profile.categories, "rare", "unseen", "NULL"]
    return ["present", "NULL"]


def assign(profile: ColumnProfile, column: pl.Series, *, reference: bool = False) -> Integers:
    """Bin of each row (n,). Values that do not fit the profile's type are unseen, or NULL for numbers."""
    _, values = comparable(column)
    null = n_bins(profile) - 1
    if profile.kind == "numeric":
        numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
        at = np.searchsorted(np.array(profile.edges), numbers.fill_null(0.0).to_numpy(), side="left")
        return np.where(numbers.is_null().to_numpy(), null, at).astype(np.int64)
    if profile.kind != "category":
        return np.where(values.is_null().to_numpy(), 1, 0).astype(np.int64)
    text = as_text(values)
    size = len(profile.categories)
    names = [*profile.categories, *profile.rare]
    places = [*range(size), *([size] * len(profile.rare))]
    table = pl.DataFrame(
        {"value": pl.Series(names, dtype=pl.String), "bin": pl.Series(places, dtype=pl.Int64)}
    )
    if reference:
        once = text.drop_nulls().value_counts(name="n").filter(pl.col("n") == 1)["value"]
        singles = pl.col("value").is_in(once.implode()) & (pl.col("bin") == size)
        table = table.with_columns(bin=pl.when(singles).then(size + 1).otherwise("bin"))
    bins = text.to_frame().join(table, on="value", how="left", maintain_order="left")["bin"]
    return np.where(text.is_null().to_numpy(), null, bins.fill_null(size + 1).to_numpy()).astype(np.int64)


def comparable(column: pl.Series) -> tuple[Literal["numeric", "text"], pl.Series]:
    """A column as Float64 (numbers, dates and times; NaN is NULL) or as it is, to be compared as text."""
    dtype = column.dtype
    if dtype.is_temporal():
        return "numeric", column.to_physical().cast(pl.Float64)
    if dtype.is_numeric():
        return "numeric", column.cast(pl.Float64).fill_nan(None)
    return "text", column


def as_text(values: pl.Series) -> pl.Series:
    """Category names, as a series called "value". Numbers as Float64 prints, nested values as Python does."""
    if values.dtype.is_nested() or values.dtype == pl.Object:
        return pl.Series("value", [None if v is None else str(v) for v in values.to_list()], dtype=pl.String)
    text = values.bin.encode("hex") if values.dtype == pl.Binary else values.cast(pl.String, strict=False)
    return text.alias("value")


def _category_profile(known: pl.Series, common: dict[str, Any], moments: dict[str, Any]) -> ColumnProfile:
    text = as_text(known)
    counts = text.value_counts(name="n").sort("n", "value", descending=[True, False])
    if counts.height > MAX_CATEGORIES:
        return ColumnProfile(kind="identifier", counts=[], **common)
    often = counts["n"] >= max(2.0, RARE_SHARE * len(known)) if counts.height > 2 else counts["n"] > 0
    return ColumnProfile(
        kind="category",
        counts=[],
        categories=counts.filter(often)["value"].to_list(),
        rare=counts.filter(~often)["value"].to_list(),
        **common,
        **moments,
    )


def _edges(values: Floats) -> list[float]:
    """Inner deciles, which are values of the data; around a value that takes several deciles, both its ends."""
    cuts = np.quantile(values, np.arange(1, DECILES) / DECILES, method="inverted_cdf")
    cuts = cuts[np.isfinite(cuts)]
    distinct, times = np.unique(cuts, return_counts=True)
    below = np.nextafter(distinct[times > 1], -np.inf)
    return [float(edge) for edge in np.union1d(distinct, below)]


def _moments(known: pl.Series) -> dict[str, Any]:
    values = np.sort(known.to_numpy())
    values = values[np.isfinite(values)]
    if not len(values):
        return {}
    picks = np.unique(np.round(np.linspace(0, len(values) - 1, SAMPLE)).astype(np.int64))
    return {"sample": values[picks].tolist(), "mean": float(values.mean()), "sd": float(values.std())}


def _units(batches: Any, days: Any, rows: int) -> Units | None:
    for labels in (batches, days):
        if labels is not None and len(labels) != rows:
            raise ValueError(f"batch or day labels do not fit the {rows} rows of the reference")
    if not rows or (batches is None and days is None):
        return None
    of_days = None if days is None else _in_order(days, None)
    of_batches = None if batches is None else _in_order(batches, None if of_days is None else of_days[0])
    if of_days is not None and (of_batches is None or of_days[1] > of_batches[1]):
        name, (codes, k) = "day", of_days
    else:
        assert of_batches is not None
        name, (codes, k) = "batch", of_batches
    if k <= MAX_BATCHES:
        return Units(name, codes, k, 1.0)
    return Units(name, codes * MAX_BATCHES // k, MAX_BATCHES, k / MAX_BATCHES)


def _in_order(labels: Any, when: Integers | None) -> tuple[Integers, int]:
    """Codes 0..k-1 of the labels and k: in order of their mean `when`, else as the labels sort."""
    series = labels if isinstance(labels, pl.Series) else pl.Series(np.asarray(labels))
    frame = series.alias("label").to_frame()
    if when is None:
        known = frame.unique(maintain_order=True).sort("label")
    else:
        timed = frame.with_columns(when=pl.Series(when))
        known = (
            timed.group_by("label", maintain_order=True)
            .agg(pl.col("when").mean())
            .sort("when", maintain_order=True)
        )
    known = known.select("label").with_row_index("code")
    codes = frame.join(known, on="label", how="left", nulls_equal=True, maintain_order="left")["code"]
    return codes.to_numpy().astype(np.int64), known.height
