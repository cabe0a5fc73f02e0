"""What the text of a CSV column means: types are inferred over the whole column, and parsed without loss."""

from __future__ import annotations

import polars as pl

# written for "no value" in columns that are not text; in a text column only the empty field is missing
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>"]
_INT = r"^[+-]?(0|[1-9][0-9]*)$"
_WHOLE = (
    r"^[+-]?(0|[1-9][0-9]*)(\.0+)?$"  # "3.0" is an int where an int is expected, and a float where nothing is
)
_LEADING_ZERO = r"^[+-]?0[0-9]"  # a code ("007"), not a number: as a number it would lose its zeros
_DATE = r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}$"
_DATETIME = r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)? ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?$"

_DAY_FIRST = r"^([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})"  # with dots the day is first everywhere; with slashes nobody knows
_COMMA = r"^[+-]?(0|[1-9][0-9]*),[0-9]+$"
_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"


class TextProblem(Exception):
    """`bad` marks the rows whose text is not of the type."""

    def __init__(self, bad: pl.Series) -> None:
        super().__init__("values of another type")
        self.bad = bad


def infer_text(series: pl.Series, expected: str | None) -> str:
    """The narrowest type that holds every value; `expected` where that one does too (an empty column is what it was)."""
    values = _present(series).drop_nulls().unique()
    if expected is not None and (expected == "str" or _parses(values, expected)):
        return expected
    if values.len() == 0:
        return "str"
    for kind in ("int", "float", "bool", "date", "datetime"):
        if _parses(values, kind) and (kind != "int" or values.str.contains(_INT).all()):
            return kind
    return "str"


def with_dots(series: pl.Series, expected: str | None) -> pl.Series:
    """A column of a file whose separator is a semicolon, with 12,50 as 12.50: where all its values are numbers so written. Those that
    could as well be thousands (1,234) stay text, unless the column is known to hold such numbers."""
    values = _present(series).drop_nulls().unique()
    commas = values.filter(values.str.contains(_COMMA))
    whole = values.str.contains(_COMMA) | values.str.contains(_WHOLE)
    unclear = expected != "float" and commas.str.contains(_THOUSANDS).all()
    if expected == "str" or not commas.len() or not whole.all() or unclear:
        return series
    return series.str.replace(",", ".", literal=True)


def parse_text(series: pl.Series, kind: str, dtype: pl.DataType) -> pl.Series:
    """The column as `dtype` (the canonical type of `kind`). Raises TextProblem."""
    if kind == "str":
        return series
    present = _present(series)
    parsed = _parse(present, kind)
    bad = present.is_not_null() & parsed.is_null()
    if bad.any():
        raise TextProblem(bad)
    return parsed.cast(dtype).alias(series.name)


def _present(series: pl.Series) -> pl.Series:
    trimmed = series.str.strip_chars()
    return pl.select(
        pl.when(trimmed.is_in(MISSING)).then(None).otherwise(trimmed).alias(series.name)
    ).to_series()


def _parses(values: pl.Series, kind: str) -> bool:
    return bool(_parse(values, kind).is_not_null().all())


def _parse(values: pl.Series, kind: str) -> pl.Series:
    """NULL where the text is not of `kind`."""
    none = pl.lit(None)
    if kind in ("date", "datetime"):
        values = values.str.replace(_DAY_FIRST, "${3}-${2}-${1}")
    match kind:
        case "int":
            good = values.str.contains(_WHOLE)
            whole = values.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
            return pl.select(pl.when(good).then(whole).otherwise(none)).to_series()
        case "float":
            good = ~values.str.contains(_LEADING_ZERO)
            return pl.select(
                pl.when(good).then(values.cast(pl.Float64, strict=False)).otherwise(none)
            ).to_series()
        case "bool":
            low = values.str.to_lowercase()
            return pl.select(
                pl.when(low == "true")
                .then(pl.lit(True))
                .when(low == "false")
                .then(pl.lit(False))
                .otherwise(none)
            ).to_series()
        case "date":
            good = values.str.contains(_DATE)
            days = values.str.replace_all(r"[/.]", "-").str.to_date("%Y-%m-%d", strict=False)
            return pl.select(pl.when(good).then(days).otherwise(none)).to_series()
        case "datetime":
            return _parse_datetime(values)
        case _:
            return pl.Series(values.name, [None] * values.len(), dtype=pl.Null)


def _parse_datetime(values: pl.Series) -> pl.Series:
    """ISO-like times (with zone: converted; without: UTC) and dates (their midnight)."""
    frame = pl.DataFrame({"text": values}).with_columns(
        is_time=pl.col("text").str.contains(_DATETIME), is_date=pl.col("text").str.contains(_DATE)
    )
    day = (
        pl.col("text").str.extract(r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2})").str.replace_all(r"[/.]", "-")
    )
    clock = (
        pl.col("text")
        .str.extract(r"[T ]([0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?)")
        .str.replace(",", ".", literal=True)
    )
    clock = pl.when(clock.str.contains(r"^[0-9]{1,2}:[0-9]{2}$")).then(clock + ":00").otherwise(clock)
    stamp = (day + pl.lit("T") + clock.fill_null("00:00:00")).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False
    )
    sign = pl.col("text").str.extract(r"([+-])[0-9]{2}:?[0-9]{2}$")
    hours = pl.col("text").str.extract(r"[+-]([0-9]{2}):?[0-9]{2}$").cast(pl.Int64, strict=False)
    minutes = pl.col("text").str.extract(r"[+-][0-9]{2}:?([0-9]{2})$").cast(pl.Int64, strict=False)
    offset = pl.duration(minutes=hours * 60 + minutes) * pl.when(sign == "-").then(-1).otherwise(1)
    zoned = pl.when(pl.col("is_time") & sign.is_not_null()).then(stamp - offset).otherwise(stamp)
    return frame.select(
        pl.when(pl.col("is_time") | pl.col("is_date"))
        .then(zoned)
        .otherwise(None)
        .dt.replace_time_zone("UTC")
        .alias(values.name)
    ).to_series()
