"""Reading delivered files: a private copy first, then one exact table or one exact reason.

Stored Parquet is canonical, so that the files of a source can be read together: int is Int64, float Float64,
datetime Datetime("us", "UTC") (a time without a zone is taken as UTC), duration Duration("us"), text String.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from mlops_store.atomic import copy_file
from mlops_store.delivered import path_text
from mlops_store.records import Column
from mlops_tui.worker.text_types import TextProblem, infer_text, parse_text, with_dots

ROW_LIMIT = 1000  # offending rows kept with a refused file
_REASON_LIMIT = 1000  # a header may be one name of many megabytes
_NAMES_SHOWN, _NAME_LIMIT = 10, 60
_COPY_TRIES = 5
MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
"""Bytes of this machine: what unpacks to more is refused before the system has to kill whoever reads it."""
_CSV_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")

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


class Refused(Exception):
    """A file that cannot be admitted; `rows` are the offending ones where it comes down to rows."""

    def __init__(
        self, reason: str, details: list[dict[str, Any]] | None = None, rows: pl.DataFrame | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason if len(reason) <= _REASON_LIMIT else f"{reason[:_REASON_LIMIT]} …"
        self.details = details or []
        self.rows = rows


class Unsettled(Exception):
    """A file that changed or vanished while it was read: not refused, to be looked at again."""


@dataclass(frozen=True)
class Delivery:
    """A delivered file, copied: what was there at one moment. `copy` is private, so nothing changes under us."""

    path: Path
    copy: Path
    sha256: str
    size: int
    mtime_ns: int
    inode: int


@dataclass
class Table:
    """A delivered file as rows. `diff` lists how its schema differs from the pinned one, all of it admissible."""

    frame: pl.DataFrame
    columns: list[Column]
    diff: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exact: bool = False


def take(path: Path, folder: Path, allowed: Sequence[Path] = ()) -> Delivery:
    """Copies a delivered file (a reflink where possible) and proves that it did not change meanwhile.

    `allowed` are the folders a symlink may lead into; empty = any. Raises Refused, Unsettled.
    """
    _refuse_escape(path, allowed)
    for attempt in range(_COPY_TRIES):
        target = folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:24]}-{attempt}"
        try:
            before = os.stat(path)
            if not stat.S_ISREG(before.st_mode):
                raise Refused("it is not a regular file")
            copy_file(path, target)
            after = os.stat(path)
        except FileNotFoundError as error:
            raise Unsettled(f"{path_text(path)} is gone") from error
        except PermissionError as error:
            raise Refused(f"it cannot be read: {error.strerror}") from error
        size = target.stat().st_size
        if _same(before, after) and size == after.st_size:
            with open(target, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Delivery(path, target, digest, size, after.st_mtime_ns, after.st_ino)
        target.unlink(missing_ok=True)
    raise Unsettled(f"{path_text(path)} kept changing while it was read")


def _same(a: os.stat_result, b: os.stat_result) -> bool:
    return (a.st_size, a.st_mtime_ns, a.st_ino) == (b.st_size, b.st_mtime_ns, b.st_ino)


def _refuse_escape(path: Path, allowed: Sequence[Path]) -> None:
    if not allowed:
        return
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
        raise Refused(f"it is a symbolic link that leads out of the project, to {path_text(real)}")


def read_table(delivery: Delivery, pinned: Sequence[Column] | None = None) -> Table:
    """The rows of a delivery in canonical types. With `pinned`, in its columns, order and types. Raises Refused."""
    if delivery.size == 0:
        raise Refused("the file is empty (0 bytes)")
    table = _read_parquet(delivery, pinned) if _is_parquet(delivery) else _read_text(delivery, pinned)
    if table.frame.height == 0:
        raise Refused("the file has no rows")
    return table


def _is_parquet(delivery: Delivery) -> bool:
    with open(delivery.copy, "rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        return True
    if delivery.path.suffix.lower() in (".parquet", ".pq"):
        raise Refused("it is named like Parquet and is not: the first bytes are not PAR1")
    return False


# --- Parquet ---------------------------------------------------------------------------------------------


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


def _read_parquet(delivery: Delivery, pinned: Sequence[Column] | None) -> Table:
    try:
        _refuse_more_than_memory(_declared_size(delivery.copy))
        frame = pl.read_parquet(delivery.copy, memory_map=False, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Refused(
            f"the Parquet file cannot be read (truncated or damaged?): {_first_line(error)}"
        ) from error
    except pl.exceptions.PanicException as error:
        raise Refused(f"the Parquet file is damaged: {_first_line(error)}") from error
    kinds = {name: logical_type(dtype) for name, dtype in frame.schema.items()}
    nested = [name for name, kind in kinds.items() if kind is None]
    if nested:
        found = ", ".join(f"{name!r} ({frame.schema[name]})" for name in nested)
        raise Refused(f"columns of a type that is not supported: {found}")
    found_types = {name: str(kind) for name, kind in kinds.items()}
    types, diff = match_schema(found_types, pinned, lambda name, kind: _fits(frame[name], kind))
    columns: list[pl.Series] = []
    for name, kind in types.items():
        columns.append(_canonical(frame, name, kind) if name in kinds else _nothing(name, kind, frame.height))
    table = pl.DataFrame(columns)
    exact = table.schema == frame.schema
    return Table(table, _columns(types, pinned), diff, _absent(types, kinds), exact)


def _declared_size(path: Path) -> int:
    """Bytes of memory that a Parquet file says it is: a constant column of a billion rows is a file of a few kB."""
    lazy = pl.scan_parquet(path, glob=False)
    widths = (1 if isinstance(dtype, pl.Boolean) else 8 for dtype in lazy.collect_schema().values())
    return int(lazy.select(pl.len()).collect().item()) * sum(widths)


def _refuse_more_than_memory(size: int) -> None:
    if size > MEMORY:
        raise Refused(
            f"it unpacks to {size / 1e9:,.1f} GB or more, and this machine has {MEMORY / 1e9:,.1f} GB of memory"
        )


def _fits(series: pl.Series, kind: str) -> bool:
    """Whether a column of another logical type holds only values of `kind` (whole floats are ints)."""
    if series.null_count() == series.len():
        return True
    found = logical_type(series.dtype)
    if (found, kind) in {("int", "float"), ("date", "datetime")}:
        return True
    if (found, kind) == ("float", "int"):
        values = series.cast(pl.Float64).fill_nan(None).drop_nulls()
        return bool((values == values.round(0)).all() and (values.abs() < 2**53).all())
    return False


def _canonical(frame: pl.DataFrame, name: str, kind: str) -> pl.Series:
    series = frame[name]
    target = CANONICAL[kind]
    if series.dtype == target:
        return series
    if kind == "int" and series.dtype.is_float():
        series = series.fill_nan(None)
    try:
        if isinstance(series.dtype, pl.Datetime) and kind == "datetime":
            aware = series if series.dtype.time_zone else series.dt.replace_time_zone("UTC")
            return aware.dt.convert_time_zone("UTC").cast(target)
        if kind == "datetime" and isinstance(series.dtype, pl.Date):
            return series.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return series.cast(target)
    except pl.exceptions.PolarsError as error:
        bad = frame.filter(series.is_not_null() & series.cast(target, strict=False).is_null())
        raise Refused(
            f"column {name!r}: {bad.height} values do not fit {kind}: {_first_line(error)}",
            [{"column": name, "expected": kind, "rows": bad.height}],
            bad.head(ROW_LIMIT),
        ) from error


# --- text --------------------------------------------------------------------------------------------------


def _read_text(delivery: Delivery, pinned: Sequence[Column] | None) -> Table:
    plain = _inflate(delivery)
    _refuse_nul(plain)
    separator = _separator(plain, delivery.path)
    header = _header(plain, separator)
    try:
        raw = pl.read_csv(
            plain,
            separator=separator,
            has_header=False,
            glob=False,
            schema={f"c{i}": pl.String for i in range(len(header))},
            truncate_ragged_lines=False,
        )
    except pl.exceptions.PolarsError as error:
        raise Refused(_text_reason(plain, separator, len(header), error)) from error
    raw = raw.slice(1)
    raw.columns = header
    raw, notes = _whole_rows(raw, plain, separator)
    pins = {column.name: column.type for column in pinned or []}
    if separator == ";":
        raw = raw.with_columns(with_dots(raw[name], pins.get(name)) for name in header)
    _refuse_missing(header, pinned or [])  # before thousands of columns are looked at
    found = {name: infer_text(raw[name], pins.get(name)) for name in header}
    types, diff = match_schema(found, pinned, lambda name, kind: (found[name], kind) != ("float", "int"))
    columns: list[pl.Series] = []
    for name, kind in types.items():
        if name not in found:
            columns.append(_nothing(name, kind, raw.height))
            continue
        try:
            columns.append(parse_text(raw[name], kind, CANONICAL[kind]))
        except TextProblem as error:
            bad = raw.filter(error.bad)
            first = bad[name][0]
            raise Refused(
                f"column {name!r}: {bad.height} of {raw.height} values are not {kind}; the first is {str(first)[:80]!r} "
                f"in data row {int(error.bad.arg_true()[0]) + 1}",
                [
                    {
                        "column": name,
                        "expected": kind,
                        "found": infer_text(raw[name], None),
                        "rows": bad.height,
                    }
                ],
                bad.head(ROW_LIMIT),
            ) from error
    return Table(pl.DataFrame(columns), _columns(types, pinned), diff, [*notes, *_absent(types, found)])


def _nothing(name: str, kind: str, height: int) -> pl.Series:
    """An optional column that a file lacks."""
    return pl.Series(name, [None], CANONICAL[kind]).new_from_index(0, height)


def _absent(types: Mapping[str, str], there: Collection[str]) -> list[str]:
    """A note where a file lacks optional columns."""
    names = [name for name in types if name not in there]
    plural = len(names) > 1
    what = f"{'columns' if plural else 'column'} {_shown(names)} {'are' if plural else 'is'} not in the file"
    return [f"{what}: NULL in its rows"] if names else []


def _inflate(delivery: Delivery) -> Path:
    with open(delivery.copy, "rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("it is UTF-16 text: save it as UTF-8")
    if head[:4] == b"PK\x03\x04":
        raise Refused("it is a zip archive or an Excel workbook: deliver the table in it as CSV or Parquet")
    if head[:2] == b"\x1f\x8b":
        target = delivery.copy.with_name(delivery.copy.name + ".txt")
        try:
            with gzip.open(delivery.copy, "rb") as packed, open(target, "wb") as plain:
                while chunk := packed.read(1 << 20):
                    plain.write(chunk)
                    _refuse_more_than_memory(plain.tell())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Refused(f"the gzip file is truncated or damaged: {_first_line(error)}") from error
        if target.stat().st_size == 0:
            raise Refused("the file is empty (0 bytes inside the gzip)")
        return target
    names = delivery.path.suffixes
    if names and names[-1].lower() == ".gz":
        raise Refused("it is named .gz and is no gzip file")
    return delivery.copy


def _refuse_nul(plain: Path) -> None:
    lines = 0
    with open(plain, "rb") as file:
        while block := file.read(1 << 20):
            at = block.find(b"\0")
            if at >= 0:
                lines += block.count(b"\n", 0, at) + 1
                raise Refused(
                    f"line {lines} holds a NUL byte, which no text has (a damaged file, a binary one, or UTF-16?)"
                )
            lines += block.count(b"\n")


def _separator(plain: Path, named: Path) -> str:
    """Comma unless the name says tab, or the first line has no comma and another usual separator."""
    suffixes = {suffix.lower() for suffix in named.suffixes[-2:]}
    if suffixes & {".tsv", ".tab"}:
        return "\t"
    with open(plain, "rb") as file:
        line = file.readline(1 << 20)
    if b"," in line:
        return ","
    return next((mark for mark in ("\t", ";", "|") if mark.encode() in line), ",")


def _header(plain: Path, separator: str) -> list[str]:
    try:
        with open(plain, encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file, delimiter=separator), [])
    except UnicodeDecodeError as error:
        raise Refused("the header is not UTF-8 text (a binary file, or another encoding)") from error
    except csv.Error as error:
        raise Refused(f"the header cannot be read: {error}") from error
    if not names:
        raise Refused("the first line, which should name the columns, is empty")
    names = [name if name.strip() else f"column_{i + 1}" for i, name in enumerate(names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Refused(f"duplicate columns: {', '.join(repr(name) for name in twice)}", [{"columns": twice}])
    return names


def _whole_rows(raw: pl.DataFrame, plain: Path, separator: str) -> tuple[pl.DataFrame, list[str]]:
    """Refuses rows with too few fields (polars would fill them with NULL); drops blank lines, counted."""
    if raw.width < 2 or raw[:, -1].null_count() == 0:
        return raw, []
    blank = 0
    with open(plain, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        try:
            for fields in rows:
                if not fields:
                    blank += 1
                elif len(fields) != raw.width:
                    raise Refused(
                        f"line {rows.line_num} has {len(fields)} of {raw.width} fields (a truncated file?)",
                        [{"line": rows.line_num, "fields": len(fields), "expected": raw.width}],
                        pl.DataFrame({"line": [rows.line_num], "text": [separator.join(fields)[:4000]]}),
                    )
        except csv.Error as error:
            raise Refused(f"line {rows.line_num}: {error}") from error
    if not blank:
        return raw, []
    kept = raw.filter(~pl.all_horizontal(pl.all().is_null()))
    return kept, [f"{raw.height - kept.height} blank lines were left out"]


def _text_reason(plain: Path, separator: str, width: int, error: Exception) -> str:
    """A line number for what polars only names."""
    try:
        with open(plain, encoding="utf-8-sig", newline="") as file:
            if "\n" not in (start := file.read(1 << 16)) and "\r" in start:
                return "its lines end with CR alone, as on old Macs: save it with LF"
            file.seek(0)
            rows = csv.reader(file, delimiter=separator, strict=True)
            for fields in rows:
                if fields and len(fields) != width:
                    return f"line {rows.line_num} has {len(fields)} fields, the header names {width}"
    except UnicodeDecodeError:
        return f"it is not UTF-8 text: {_first_line(error)}"
    except csv.Error as problem:
        return f"the text cannot be read as CSV: {problem} (an unclosed quote, or a truncated file?)"
    return f"the text cannot be read as CSV: {_first_line(error)}"


# --- schema -------------------------------------------------------------------------------------------------


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
    _refuse_missing(list(found), pinned)
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


def _refuse_missing(names: list[str], pinned: Sequence[Column]) -> None:
    there = set(names)
    missing = [column.name for column in pinned if not column.optional and column.name not in there]
    if missing:
        known = {column.name for column in pinned}
        extra = [name for name in names if name not in known]
        raise Refused(
            _missing_reason(missing, extra),
            [{"missing": missing, "extra": [name[:_REASON_LIMIT] for name in extra[:ROW_LIMIT]]}],
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


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
