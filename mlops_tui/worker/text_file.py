"""The rows of a delivered text file: CSV, with tabs or other separators too, plain or packed with gzip."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlops_store.records import Column
from mlops_tui.worker.delivery import ROW_LIMIT, Delivery, Refused, first_line, refuse_more_than_memory
from mlops_tui.worker.table_schema import CANONICAL, Table, refuse_missing, table_of
from mlops_tui.worker.text_types import TextProblem, infer_text, parse_text, with_dots


def read_text(delivery: Delivery, pinned: Sequence[Column] | None) -> Table:
    """Raises Refused."""
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
    refuse_missing(header, pinned or [])  # before thousands of columns are looked at
    found = {name: infer_text(raw[name], pins.get(name)) for name in header}
    table = table_of(
        found,
        pinned,
        height=raw.height,
        fits=lambda name, kind: (found[name], kind) != ("float", "int"),
        series=lambda name, kind: _parsed(raw, name, kind),
    )
    table.notes = [*notes, *table.notes]
    return table


def _parsed(raw: pl.DataFrame, name: str, kind: str) -> pl.Series:
    try:
        return parse_text(raw[name], kind, CANONICAL[kind])
    except TextProblem as error:
        bad = raw.filter(error.bad)
        raise Refused(
            f"column {name!r}: {bad.height} of {raw.height} values are not {kind}; the first is {str(bad[name][0])[:80]!r} "
            f"in data row {int(error.bad.arg_true()[0]) + 1}",
            [{"column": name, "expected": kind, "found": infer_text(raw[name], None), "rows": bad.height}],
            bad.head(ROW_LIMIT),
        ) from error


def _inflate(delivery: Delivery) -> Path:
    with open(delivery.copy, "rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("it is UTF-16 text: save it as UTF-8")
    if head[:4] == b"PK\x03\x04":
        raise Refused("it is a zip archive or an Excel workbook: deliver the table in it as CSV or Parquet")
    if head[:2] == b"\x1f\x8b":
        return _unpacked(delivery.copy)
    names = delivery.path.suffixes
    if names and names[-1].lower() == ".gz":
        raise Refused("it is named .gz and is no gzip file")
    return delivery.copy


def _unpacked(copy: Path) -> Path:
    target = copy.with_name(copy.name + ".txt")
    try:
        with gzip.open(copy, "rb") as packed, open(target, "wb") as plain:
            while chunk := packed.read(1 << 20):
                plain.write(chunk)
                refuse_more_than_memory(plain.tell())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Refused(f"the gzip file is truncated or damaged: {first_line(error)}") from error
    if target.stat().st_size == 0:
        raise Refused("the file is empty (0 bytes inside the gzip)")
    return target


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
    if not _blank_lines(plain, separator, raw.width):
        return raw, []
    kept = raw.filter(~pl.all_horizontal(pl.all().is_null()))
    return kept, [f"{raw.height - kept.height} blank lines were left out"]


def _blank_lines(plain: Path, separator: str, width: int) -> int:
    """How many lines have no field at all. Raises Refused where one has some, and not `width` of them."""
    blank = 0
    with open(plain, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, delimiter=separator)
        try:
            for fields in rows:
                if not fields:
                    blank += 1
                elif len(fields) != width:
                    raise Refused(
                        f"line {rows.line_num} has {len(fields)} of {width} fields (a truncated file?)",
                        [{"line": rows.line_num, "fields": len(fields), "expected": width}],
                        pl.DataFrame({"line": [rows.line_num], "text": [separator.join(fields)[:4000]]}),
                    )
        except csv.Error as error:
            raise Refused(f"line {rows.line_num}: {error}") from error
    return blank


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
        return f"it is not UTF-8 text: {first_line(error)}"
    except csv.Error as problem:
        return f"the text cannot be read as CSV: {problem} (an unclosed quote, or a truncated file?)"
    return f"the text cannot be read as CSV: {first_line(error)}"
