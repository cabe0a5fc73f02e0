"""A data version: its columns and what is in them, its files; and what was refused, with the rows that were the reason."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from mlops_tui.tui.formats import clock, glyphs, number, plain, short, size, state, when
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.plot.bars import bar, histogram, sparkbar
from mlops_tui.tui.plot.glyphs import glyphs as signs
from mlops_tui.tui.plot.scale import number as brief
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.query_table import Column
from mlops_tui.tui.writers.drawing import meter, mode, put
from mlops_tui.verbs.data import DataDetail, ExpectationResult, Quarantined

Facts = dict[str, Any]
"""A column of a profile."""

_SPARK = 12
_OTHERS = "all others"
_VERSIONS = 5
"""Versions whose results of expectations stand side by side."""


# --- profile ----------------------------------------------------------------------------------------------------


def profile_columns() -> list[Column]:
    """Of the list of columns."""
    return [
        Column("name", "column", 18, lambda c: plain(str(c.get("name", ""))), flex=True),
        Column("type", "type", 9, lambda c: plain(_type(c)), priority=3),
        Column("nulls", "NULL", 6, lambda c: _nulls(c), align="right"),
        Column("distinct", "distinct", 8, _distinct, align="right", priority=2),
        Column("mean", "mean", 10, lambda c: _value(c, c.get("mean")), align="right", priority=1),
        Column("spread", "spread", _SPARK, _spread),
    ]


def profile(found: DataDetail, sheet: Sheet) -> Text:
    """All columns in short, below what a sheet has."""
    if not found.profile:
        return sheet.text
    replaced = found.current_rows is not None and found.current_rows < found.rows
    sheet.heading("columns, of all rows as they were delivered" if replaced else "columns")
    rows = [
        (str(c.get("name", "")), _type(c), _nulls(c), _distinct(c), _value(c, c.get("mean")), _spread(c))
        for c in found.profile
    ]
    return sheet.table(("column", "type", "NULL", "distinct", "mean", "spread"), rows, right=(2, 3, 4)).text


def column(found: Facts, width: int) -> Text:
    """What is known of the values of a column."""
    sheet = Sheet(width)
    rows = found.get("rows") or 0
    share = (found.get("nulls") or 0) / rows if rows else 0.0
    sheet.line(Text.assemble(plain(str(found.get("name", "")), "bold"), "  ", plain(_type(found), "bright_black"), "  ", _distinct(found), " distinct"))  # fmt: skip
    wide = max(10, min(30, sheet.width - 26))
    sheet.line(Text.assemble(f"NULL {100 * share:>5.1f}% ", meter(share, wide, "yellow"), f" {number(found.get('nulls'))}"))  # fmt: skip
    if found.get("mean") is not None:
        sheet.line(
            f"from {_value(found, found.get('min'))} to {_value(found, found.get('max'))}, mean {_value(found, found.get('mean'))}"
        )
    bars = _bars(found)
    if bars:
        put(sheet.line(), histogram(bars, sheet.width, mode()))
    if found.get("bins"):
        sheet.line(
            "from 21 quantiles of each file; the first and the last line are the tails", "bright_black"
        )
    return sheet.text


def _bars(found: Facts) -> list[tuple[str, float]]:
    """Bins of numbers and times; the most frequent values of everything else, and how much they leave."""
    if found.get("bins"):
        return [
            (f"{_value(found, low)} to {_value(found, high)}", float(rows))
            for low, high, rows in found["bins"]
        ]
    top = [(short(pair[0], 40), float(pair[1])) for pair in found.get("top") or []]
    rest = (found.get("rows") or 0) - (found.get("nulls") or 0) - sum(count for _, count in top)
    return [*top, (_OTHERS, rest)] if top and rest > 0 else top


def _spread(found: Facts) -> Text:
    bars = [count for label, count in _bars(found) if label != _OTHERS]
    return Text(sparkbar(bars, _SPARK, mode()), style="cyan")


def _nulls(found: Facts) -> Text:
    rows, nulls = found.get("rows") or 0, found.get("nulls") or 0
    return Text(
        f"{100 * nulls / rows:.1f}%" if rows else glyphs().dash, style="yellow" if nulls else "bright_black"
    )


def _distinct(found: Facts) -> str:
    """The number; of files whose values are not all known, what it is at least."""
    distinct = found.get("distinct")
    if distinct is None:
        return glyphs().dash
    least = "" if found.get("distinct_exact", True) else ">=" if glyphs().mode == "ascii" else "≥"
    return least + number(distinct)


def _type(found: Facts) -> str:
    return str(found.get("type", "")).split("(")[0].lower()


def _value(found: Facts, value: Any) -> str:
    """Numbers short; times as days."""
    if not isinstance(value, int | float):
        return glyphs().dash
    return when(round(value))[:10] if _type(found) in ("datetime", "date") else brief(value)


def first(found: DataDetail, width: int) -> Text:
    """Instead of changes, of a version that has none before it."""
    sheet = Sheet(width).line(
        f"version {found.version} of {found.source} is its first: there is none before it to compare it with"
    )
    return sheet.line().line(keyed("{data.compare} compares it with any other"), "bright_black").text


# --- schema, expectations, files ----------------------------------------------------------------------------------------------


def schema(found: DataDetail, width: int) -> Text:
    """What a file has to look like."""
    sheet = Sheet(width)
    sheet.line(
        Text.assemble(("schema ", "bold"), f"s{found.schema_version}, {number(len(found.schema))} columns")
    )
    rows = [
        (
            one.name,
            one.type,
            "may be NULL" if one.nullable else "never NULL",
            "may be absent" if one.optional else "",
        )
        for one in found.schema
    ]
    sheet.table(("column", "type", "values", ""), rows)
    return sheet.text


def expectations(found: DataDetail, width: int) -> Text:
    """What is expected of the source, how its last versions have kept it, and what was noted of this version."""
    sheet = Sheet(width)
    if not found.expectations:
        sheet.line("none", "bold")
        sheet.line(f"mlops.toml has them in [source.{found.source}.expect]: ranges, lists of values, patterns, no NULL, no value twice", "bright_black")  # fmt: skip
    else:
        rows = [
            (plain(one.column, "bold"), one.rule, "refuses" if one.severity == "block" else "warns",
             _refusals(one.refused), *map(_kept, one.results[:_VERSIONS]))
            for one in found.expectations
        ]  # fmt: skip
        versions = [f"v{result.version}" for result in found.expectations[0].results[:_VERSIONS]]
        sheet.table(("column", "rule", "broken", "refused", *versions), rows, right=(3,))
        sheet.line(f"rules: mlops.toml as it is now; {glyphs().ok} nothing was said against it when the version's files came", "bright_black")  # fmt: skip
    sheet.heading(f"warnings of v{found.version}")
    if not found.warnings:
        sheet.line(f"{glyphs().ok} none", "green")
    for warning in found.warnings:
        said = warning.get("message") or warning.get("reason") or warning
        sheet.line(f"{glyphs().warn} {short(said, 400)}", "yellow")
    return sheet.text


def _refusals(files: int) -> Text:
    return Text(f"{number(files)} {'file' if files == 1 else 'files'}" if files else "", style="yellow")


def _kept(result: ExpectationResult) -> Text:
    """How many rows of a version broke a rule."""
    if not result.said:
        return Text(glyphs().ok, style="green")
    return Text(f"{glyphs().warn} {brief(result.rows)}", style="yellow")


def files(found: DataDetail, width: int) -> Text:
    """The admitted files, the newest first, by their share of the rows."""
    sheet = Sheet(width)
    sheet.line(Text.assemble((f"{number(found.rows)} rows", "bold"), f" in {number(found.files)} files, {size(sum(one.bytes for one in found.batches))}; snapshot ", plain(found.snapshot[:16], "bright_black")))  # fmt: skip
    most = max((one.rows for one in found.batches), default=0)
    wide = 12 if sheet.width < 100 else 30
    rows = [
        (one.path, Text(bar(one.rows / most if most else 0.0, wide, signs(mode())), style="cyan"), number(one.rows), when(one.min_event_time)[:10],
         when(one.max_event_time)[:10], size(one.bytes), clock(one.admitted))
        for one in reversed(found.batches)
    ]  # fmt: skip
    if sheet.width < 90:
        return sheet.table(("file", "", "rows", "from", "to"), [row[:5] for row in rows], right=(2,)).text
    return sheet.table(("file", "", "rows", "from", "to", "size", "admitted"), rows, right=(2, 5)).text


# --- quarantine -------------------------------------------------------------------------------------------------


def refused_columns() -> list[Column]:
    """Of the list of refused files."""
    return [
        Column("path", "file", 20, lambda row: plain(row.path.rsplit("/", 1)[-1])),
        Column("reason", "why", 30, lambda row: plain(row.reason), flex=True),
        Column("state", "state", 10, lambda row: _held(row.state)),
        Column("size", "size", 8, lambda row: size(row.bytes), align="right", priority=2),
        Column("since", "since", 11, lambda row: clock(row.time), priority=1),
    ]


def _held(word: str) -> Text:
    known = {"waiting": ("wait", "yellow"), "redriven": ("ok", "green"), "dropped": ("off", "bright_black")}
    if word not in known:
        return state(word)
    sign, style = known[word]
    return plain(f"{getattr(glyphs(), sign)} {word}", style)


def refused(row: Quarantined, width: int) -> Text:
    """Why a file was refused, and rows that show it."""
    sheet = Sheet(width)
    sheet.line(plain(row.reason, "bold yellow"))
    sheet.pairs(
        [
            ("file", row.path),
            ("sha256", row.sha256[:16]),
            ("source", row.source),
            ("size", size(row.bytes)),
            ("since", when(row.time)),
        ]
    )
    for detail in row.details:
        sheet.line(
            f"{glyphs().bullet} {', '.join(f'{key}: {short(value, 200)}' for key, value in detail.items())}"
        )
    if row.rows:
        names = list(dict.fromkeys(name for each in row.rows for name in each))
        kept = names[: max(2, sheet.width // 12)]
        sheet.heading(
            f"the first rows of it{'' if len(kept) == len(names) else f' ({len(kept)} of {len(names)} columns)'}"
        )
        sheet.table(kept, [[short(each.get(name), 40) for name in kept] for each in row.rows])
        _whole(sheet, row, names, kept)
    return sheet.text


def _whole(sheet: Sheet, row: Quarantined, names: list[str], kept: list[str]) -> None:
    """The columns that the table has no room for, of the first row."""
    if len(kept) < len(names):
        sheet.heading("the first row in full").pairs(
            (name, short(row.rows[0].get(name), 400)) for name in names
        )
