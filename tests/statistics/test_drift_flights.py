"""A season and no season: a winter of the sample project against its April and its July."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlops_tui.worker.statistics import drift

DATA = Path(__file__).parents[2] / "sample_projects" / "flight_delays" / "data"
CALENDAR = ["carrier", "origin", "dest", "distance", "minute_of_day", "weekday"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]


def months(*numbers: int) -> pl.DataFrame:
    """Flights with the weather of their hour, `day` in UTC."""
    parts = {
        kind: pl.concat(
            [pl.read_parquet(DATA / kind / f"2013-{n:02}.parquet") for n in numbers], how="diagonal_relaxed"
        )
        for kind in ("flights", "weather")
    }
    local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
    flights = parts["flights"].with_columns(
        minute_of_day=local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute(),
        weekday=local.dt.weekday(),
        day=pl.col("scheduled").dt.date(),
    )
    weather = parts["weather"].select("origin", "time_hour", *WEATHER)
    return flights.join(weather, on=["origin", "time_hour"], how="left").select(*CALENDAR, *WEATHER, "day")


@pytest.fixture(scope="module")
def winter():
    rows = months(1, 2, 3)
    return drift.build_profile(rows.drop("day"), days=rows["day"])


def findings(winter, month: int) -> dict[str, drift.ColumnDrift]:
    rows = months(month)
    return {one.name: one for one in drift.drift_columns(winter, rows.drop("day"), chunk_days=rows["day"])}


def test_a_timetable_does_not_drift_from_winter_to_april(winter):
    april = findings(winter, 4)
    assert not any(april[name].alert for name in CALENDAR)
    assert april["weekday"].psi < april["weekday"].band, "weeks begin on other days of the month"
    assert april["temp"].chunk_batches == pytest.approx(30, abs=1) and april["temp"].block == 10


def test_summer_drifts_from_winter(winter):
    july = findings(winter, 7)
    assert july["temp"].severity == july["dewp"].severity == "major"
    assert not any(july[name].alert for name in CALENDAR)
    rows = months(7)
    as_one_day = {one.name: one for one in drift.drift_columns(winter, rows.drop("day"))}
    assert as_one_day["wind_dir"].band > 10 * july["wind_dir"].band
