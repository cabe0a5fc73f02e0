"""Batch profiles put together, and compared: what can be said of the data without reading them again.

A profile keeps 21 quantiles and the most frequent values of a column, so what is computed here is close, not exact;
a drift run compares the rows themselves.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.errors import Problem
from mlops_store.home import Home

Column = dict[str, Any]
_BINS = 10
_FLOOR = 1e-4
DEFINITION = "PSI from batch profiles (21 quantiles, the most frequent values): approximate"


def read(home: Home, stored: Sequence[str]) -> list[dict[str, Any]]:
    """The profiles that lie beside stored files. One that is missing or damaged is left out: `doctor` names it."""
    found: list[dict[str, Any]] = []
    for path in stored:
        file = home.resolve(path)
        name = file.name.split(".")[0].split("-")[0]
        try:
            one = read_json_if(file.with_name(f"{name}.profile.json"), dict[str, Any])
        except (msgspec.DecodeError, Problem):
            continue
        if one is not None:
            found.append(one)
    return found


def merged(profiles: Sequence[dict[str, Any]]) -> list[Column]:
    """One entry a column over all profiles: {name, type, rows, nulls, distinct, distinct_exact, min, max, mean, bins, top}.

    `distinct` is exact for one profile, and over several where each lists all its values; else there are at least so many. `bins` are [from, to, rows]: ten of one width between the
    5 % and the 95 % quantile, and one for each tail.
    """
    parts: dict[str, list[Column]] = {}
    for profile in profiles:
        for column in profile["columns"]:
            parts.setdefault(column["name"], []).append(column)
    return [_merge(name, columns) for name, columns in parts.items()]


def _merge(name: str, columns: list[Column]) -> Column:
    rows, nulls = sum(c["rows"] for c in columns), sum(c["nulls"] for c in columns)
    found: Column = {"name": name, "type": columns[-1]["type"], "rows": rows, "nulls": nulls}
    numeric = [c for c in columns if c.get("quantiles")]
    if numeric:
        weights = [c["rows"] - c["nulls"] for c in numeric]
        total = sum(weights) or 1
        found["min"] = min(c["min"] for c in numeric)
        found["max"] = max(c["max"] for c in numeric)
        found["mean"] = sum((c["mean"] or 0.0) * w for c, w in zip(numeric, weights, strict=True)) / total
        found["bins"] = _bins(numeric)
    counted: Counter[Any] = Counter()
    for column in columns:
        counted.update({_hashable(value): count for value, count in column.get("top", [])})
    every = all(c.get("distinct", 0) == len(c.get("top", [])) for c in columns)
    found["distinct"] = max(len(counted), *(c.get("distinct", 0) for c in columns))
    found["distinct_exact"] = every or len(columns) == 1
    if counted:
        found["top"] = [[value, count] for value, count in counted.most_common(10)]
    return found


def _bins(columns: list[Column]) -> list[tuple[float, float, int]]:
    """Rows by value, of columns that have quantiles; none where all values are one."""
    points = sorted((q, c["rows"] - c["nulls"]) for c in columns for q in c["quantiles"])
    low, high = _at(points, 0.05), _at(points, 0.95)
    cuts = [low + (high - low) * part / _BINS for part in range(_BINS + 1)]
    if len(set(cuts)) <= _BINS:
        return []
    total = sum(c["rows"] for c in columns)
    shares = _number_shares(columns, cuts)[:-1]
    ends = itertools.pairwise([points[0][0], *cuts, points[-1][0]])
    return [(a, b, round(share * total)) for (a, b), share in zip(ends, shares, strict=True)]


def _at(points: list[tuple[float, int]], share: float) -> float:
    """The value below which that share of the weight lies."""
    wanted, seen = share * sum(weight for _, weight in points), 0.0
    for value, weight in points:
        seen += weight
        if seen >= wanted:
            return value
    return points[-1][0]


def compare(a: Sequence[dict[str, Any]], b: Sequence[dict[str, Any]]) -> list[Column]:
    """Column by column: {name, rows_a, rows_b, null_share_a, null_share_b, mean_a, mean_b, psi, definition}."""
    before, after = ({c["name"]: c for c in merged(side)} for side in (a, b))
    found: list[Column] = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        found.append(
            {
                "name": name,
                "rows_a": old["rows"] if old else 0,
                "rows_b": new["rows"] if new else 0,
                "null_share_a": _share(old),
                "null_share_b": _share(new),
                "mean_a": old.get("mean") if old else None,
                "mean_b": new.get("mean") if new else None,
                "psi": _psi(_parts(a, name), _parts(b, name)) if old and new else None,
                "definition": DEFINITION,
            }
        )
    return found


def _share(column: Column | None) -> float | None:
    return column["nulls"] / column["rows"] if column and column["rows"] else None


def _parts(profiles: Sequence[dict[str, Any]], name: str) -> list[Column]:
    return [column for profile in profiles for column in profile["columns"] if column["name"] == name]


def _psi(a: list[Column], b: list[Column]) -> float | None:
    numeric = [column for column in (*a, *b) if column.get("quantiles")]
    distinct = max((column["distinct"] for column in (*a, *b)), default=0)
    if numeric and distinct > _BINS:
        edges = _edges([column for column in a if column.get("quantiles")])
        shares = [_number_shares(side, edges) for side in (a, b)]
    else:
        values = sorted(
            {_hashable(value) for column in (*a, *b) for value, _ in column.get("top", [])}, key=str
        )
        shares = [_value_shares(side, values) for side in (a, b)]
    if not all(sum(side) for side in shares):
        return None
    floored = [[max(_FLOOR, share) for share in side] for side in shares]
    used = [i for i in range(len(floored[0])) if shares[0][i] > 0 or shares[1][i] > 0]
    return sum((floored[0][i] - floored[1][i]) * math.log(floored[0][i] / floored[1][i]) for i in used)


def _edges(columns: list[Column]) -> list[float]:
    """Deciles of the mixture: each quantile point stands for its share of its batch's rows."""
    points = sorted((q, c["rows"] - c["nulls"]) for c in columns for q in c["quantiles"])
    total = sum(weight for _, weight in points)
    edges: list[float] = []
    seen, at = 0.0, 1
    for value, weight in points:
        seen += weight
        while at < _BINS and seen >= total * at / _BINS:
            edges.append(value)
            at += 1
    return sorted(set(edges))


def _number_shares(columns: list[Column], edges: list[float]) -> list[float]:
    """Shares of the bins between the edges, and of NULL."""
    total = sum(c["rows"] for c in columns) or 1
    below = [
        sum(_cdf(c["quantiles"], edge) * (c["rows"] - c["nulls"]) for c in columns if c.get("quantiles"))
        for edge in edges
    ]
    present = sum(c["rows"] - c["nulls"] for c in columns if c.get("quantiles"))
    cuts = [0.0, *below, float(present)]
    nulls = sum(c["nulls"] for c in columns)
    return [*(max(0.0, high - low) / total for low, high in itertools.pairwise(cuts)), nulls / total]


def _cdf(quantiles: list[float], value: float) -> float:
    """Share of rows at or below a value, linear between quantiles."""
    steps = len(quantiles) - 1
    right = bisect_right(quantiles, value)
    if right == 0:
        return 0.0
    if right > steps:
        return 1.0
    low, high = quantiles[right - 1], quantiles[right]
    inside = (value - low) / (high - low) if high > low and bisect_left(quantiles, value) == right else 0.0
    return (right - 1 + inside) / steps


def _value_shares(columns: list[Column], values: list[Any]) -> list[float]:
    """Shares of the values, of all others together, and of NULL."""
    total = sum(c["rows"] for c in columns) or 1
    counted: Counter[Any] = Counter()
    for column in columns:
        counted.update({_hashable(value): count for value, count in column.get("top", [])})
    nulls = sum(c["nulls"] for c in columns)
    known = [counted[value] / total for value in values]
    return [*known, max(0.0, 1 - sum(known) - nulls / total), nulls / total]


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)
