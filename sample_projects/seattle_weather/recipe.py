"""Tomorrow's high in Seattle, from today's weather and the station's own past."""

import math

import polars as pl

from mlops_tui.recipes import window_view


def prepare(frame: pl.DataFrame) -> pl.DataFrame:
    """Row-wise: the season as a point on a circle, today's range, and the week (what the gate resamples)."""
    angle = pl.col("date").dt.ordinal_day() * (2 * math.pi / 365.25)
    return frame.with_columns(
        season_sin=angle.sin(),
        season_cos=angle.cos(),
        temp_range=pl.col("temp_max") - pl.col("temp_min"),
        week=pl.col("date").dt.truncate("1w").cast(pl.String),
    )


# Days before today: a day's row becomes known when it ends (knowledge_delay in mlops.toml), and today's own
# measurements are columns of the row itself.
last_3d = window_view(
    source="daily",
    entities=["station"],
    window="3d",
    aggregates={"max_mean": ("temp_max", "mean"), "rain": ("precipitation", "sum")},
)

last_7d = window_view(
    source="daily",
    entities=["station"],
    window="7d",
    aggregates={
        "max_mean": ("temp_max", "mean"),
        "max_std": ("temp_max", "std"),
        "rain": ("precipitation", "sum"),
    },
)

last_30d = window_view(
    source="daily",
    entities=["station"],
    window="30d",
    aggregates={"max_mean": ("temp_max", "mean"), "min_mean": ("temp_min", "mean")},
)
