"""Split the Seattle weather of the PyPI package vega-datasets (0.9.0) into half-year CSV files.

pip install vega-datasets==0.9.0 polars
python make_data.py
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import polars as pl

HERE = Path(__file__).resolve().parent


def main() -> None:
    spec = importlib.util.find_spec("vega_datasets")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("vega_datasets is not installed: pip install vega-datasets==0.9.0")
    path = Path(next(iter(spec.submodule_search_locations))) / "_data" / "seattle-weather.csv"
    frame = pl.read_csv(path).with_columns(date=pl.col("date").str.to_date("%Y/%m/%d")).sort("date")
    # A day's row is complete when the day ends; its target, the next day's high, one day later.
    frame = frame.with_columns(
        temp_max_tomorrow=pl.when(pl.col("date").shift(-1) == pl.col("date").dt.offset_by("1d")).then(
            pl.col("temp_max").shift(-1)
        ),
        station=pl.lit("SEA"),
    ).select("station", pl.exclude("station"))
    folder = HERE / "data" / "daily"
    folder.mkdir(parents=True, exist_ok=True)
    half = (
        pl.col("date").dt.year().cast(pl.String)
        + "-h"
        + ((pl.col("date").dt.month() + 5) // 6).cast(pl.String)
    )
    for (name,), rows in frame.with_columns(half=half).partition_by("half", as_dict=True).items():
        rows.drop("half").write_csv(folder / f"{name}.csv")


if __name__ == "__main__":
    main()
