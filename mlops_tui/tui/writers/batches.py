"""How a model has done over its batches, where there is room for a chart, and in one line where there is not."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mlops_tui.tui.formats import clean, glyphs, number, plain, short, state
from mlops_tui.tui.plot.bars import sparkbar
from mlops_tui.tui.plot.columns import columns
from mlops_tui.tui.plot.glyphs import glyphs as signs
from mlops_tui.tui.plot.intervals import Interval
from mlops_tui.tui.plot.lines import cut, pad
from mlops_tui.tui.widgets.board import Row
from mlops_tui.tui.writers.drawing import drawn, mode
from mlops_tui.tui.writers.home import title
from mlops_tui.tui.writers.monitor import batch_name, worst_first
from mlops_tui.verbs.monitor import BatchPoint, MonitoredBatch, Monitoring

BATCHES = 12
"""As many as the widest screen has columns for."""
_CHART, _MOST_CHART, _FEATURES = 5, 15, 16
_FACTS = 5
"""Lines below the chart: batch, value, version, rows, drift."""
_FEW = 3
"""Columns of data, at least, that are worth lines of their own."""


def over(found: Monitoring, width: int, height: int) -> list[Row]:
    """Its batches from left to right, the newest at the right edge, in at most `height` lines; nothing where nothing is known of them."""
    if not found.batches or height < 2:
        return []
    head = title(f"{found.model} over batches:", width, f"{found.metric or 'the metric'} with its interval")
    if height < len(head) + _CHART + _FACTS:
        return [*head, Row(_in_a_line(found))]
    gutter = min(30, width // 3)
    names = {id(batch): short(clean(batch_name(batch.label)), 14) for batch in found.batches}
    room = width - 1 - gutter
    cell = min(max(len(name) for name in names.values()) + 2, room)
    shown = found.batches[-max(1, room // max(cell, 9)) :]
    cell = min(room // len(shown), 16)
    table = _Table(gutter, cell)
    rows = [
        table.row("", [Text(names[id(batch)], style="bold") for batch in shown]),
        table.row(clean(found.metric), [_value(batch) for batch in shown]),
        table.row("version", [_version(batch, found) for batch in shown]),
        table.row("rows", [plain(number(batch.rows), "bright_black") for batch in shown]),
        table.row("drift", [_drift(batch) for batch in shown]),
    ]
    left = height - len(head) - len(rows)
    features = _features(found, shown, table, min(_FEATURES, left - _CHART - 2))
    return [*head, *_chart(found, shown, table, min(_MOST_CHART, left - len(features))), *rows, *features]


class _Table:
    """Cells of one width behind a gutter of names."""

    def __init__(self, gutter: int, cell: int) -> None:
        self.gutter, self.cell = gutter, cell

    def row(self, name: str, cells: Sequence[Text]) -> Row:
        line = Text(
            pad(cut(clean(name), self.gutter - 2), self.gutter - 1, right=True) + " ", style="", no_wrap=True
        )
        line.stylize("bright_black")
        for text in cells:
            text = text.copy()
            text.truncate(self.cell - 1, overflow="ellipsis")
            space = self.cell - text.cell_len
            line.append(" " * (space // 2)).append_text(text).append(" " * (space - space // 2))
        return Row(line)


def _chart(found: Monitoring, shown: Sequence[MonitoredBatch], table: _Table, height: int) -> list[Row]:
    marks = [_interval(batch) for batch in shown]
    if all(mark.value is None for mark in marks):
        said = "no batch has been judged yet: a look at new rows judges the champion once their labels are mature"
        return [Row(Text(said, style="bright_black"))]
    roles = ["s0" if batch.champion == found.champion else "s3" for batch in shown]
    lines = columns(
        marks,
        height,
        cell=table.cell,
        gutter=table.gutter,
        mode=mode(),
        reference=(found.baseline or {}).get("value"),
        roles=roles,
        higher_is_better=found.direction != "min",
    )
    return [Row(drawn(line)) for line in lines]


def _interval(batch: MonitoredBatch) -> Interval:
    found = batch.performance or {}
    return Interval("", found.get("value"), found.get("low"), found.get("high"))


def _value(batch: MonitoredBatch) -> Text:
    value = _interval(batch).value
    return Text(glyphs().dash, style="bright_black") if value is None else plain(f"{value:#.4g}")


def _version(batch: MonitoredBatch, found: Monitoring) -> Text:
    if batch.champion is None or _interval(batch).value is None:
        return Text(batch.state if batch.state in ("trained", "waiting") else "", style="bright_black")
    return Text(
        f"v{batch.champion}", style="bold cyan" if found.serves and batch.champion == found.champion else ""
    )


def _drift(batch: MonitoredBatch) -> Text:
    if batch.alarm is None:
        return Text(glyphs().dash, style="bright_black")
    if not batch.alarm:
        return state("UNKNOWN" if batch.cannot_tell else "QUIET")
    return state("DRIFT" if batch.major else "ALARM")


def _features(found: Monitoring, shown: Sequence[MonitoredBatch], table: _Table, most: int) -> list[Row]:
    """The columns that moved most, batch by batch."""
    first = len(found.batches) - len(shown)
    worst = [row for row in worst_first(found) if any(point.batch >= first for point in row.batches)][
        : max(0, most)
    ]
    if most < _FEW or not worst:
        return []
    head = (
        pad("PSI over its band", table.gutter - 1, right=True) + "  1: as much as days differ by themselves"
    )
    rows = [Row(Text(head, style="bright_black"))]
    for row in worst:
        points = {point.batch - first: point for point in row.batches}
        rows.append(table.row(row.name, [_ratio(points.get(place)) for place in range(len(shown))]))
    return rows


def _ratio(point: BatchPoint | None) -> Text:
    """How far beyond its noise, as a shade and a number."""
    if point is None or point.psi is None or not point.band:
        return Text()
    times = point.psi / point.band
    shade = signs(mode()).shades[min(4, 1 + int(times > 1) + int(times > 1.5) + int(times > 2))]
    style = "red" if point.alert else "yellow" if times > 1 else "green"
    return Text.assemble(
        (shade * 2, style), (f" {min(times, 99):.1f}", "bold" if point.alert else "bright_black")
    )


def _in_a_line(found: Monitoring) -> Text:
    """For a small screen: the values as bars, what they are now, and a sign for each look."""
    judged = [value for batch in found.batches if (value := _interval(batch).value) is not None]
    line = Text(no_wrap=True)
    if judged:
        line.append(sparkbar(judged, 12, mode()), style="cyan")
        line.append(
            f" {judged[0]:#.4g} {glyphs().arrow} {judged[-1]:#.4g}  "
            if len(judged) > 1
            else f" {judged[0]:#.4g}  "
        )
    marks = [_drift(batch) for batch in found.batches if batch.alarm is not None]
    if marks:
        line.append("drift ")
        for mark in marks:
            line.append_text(mark[:1])
        line.append("  ").append_text(marks[-1][2:])
    waiting = sum(batch.state == "waiting" for batch in found.batches)
    if waiting:
        line.append(f"  {number(waiting)} not looked at yet", style="bright_black")
    return line
