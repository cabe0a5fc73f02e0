"""How a champion and its data have done: performance against what it was registered with, drift against its noise, quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text

from mlops_tui.pages.monitor import beside_champion, moved, newest_look, who
from mlops_tui.tui.formats import glyphs, measured, number, plain, short, sign, state, when
from mlops_tui.tui.plot.bars import sparkbar
from mlops_tui.tui.plot.intervals import Banded, Interval, bands, intervals
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.query_table import Column
from mlops_tui.tui.writers.drawing import meter, mode, put
from mlops_tui.verbs.monitor import ChampionMove, DriftPoint, FeatureSeries, Look, MonitoredBatch, Monitoring

_WARNINGS = 20
_WORST = 10
"""Columns that a preview shows."""


def days(start: int | None, end: int | None) -> str:
    """From which day to which."""
    return (
        f"{when(start)[:10]} to {when(end)[:10]}" if start is not None and end is not None else glyphs().dash
    )


def batch_name(label: str) -> str:
    """A delivered file without its folder and ending."""
    name = label.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if "." in name.strip(".") else name


def _interval(name: str, found: dict[str, Any] | None) -> Interval:
    found = found or {}
    return Interval(name, found.get("value"), found.get("low"), found.get("high"))


# --- performance ------------------------------------------------------------------------------------------------


def performance(found: Monitoring, width: int) -> Text:
    """The metric with its interval over batches, for each version that served; the line is what it was registered with."""
    sheet = Sheet(width)
    better = "lower" if found.direction == "min" else "higher"
    sheet.line(
        Text.assemble(
            plain(found.metric or "the metric", "bold"),
            f" on labelled rows that it has not learned from; {better} is better",
            overflow="fold",
        )
    )
    judged = [batch for batch in found.batches if (batch.performance or {}).get("value") is not None]
    if not judged:
        sheet.line().line(
            "no batch has been judged yet: a look at new rows judges the champion once their labels are mature",
            "yellow",
        )
    for version in sorted({batch.champion or 0 for batch in judged}, reverse=True):
        _served(sheet, found, version, [batch for batch in judged if (batch.champion or 0) == version])
    _batches(sheet, found)
    _moves(sheet, found)
    newest = newest_look(found)
    if newest is not None and newest.decay:
        sheet.line().line(f"change since the promotion: {measured(newest.decay)} (positive is better)")
    elif newest is not None and newest.decay_reason:
        sheet.line().line(f"change since the promotion: not known, {newest.decay_reason}", "bright_black")
    return sheet.text


def _served(sheet: Sheet, found: Monitoring, version: int, batches: Sequence[MonitoredBatch]) -> None:
    now = version == (found.champion or 0)
    baseline = found.baseline if now else next((each.baseline for each in batches if each.baseline), None)
    sheet.heading(
        f"v{version}"
        + (
            ", champion now"
            if now and found.serves
            else ", newest, not promoted"
            if now
            else ", does not serve"
        )
    )
    rows = [_interval("registered", baseline)] if baseline else []
    rows += [_interval(batch_name(batch.label), batch.performance) for batch in batches]
    reference = (baseline or {}).get("value")
    put(sheet, intervals(rows, sheet.width, reference, mode(), higher_is_better=found.direction != "min"))


def _batches(sheet: Sheet, found: Monitoring) -> None:
    sheet.heading("batches")
    rows = [
        (batch_name(batch.label), _stage(batch), number(batch.rows), number(batch.mature) if batch.run_id else None,
         who(found, batch.champion) if batch.champion is not None else None, _change(batch))
        for batch in reversed(found.batches)
    ]  # fmt: skip
    sheet.table(
        ("batch", "state", "rows", "labelled", "judged over", "change or why not judged"), rows, right=(2, 3)
    )


def _moves(sheet: Sheet, found: Monitoring) -> None:
    """Which version served since when."""
    if not found.moves:
        return
    sheet.heading("champion")
    rows = [
        (when(move.time)[:16], moved(move), who(found, move.to), move.why or None)
        for move in reversed(found.moves)
    ]
    sheet.table(("since", "", "version", "why"), rows)


def _stage(batch: MonitoredBatch) -> Text:
    if batch.alarm:
        return state("DRIFT" if batch.major else "ALARM")
    if batch.cannot_tell:
        return state("UNKNOWN")
    signs_of = {"trained": ("ok", "learned", "bright_black"), "judged": ("ok", "judged", "green"), "looked": ("live", "looked at", "cyan"),
                "waiting": ("wait", "waiting", "yellow")}  # fmt: skip
    name, word, style = signs_of.get(batch.state, ("bullet", batch.state, ""))
    return plain(f"{getattr(glyphs(), name)} {word}", style)


def _change(batch: MonitoredBatch) -> str | None:
    reason = (batch.performance or {}).get("reason")
    if batch.change:
        change = batch.change
        return f"{sign(change.get('value'))} [{sign(change.get('low'))}, {sign(change.get('high'))}]"
    return short(reason, 120) if reason else None


# --- drift ------------------------------------------------------------------------------------------------------


def drift_columns() -> list[Column]:
    """Of the list of features."""
    return [
        Column("name", "column", 22, lambda row: plain(row.name), flex=True),
        Column("found", "newest look", 13, finding),
        Column("alarms", "alarms", 6, lambda row: number(row.alarms) if row.alarms else "", align="right"),
        Column("psi", "PSI", 7, lambda row: _places(newest(row).psi), align="right"),
        Column("band", "noise", 7, lambda row: _places(newest(row).band), align="right"),
        Column("spark", "looks", 10, spark, priority=1),
        Column("nulls", "NULL", 6, lambda row: _percent(newest(row).null_share), align="right", priority=2),
        Column("role", "role", 10, lambda row: plain(row.role), priority=3),
    ]


def newest(row: FeatureSeries) -> DriftPoint:
    """The feature in the last look that had it."""
    return row.points[-1] if row.points else DriftPoint(run_id="")


def worst_first(found: Monitoring) -> list[FeatureSeries]:
    """What alarms now beside the version that serves, then what alarmed ever, then by how far beyond its noise."""

    def order(row: FeatureSeries) -> tuple[bool, int, float]:
        point = newest(row)
        return (not point.alert, -row.alarms, -(point.psi or 0.0) / max(point.band or 0.0, 1e-9))

    return sorted(beside_champion(found), key=order)


def worst(found: Monitoring, sheet: Sheet) -> Text:
    """The columns that have moved most, below what a sheet has."""
    rows = [
        (row.name, finding(row), _places(newest(row).psi), _places(newest(row).band), spark(row))
        for row in worst_first(found)[:_WORST]
    ]
    if rows:
        sheet.heading("drift").table(("column", "newest look", "PSI", "noise", "looks"), rows, right=(2, 3))
    return sheet.text


def finding(row: FeatureSeries) -> Text:
    """What the newest look says of a feature."""
    point = newest(row)
    if point.alert:
        return state("DRIFT" if point.severity == "major" else "ALARM")
    if point.status and point.status != "COMPARED":
        return plain(f"{glyphs().unknown} {point.status.lower().replace('_', ' ')}", "yellow")
    if point.psi is None or point.band is None:
        return Text(glyphs().dash, style="bright_black")
    return state("QUIET") if point.psi <= point.band else Text(f"{glyphs().bullet} above band", style="")


def spark(row: FeatureSeries) -> Text:
    """PSI over looks, the newest at the right."""
    shown = sparkbar([point.psi for point in row.points[-10:]], 10, mode())
    return Text(shown, style="red" if newest(row).alert else "cyan")


def feature(found: Monitoring, row: FeatureSeries, width: int) -> Text:
    """A feature's statistic against its band, look by look, and what was said of it."""
    sheet = Sheet(width)
    sheet.line(Text.assemble(plain(row.name, "bold"), plain(f"  {row.kind} {row.role}  "), finding(row)))
    looks = {look.run_id: look for look in found.looks}
    whole = next((line for line in found.features if (line.role, line.name) == (row.role, row.name)), row)
    rows = [
        Banded(
            f"{_look_name(looks.get(point.run_id), point)} {who(found, point.champion)}",
            _rounded(point.psi),
            0.0,
            _rounded(point.band) or 0.0,
        )
        for point in reversed(whole.points)
    ]
    put(sheet, bands(rows, sheet.width, mode()))
    sheet.line(
        "PSI of each look beside what differences between days make of it by themselves", "bright_black"
    )
    if newest(row).reason:
        sheet.line().line(newest(row).reason)
    point = newest(row)
    sheet.pairs([
        ("alarms", f"{whole.alarms} of {len(whole.points)} looks"),
        ("effect", number(point.effect) if point.effect is not None else None),
        ("adjusted p", number(point.p_adjusted) if point.p_adjusted is not None else None),
        ("NULL", f"{_percent(point.reference_null_share)} before, {_percent(point.null_share)} now" if point.null_share is not None else None),
    ])  # fmt: skip
    return sheet.text


def _rounded(value: float | None) -> float | None:
    """Two digits: what a drawing has room for."""
    return None if value is None else float(f"{value:.2g}")


def _look_name(look: Look | None, point: DriftPoint) -> str:
    return when(look.end)[:10] if look is not None and look.end is not None else point.run_id[:10]


# --- quality ----------------------------------------------------------------------------------------------------


def quality(found: Monitoring, width: int) -> Text:
    """What was refused and warned of, source by source; and where values are missing more than before."""
    sheet = Sheet(width)
    rows = [
        (one.source, number(one.versions), number(one.files), number(one.rows), number(one.quarantined), _some(one.waiting), _some(len(one.warnings)))
        for one in found.quality
    ]  # fmt: skip
    sheet.line(Text("sources", style="bold underline"))
    sheet.table(
        ("source", "versions", "files", "rows", "refused ever", "waiting", "warnings"),
        rows,
        right=range(1, 7),
    )
    for one in found.quality:
        for reason in one.reasons[:3]:
            sheet.line(
                f"{one.source}: refused {short(reason.get('path'), 60)}: {short(reason.get('reason'), 300)}",
                "yellow",
            )
        for warning in one.warnings[-3:]:
            said = warning.get("message") or warning.get("reason") or warning
            sheet.line(f"{one.source} v{warning.get('version', '?')}: {short(said, 300)}", "yellow")
    _nulls(sheet, found)
    return sheet.text


def _some(count: int) -> Text:
    return Text(number(count), style="yellow" if count else "bright_black")


def _nulls(sheet: Sheet, found: Monitoring) -> None:
    sheet.heading("missing values, newest look")
    points = [(row.name, newest(row)) for row in found.features if newest(row).null_share is not None]
    if not points:
        sheet.line("no look has counted them yet: a drift run follows when new data arrive", "bright_black")
        return
    points.sort(key=lambda pair: -abs((pair[1].null_share or 0.0) - (pair[1].reference_null_share or 0.0)))
    some = [pair for pair in points if pair[1].null_share or pair[1].reference_null_share]
    if not some:
        sheet.line(f"none in {number(len(points))} columns", "green")
        return
    wide = max(10, min(40, sheet.width - 50))
    rows = [
        (name, _percent(point.reference_null_share), _percent(point.null_share),
         meter(point.null_share or 0.0, wide))
        for name, point in some[:_WARNINGS]
    ]  # fmt: skip
    sheet.table(("column", "before", "now", "share of rows"), rows, right=(1, 2))
    whole = len(points) - len(some)
    if whole:
        sheet.line(f"{number(whole)} more columns without any", "bright_black")


# --- looks ------------------------------------------------------------------------------------------------------


def look_columns(found: Monitoring) -> list[Column]:
    """Of the list of looks and of the moves of the champion among them."""

    def of_look(cell: Callable[[Look], Text | str]) -> Callable[[Look | ChampionMove], Text | str]:
        return lambda row: cell(row) if isinstance(row, Look) else ""

    def version(row: Look | ChampionMove) -> Text:
        at = row.champion if isinstance(row, Look) else row.to
        return plain(who(found, at), "bold" if found.serves and at == found.champion else "")

    return [
        Column("days", "rows of", 24, lambda row: days(row.start, row.end) if isinstance(row, Look) else moved(row)),
        Column("rows", "rows", 8, of_look(lambda look: number(look.rows)), align="right", priority=3),
        Column("champion", "beside", 9, version),
        Column("drift", "drift", 10, lambda row: look_drift(row) if isinstance(row, Look) else Text("champion", style="magenta")),
        Column("metric", found.metric or "metric", 24, lambda row: _look_metric(row) if isinstance(row, Look) else short(row.why or "", 60), flex=True),
        Column("auc", "new/old", 7, of_look(lambda look: _places(look.domain_auc)), align="right", priority=1),
        Column("time", "when", 16, lambda row: when(row.time)[:16], priority=2),
    ]  # fmt: skip


def look_or_move(found: Monitoring) -> Callable[[Look | ChampionMove, int], Text]:
    """Writes about a row of that list."""

    def write(row: Look | ChampionMove, width: int) -> Text:
        if isinstance(row, Look):
            return look(row, width, who(found, row.champion))
        sheet = Sheet(width)
        sheet.line(plain(moved(row), "bold"))
        sheet.pairs(
            [("when", f"{when(row.time)} UTC"), ("who", row.actor), ("why", row.why), ("entry", str(row.seq))]
        )
        return sheet.text

    return write


def look_drift(look: Look) -> Text:
    """What a look has found."""
    if look.cannot_tell and not look.alarm:
        return state("UNKNOWN").append(f": {look.cannot_tell}")
    return state("DRIFT" if look.major else "ALARM" if look.alarm else "QUIET")


def _look_metric(look: Look) -> str:
    found = look.performance or {}
    return measured(found) if found.get("value") is not None else short(found.get("reason") or "-", 60)


def look(row: Look, width: int, beside: str = "") -> Text:
    """A look in a few lines; `beside` which version."""
    sheet = Sheet(width)
    sheet.line(Text.assemble((f"v{row.version}", "bold"), f" since v{row.since_version}: {number(row.rows)} rows, {number(row.mature_labelled_rows)} labelled, beside {beside or f'v{row.champion}'}  ", look_drift(row)))  # fmt: skip
    if row.features:
        sheet.line("alarmed: " + ", ".join(row.features), "yellow")
    estimate = {k: v for k, v in (row.estimate or {}).items() if k.startswith("estimated_")}
    sheet.pairs([
        ("estimate", ", ".join(f"{k.removeprefix('estimated_')} {number(v)}" for k, v in estimate.items()) + " without the labels" if estimate else None),
        ("new against old", f"AUC {_places(row.domain_auc)} of telling them apart (0.5: cannot)" if row.domain_auc is not None else None),
        ("change", measured(row.decay) if row.decay else row.decay_reason), ("run", row.run_id),
    ])  # fmt: skip
    return sheet.text


def _places(value: float | None) -> str:
    return glyphs().dash if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return glyphs().dash if value is None else f"{100 * value:.1f}%"
