"""A feature view: what it is, how fresh it is, how much of it is missing, and what a look-up has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from mlops_tui.tui.formats import clean, clock, duration, glyphs, number, plain, run_state, short, when
from mlops_tui.tui.own_keys import key_of
from mlops_tui.tui.plot.bars import bar
from mlops_tui.tui.plot.glyphs import glyphs as signs
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.query_table import Column
from mlops_tui.tui.writers.drawing import meter, mode
from mlops_tui.verbs._shapes import DataVersion, RunDetail
from mlops_tui.verbs.feature import ViewDetail
from mlops_tui.verbs.monitor import DriftPoint, Monitoring

_KNOWN = {
    "column": "a column says when a value was known",
    "delay": "a fixed delay after the event",
    "assumed": "ASSUMED to be the event time: nothing says when a value was known",
}
_STATUS = {
    "PRESENT": ("ok", "green"), "NO_ROW": ("bad", "red"), "TOO_OLD": ("warn", "yellow"), "NOT_YET_KNOWN": ("wait", "yellow"),
}  # fmt: skip


@dataclass(frozen=True)
class Freshness:
    """What there is to say how fresh a view is: its source's newest version, and the monitoring of models that use it."""

    source: DataVersion | None = None
    monitored: Sequence[Monitoring] = field(default_factory=tuple)


def definition(view: ViewDetail, width: int) -> Text:
    """What it is made of, and the versions it has had."""
    sheet = Sheet(width)
    sheet.line(
        Text.assemble(
            plain(f"{view.name} v{view.version}", "bold"),
            plain(f"  of {view.source} by {', '.join(view.entities)}"),
        )
    )
    if view.description:
        sheet.paragraph(view.description)
    sheet.pairs([
        ("max age", duration(view.max_age_ms) if view.max_age_ms is not None else "none: a value never grows too old"),
        ("known at", _KNOWN.get(view.knowledge, view.knowledge)), ("definition", view.definition[:16]), ("used by", ", ".join(view.used_by[::-1]) or "no model version"),
    ])  # fmt: skip
    sheet.heading("features")
    sheet.table(
        ("feature", "type", "values"),
        [(one.name, one.type, "may be NULL" if one.nullable else "never NULL") for one in view.features],
    )
    if view.code:
        sheet.heading(f"code, as {view.code_of} has it")
        for line in view.code.splitlines():
            sheet.line(clean(line, keep=" "), "cyan")
    sheet.heading("versions")
    rows = [
        (f"v{one.get('version')}", clock(one.get("created")), short(one.get("definition") or "-", 16))
        for one in reversed(view.versions)
    ]
    return sheet.table(("version", "defined", "definition"), rows).text


# --- freshness --------------------------------------------------------------------------------------------------


def freshness(view: ViewDetail, found: Freshness, now: int, width: int) -> Text:
    """The newest row of the source beside the age that the view allows; and the share of missing values, where it was recorded."""
    sheet = Sheet(width)
    sheet.line(Text("freshness", style="bold underline"))
    _age(sheet, view, found.source, now)
    sheet.heading("missing values")
    _nulls(sheet, view, found.monitored)
    return sheet.text


def _age(sheet: Sheet, view: ViewDetail, source: DataVersion | None, now: int) -> None:
    if source is None:
        sheet.line(f"{view.source} has no data version yet", "yellow")
        return
    newest, most = source.max_event_time, view.max_age_ms
    version = f"{source.source}@{source.version}, admitted {when(source.created)[:16]}"
    if newest is None:
        sheet.pairs([("newest version", version)])
        sheet.line(f"{view.source} has no event times: its rows do not age", "bright_black")
        return
    age = max(0, now - newest)
    allowed = duration(most) if most is not None else "none"
    sheet.pairs(
        [
            ("newest version", version),
            ("newest row", f"{when(newest)[:16]}, {duration(age)} ago"),
            ("max age", allowed),
        ]
    )
    if most is None:
        sheet.line(f"{glyphs().ok} a value never grows too old", "green")
        return
    wide = max(10, min(50, sheet.width - 20))
    style = "green" if age <= most else "yellow"
    sheet.line(
        Text.assemble(
            ("age     ", "bright_black"), (bar(age / max(age, most, 1), wide, signs(mode())), style)
        )
    )
    sheet.line(
        Text.assemble(
            ("allowed ", "bright_black"), (bar(most / max(age, most, 1), wide, signs(mode())), "cyan")
        )
    )
    if age <= most:
        sheet.line(f"{glyphs().ok} a value asked for now is fresh where its entity has a row", "green")
    else:
        sheet.line(
            f"{glyphs().warn} a value asked for now is TOO_OLD: newer rows of {view.source} are wanted",
            "yellow",
        )


def _nulls(sheet: Sheet, view: ViewDetail, monitored: Sequence[Monitoring]) -> None:
    shares: dict[str, tuple[DriftPoint, str]] = {}
    for each in monitored:
        for series in each.features:
            prefix, _, name = series.name.partition("__")
            if prefix == view.name and series.points and series.points[-1].null_share is not None:
                shares.setdefault(name, (series.points[-1], each.model))
    wide = max(6, min(30, sheet.width - 60))
    rows: list[tuple[object, ...]] = []
    for one in view.features:
        point, model = shares.get(one.name, (None, ""))
        if point is None:
            rows.append((one.name, None, None, Text(""), Text("not recorded", style="bright_black")))
        else:
            drawn = meter(point.null_share or 0.0, wide)
            rows.append(
                (
                    one.name,
                    _percent(point.reference_null_share),
                    _percent(point.null_share),
                    drawn,
                    f"look of {model}",
                )
            )
    sheet.table(("feature", "before", "now", "share of rows", "recorded by"), rows, right=(1, 2))
    if len(shares) < len(view.features):
        sheet.line("a drift run of a model that uses the view records them", "bright_black")


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}%"


# --- consumers --------------------------------------------------------------------------------------------------


def user_columns() -> list[Column]:
    """Of the list of model versions that use the view (`model@3`)."""
    return [Column("model", "model version", 30, lambda name: plain(name), flex=True)]


def user(view: ViewDetail, name: str, width: int) -> Text:
    """What enter does."""
    return (
        Sheet(width)
        .line(
            Text.assemble(
                plain(name, "bold"), plain(f" was trained with {view.name}; {key_of('table.open')} opens it")
            )
        )
        .text
    )


# --- look-up ----------------------------------------------------------------------------------------------------


def lookup(
    view: ViewDetail, run: RunDetail | None, asked: Mapping[str, str], width: int, *, news: bool = True
) -> Text:
    """The rows that a look-up has found, value by value with their status; without `news` nothing is said to be read now."""
    sheet = Sheet(width)
    if run is None:
        sheet.line(f"what {view.name} knew of {', '.join(view.entities)} at a time", "bold").line()
        sheet.line(
            "a looks it up: give the keys and a time, and a run reads it as a model would have seen it then"
        )
        return sheet.text
    sheet.line(
        Text.assemble(
            plain("  ".join(f"{key} = {short(value, 40)}" for key, value in asked.items()), "bold"),
            "  ",
            run_state(run.state, run.reason, news=news),
        )
    )
    result = run.result or {}
    if run.state not in ("FINISHED", "FAILED", "KILLED", "LOST"):
        return sheet.line("reading" if news else "the daemon does not answer", "bright_black").text
    if not result.get("rows"):
        why = (run.error or {}).get("message") if isinstance(run.error, dict) else run.error
        return (
            sheet.line(short(why or run.reason or "no row was found", 600), "yellow")
            .line(f"run {run.run_id}", "bright_black")
            .text
        )
    for row in result["rows"]:
        _row(sheet, view, row)
    return sheet.line().line(f"run {run.run_id}", "bright_black").text


def _row(sheet: Sheet, view: ViewDetail, row: Mapping[str, object]) -> None:
    status = str(row.get(f"{view.name}__status", ""))
    sign, style = _STATUS.get(status, ("bullet", ""))
    sheet.line().line(
        Text.assemble(
            plain(f"{getattr(glyphs(), sign)} {status}", style), plain(f"  at {short(row.get('time'), 40)}")
        )
    )
    names = [name for name in row if name.startswith(f"{view.name}__") and name != f"{view.name}__status"]
    cells = [(name.partition("__")[2], _shown(row[name])) for name in names]
    sheet.table(("feature", "value"), cells)


def _shown(value: object) -> Text | str:
    if value is None:
        return Text("NULL", style="yellow")
    return number(value) if isinstance(value, int | float) else short(value, 200)
