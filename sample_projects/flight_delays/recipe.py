"""Will a flight out of New York leave more than 15 minutes late?

Predicted at the scheduled departure time, from what is known then: the schedule, the weather as reported at
least an hour ago, the plane, and how late earlier flights left (see lateness_known_at).
"""

import polars as pl

from mlops_tui.recipes import feature_view, window_view

LATE_MINUTES = 15


def prepare(frame: pl.DataFrame) -> pl.DataFrame:
    """Row-wise: the local clock, and, where the departure is recorded, how late it was and when that is known."""
    local = pl.col("scheduled").dt.convert_time_zone("America/New_York")
    frame = frame.with_columns(
        minute_of_day=local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute(),
        weekday=local.dt.weekday(),
    )
    if "dep_delay" not in frame.columns:  # a flight still to come
        return frame
    # A cancelled flight has no departure: no label, and its lateness is never known. More than half of the
    # flights leave early, before the moment of prediction: counting from the departure alone, a flight would
    # find itself in its own history. So lateness is known a minute after the later of schedule and departure.
    seen = pl.max_horizontal("departed_at", "scheduled") + pl.duration(minutes=1)
    return frame.with_columns(
        late=(pl.col("dep_delay") > LATE_MINUTES).cast(pl.Int8),
        delay_capped=pl.col("dep_delay").clip(-15, 120),  # one stranded flight must not make an average
        lateness_known_at=pl.when(pl.col("departed_at").is_not_null()).then(seen),
    )


@feature_view(
    source="weather",
    entities=["origin"],
    max_age="6h",
    features=["humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"],
)
def weather_at_origin(frame: pl.LazyFrame) -> pl.LazyFrame:
    # No temperature: it stands for the season, and a model of the winter has not seen the summer's.
    return frame.select(
        "origin", "time_hour", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"
    )


@feature_view(source="planes", entities=["tailnum"], features=["year_built", "seats"])
def plane(frame: pl.LazyFrame) -> pl.LazyFrame:
    return frame.select("tailnum", "listed_at", "year_built", "seats")


airport_last_1h = window_view(
    source="flights",
    entities=["origin"],
    window="1h",
    known_at="lateness_known_at",
    aggregates={
        "late_rate": ("late", "mean"),
        "mean_delay": ("delay_capped", "mean"),
        "flights": ("late", "count"),
    },
)

airport_last_3h = window_view(
    source="flights",
    entities=["origin"],
    window="3h",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean"), "mean_delay": ("delay_capped", "mean")},
)

airport_last_24h = window_view(
    source="flights",
    entities=["origin"],
    window="24h",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean"), "mean_delay": ("delay_capped", "mean")},
)

carrier_last_3h = window_view(
    source="flights",
    entities=["carrier"],
    window="3h",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean"), "mean_delay": ("delay_capped", "mean")},
)

carrier_last_24h = window_view(
    source="flights",
    entities=["carrier"],
    window="24h",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean"), "mean_delay": ("delay_capped", "mean")},
)

carrier_last_7d = window_view(
    source="flights",
    entities=["carrier"],
    window="7d",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean")},
)

dest_last_3h = window_view(
    source="flights",
    entities=["dest"],
    window="3h",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean"), "flights": ("late", "count")},
)

route_last_30d = window_view(
    source="flights",
    entities=["origin", "dest"],
    window="30d",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean")},
)

flight_last_30d = window_view(
    source="flights",
    entities=["carrier", "flight"],
    window="30d",
    known_at="lateness_known_at",
    aggregates={"late_rate": ("late", "mean")},
)

plane_last_12h = window_view(
    source="flights",
    entities=["tailnum"],
    window="12h",
    known_at="lateness_known_at",
    aggregates={"mean_delay": ("delay_capped", "mean"), "flights": ("late", "count")},
)
