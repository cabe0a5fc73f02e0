"""The columns of a source: what type each is stored as, and how those of a delivered file differ from those that are pinned.

Stored Parquet is canonical, so that the files of a source can be read together: int is Int64, float Float64,
datetime Datetime("us", "UTC") (a time without a zone is taken as UTC), duration Duration("us"), text String.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from mlops_store.records import Column
from mlops_tui.worker.delivery import REASON_LIMIT, ROW_LIMIT, Refused

_NAMES_SHOWN, _NAME_LIMIT = 10, 60

CANONICAL: dict[str, pl.DataType] = {
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "str": pl.String(),
    "datetime": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
    "duration": pl.Duration("us"),
    "binary": pl.Binary(),
}


@dataclass
class Table:
    """A delivered file as rows. `diff` lists how its schema differs from the pinned one, all of it admissible."""

    frame: pl.DataFrame
    columns: list[Column]
    diff: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exact: bool = False


def logical_type(dtype: pl.DataType) -> str | None:
    """The logical type of a polars type; None where there is none (nested types, objects)."""
    if dtype.is_integer():
        return "int"
    if dtype.is_float() or dtype.is_decimal():
        return "float"
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null, pl.Time)):
        return "str"
    simple: list[tuple[type[pl.DataType], str]] = [
        (pl.Boolean, "bool"), (pl.Datetime, "datetime"), (pl.Date, "date"), (pl.Duration, "duration"), (pl.Binary, "binary"),
    ]  # fmt: skip
    return next((name for kind, name in simple if isinstance(dtype, kind)), None)


def table_of(
    found: dict[str, str],
    pinned: Sequence[Column] | None,
    *,
    height: int,
    fits: Callable[[str, str], bool],
    series: Callable[[str, str], pl.Series],
) -> Table:
    """The table of a file whose columns are of the types `found`: those of `pinned`, where there are some, in their order and types.

    `series(name, type)` is a column in a type that `match_schema` chose with `fits`. Raises Refused.
    """
    types, diff = match_schema(found, pinned, fits)
    frame = pl.DataFrame(
        [
            series(name, kind) if name in found else _nothing(name, kind, height)
            for name, kind in types.items()
        ]
    )
    return Table(frame, _columns(types, pinned), diff, _absent(types, found))


def match_schema(
    found: dict[str, str], pinned: Sequence[Column] | None, fits: Callable[[str, str], bool]
) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The type to store each column as, and the admissible differences. Raises Refused for a missing or changed column.

    `fits(name, type)` says whether the column's values are lossless in another type. A new column is admitted
    with a warning, an int column that now holds fractions is widened to float with a warning. An optional column may be missing.
    """
    if pinned is None:
        return dict(found), []
    pins = {column.name: column.type for column in pinned}
    refuse_missing(list(found), pinned)
    extra = [name for name in found if name not in pins]
    types: dict[str, str] = {}
    diff: list[dict[str, Any]] = []
    for name, kind in pins.items():
        if name not in found or found[name] == kind or fits(name, kind):
            types[name] = kind
            continue
        if (kind, found[name]) == ("int", "float"):
            types[name] = "float"
            diff.append(_change("widened", name, "int", "float"))
            continue
        raise Refused(
            f"column {name!r} is {found[name]}, the schema says {kind}",
            [{"column": name, "expected": kind, "found": found[name]}],
        )
    for name in extra:
        types[name] = found[name]
        diff.append(_change("added", name, None, found[name]))
    return types, diff


def refuse_missing(names: list[str], pinned: Sequence[Column]) -> None:
    """Raises Refused where a column is missing that is not optional."""
    there = set(names)
    missing = [column.name for column in pinned if not column.optional and column.name not in there]
    if missing:
        known = {column.name for column in pinned}
        extra = [name for name in names if name not in known]
        raise Refused(
            _missing_reason(missing, extra),
            [{"missing": missing, "extra": [name[:REASON_LIMIT] for name in extra[:ROW_LIMIT]]}],
        )


def _change(change: str, column: str, before: str | None, after: str) -> dict[str, Any]:
    return {"change": change, "column": column, "from": before, "to": after, "severity": "warn"}


def _missing_reason(missing: list[str], extra: list[str]) -> str:
    one = len(missing) == 1
    reason = f"{'column' if one else 'columns'} {_shown(missing)} {'is' if one else 'are'} missing"
    if extra:
        return f"{reason}; new: {_shown(extra)} (renamed?)"
    return f"{reason}; where values come later (labels, say), deliver it empty, and the whole rows again when they are known"


def _shown(names: list[str]) -> str:
    """A few names, each cut: they are the deliverer's."""
    cut = [
        repr(name if len(name) <= _NAME_LIMIT else f"{name[:_NAME_LIMIT]}…") for name in names[:_NAMES_SHOWN]
    ]
    return ", ".join(cut) + (" …" if len(names) > _NAMES_SHOWN else "")


def _columns(types: dict[str, str], pinned: Sequence[Column] | None) -> list[Column]:
    known = {column.name: column for column in pinned or []}
    return [
        msgspec.structs.replace(known[name], type=kind) if name in known else Column(name=name, type=kind)
        for name, kind in types.items()
    ]


def _nothing(name: str, kind: str, height: int) -> pl.Series:
    """An optional column that a file lacks."""
    return pl.Series(name, [None], CANONICAL[kind]).new_from_index(0, height)


def _absent(types: Mapping[str, str], there: Collection[str]) -> list[str]:
    """A note where a file lacks optional columns."""
    names = [name for name in types if name not in there]
    plural = len(names) > 1
    what = f"{'columns' if plural else 'column'} {_shown(names)} {'are' if plural else 'is'} not in the file"
    return [f"{what}: NULL in its rows"] if names else []
