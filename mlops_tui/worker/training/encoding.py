"""From a frame of features to the matrix that estimators see: one object for training and scoring.

Built on training rows only, kept as JSON beside the model. Numbers stay numbers (NULL and non-finite values
become NaN), booleans become 0/1, points in time become seconds since 1970 UTC, categories become codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.errors import Problem

Matrix = npt.NDArray[np.float64]
Kind = Literal["number", "bool", "category", "datetime"]

TOP = 250
"""Categories with a code of their own; with the three codes below it stays under the 255 that histogram
gradient boosting can hold."""

_SHOWN = 8


class ColumnEncoding(msgspec.Struct, kw_only=True):
    """How one column becomes numbers.

    Codes of a category: its place in `categories` (most frequent first); then `other` (present in training
    but not among the top), `unknown` (never seen, where training had no `other`), `null`.
    """

    name: str
    kind: Kind
    dtype: str
    categories: list[str] = []
    has_other: bool = False

    @property
    def other_code(self) -> int:
        return len(self.categories)

    @property
    def unknown_code(self) -> int:
        return len(self.categories) + 1

    @property
    def null_code(self) -> int:
        return len(self.categories) + 2


class Encoding(msgspec.Struct, kw_only=True):
    """The ordered feature columns of a model. `rows` says how many training rows it was built on."""

    columns: list[ColumnEncoding]
    rows: int
    format: int = 1

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def categorical(self) -> list[bool]:
        """Mask over the matrix columns: True where the numbers are codes."""
        return [column.kind == "category" for column in self.columns]

    def encode(self, frame: pl.DataFrame) -> Matrix:
        """The matrix (rows of `frame`, columns of this encoding), float64, NaN for NULL numbers.

        Raises Problem that names every missing column, or every column of a wrong type.
        """
        self.check(frame)
        return _matrix(
            [_encode(column, frame.get_column(column.name)) for column in self.columns], frame.height
        )

    def check(self, frame: pl.DataFrame) -> None:
        """Raises Problem where `frame` lacks columns, or has them with a type that does not fit."""
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise Problem(
                "features_missing",
                f"{len(missing)} of {len(self.columns)} feature columns are missing: {_listed(missing)}",
                f"the input has: {_listed(frame.columns)}",
            )
        wrong = [
            reason for column in self.columns if (reason := _misfit(column, frame.get_column(column.name)))
        ]
        if wrong:
            raise Problem(
                "feature_type",
                f"feature columns of a wrong type: {'; '.join(wrong)}",
                "give them the type that the model was trained with",
            )


def build(frame: pl.DataFrame, names: Sequence[str]) -> Encoding:
    """The encoding of columns `names` from the training rows. Raises Problem for a type that is no feature."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise Problem(
            "features_missing",
            f"feature columns are not in the data: {_listed(missing)}",
            f"there are: {_listed(frame.columns)}",
        )
    if not names:
        raise Problem(
            "no_features",
            "the model has no feature columns",
            "name some in [model.….columns] or [model.….features]",
            status=2,
        )
    return Encoding(columns=[_build_column(frame.get_column(name)) for name in names], rows=frame.height)


def load(data: bytes) -> Encoding:
    """The encoding of its JSON. Raises Problem where it is damaged."""
    try:
        return msgspec.json.decode(data, type=Encoding)
    except msgspec.DecodeError as error:
        raise Problem(
            "encoding_damaged",
            f"encoding.json is not readable: {error}",
            "train again, or restore the version from a backup",
        ) from error


def dump(encoding: Encoding) -> bytes:
    return msgspec.json.format(msgspec.json.encode(encoding), indent=1) + b"\n"


# --- building ---


def _build_column(series: pl.Series) -> ColumnEncoding:
    dtype = series.dtype
    kind = _kind(dtype)
    if kind is None:
        raise Problem("feature_type", f"column {series.name!r} has type {dtype}, which cannot be a feature",
                      "leave it out, or make numbers of it in prepare()", status=2)  # fmt: skip
    column = ColumnEncoding(name=series.name, kind=kind, dtype=str(dtype))
    if kind == "category":
        text = series.cast(pl.String).drop_nulls()
        counts = text.alias("value").value_counts(name="n").sort(["n", "value"], descending=[True, False])
        column.categories = counts.get_column("value").head(TOP).to_list()
        column.has_other = counts.height > TOP
    return column


def _kind(dtype: pl.DataType) -> Kind | None:
    if dtype.is_numeric() or dtype == pl.Duration or dtype == pl.Null:
        return "number"
    if dtype == pl.Boolean:
        return "bool"
    if dtype in (pl.Datetime, pl.Date):
        return "datetime"
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "category"
    return None


# --- encoding ---


def _encode(column: ColumnEncoding, series: pl.Series) -> pl.Series:
    if series.dtype == pl.Null or series.null_count() == len(series):
        empty = float(column.null_code) if column.kind == "category" else float("nan")
        return pl.Series(column.name, [empty], dtype=pl.Float64).new_from_index(0, len(series))
    if column.kind == "category":
        return _codes(column, series.cast(pl.String))
    if column.kind == "datetime":
        return series.cast(pl.Datetime("us")).cast(pl.Int64).cast(pl.Float64) / 1e6
    if series.dtype == pl.Duration:
        return series.dt.total_microseconds().cast(pl.Float64) / 1e6
    numbers = series.cast(pl.Float64)
    return numbers.set(numbers.is_infinite(), None)


def _codes(column: ColumnEncoding, text: pl.Series) -> pl.Series:
    unseen = float(column.other_code if column.has_other else column.unknown_code)
    if not column.categories:
        codes = pl.Series(text.name, [unseen], dtype=pl.Float64).new_from_index(0, len(text))
    else:
        codes = text.replace_strict(
            column.categories,
            [float(i) for i in range(len(column.categories))],
            default=unseen,
            return_dtype=pl.Float64,
        )
    return codes.set(text.is_null(), float(column.null_code))


def _matrix(columns: list[pl.Series], rows: int) -> Matrix:
    matrix = np.empty((rows, len(columns)), dtype=np.float64, order="F")
    for place, series in enumerate(columns):
        matrix[:, place] = series.to_numpy()
    return matrix


# --- checking ---


def _misfit(column: ColumnEncoding, series: pl.Series) -> str:
    """Why the series cannot stand for the column; '' where it can. All-NULL fits everything."""
    dtype = series.dtype
    if dtype == pl.Null or series.null_count() == len(series):
        return ""
    given = _kind(dtype)
    fits = given == column.kind
    if column.kind == "number":
        # a duration is measured in seconds here: it fits only where training had one
        fits = given in ("number", "bool") and (dtype == pl.Duration) == column.dtype.startswith("Duration")
    elif column.kind == "bool":
        fits = given == "bool" or (given == "number" and dtype != pl.Duration and _zero_or_one(series))
    elif column.kind == "category":
        # digits are read from CSV as integers though training had text; a float has more than one text
        fits = given == "category" or dtype == pl.Boolean or dtype.is_integer()
    return "" if fits else f"{column.name!r} is {dtype}, trained as {column.dtype}"


def _zero_or_one(series: pl.Series) -> bool:
    return bool(series.cast(pl.Float64).is_in([0.0, 1.0]).all())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
