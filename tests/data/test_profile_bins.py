"""Bins of merged profiles: all rows are in them, near where the values are."""

from __future__ import annotations

import polars as pl

from mlops_tui.services.profiles import merged
from mlops_tui.worker.profile import profile


def test_bins_of_two_files_count_the_rows_of_both() -> None:
    parts = [
        pl.DataFrame({"x": [float(n) for n in range(1000)], "s": ["a", "b"] * 500}),
        pl.DataFrame({"x": [float(n) for n in range(500, 1500)], "s": ["b"] * 1000}),
    ]
    number, text = merged([profile(part) for part in parts])
    exact = pl.concat(parts)["x"]
    assert len(number["bins"]) == 12 and "bins" not in text
    assert abs(sum(rows for *_, rows in number["bins"]) - 2000) <= 12, "rounding only"
    for low, high, rows in number["bins"][1:-1]:
        inside = exact.filter((exact > low) & (exact <= high)).len()
        assert abs(rows - inside) < 60, (low, high, rows, inside)
    assert number["bins"][0][0] == 0.0 and number["bins"][-1][1] == 1499.0
    assert (number["distinct"], number["distinct_exact"]) == (1000, False), "at least so many"
    assert (text["distinct"], text["distinct_exact"]) == (2, True), "both files list all their values"


def test_one_value_has_no_bins() -> None:
    constant, empty = merged([profile(pl.DataFrame({"x": [3.0] * 50, "y": [None] * 50}))])
    assert constant["bins"] == [] and empty.get("bins") is None


def test_nulls_are_in_no_bin() -> None:
    [found] = merged([profile(pl.DataFrame({"x": [float(n) if n % 2 else None for n in range(400)]}))])
    assert abs(sum(rows for *_, rows in found["bins"]) - 200) <= 12
