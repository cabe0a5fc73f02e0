"""What the first screen shows where there is room: how a model has done over its batches, what ran last, what has happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from rich.text import Text

from mlops_tui.tui.formats import age, clean, duration, glyphs, number, plain, run_state, short, state
from mlops_tui.tui.plot.bars import sparkbar
from mlops_tui.tui.plot.columns import columns
from mlops_tui.tui.plot.glyphs import glyphs as signs
from mlops_tui.tui.plot.intervals import Interval
from mlops_tui.tui.plot.lines import cut, pad
from mlops_tui.tui.widgets.board import Row, Target
from mlops_tui.tui.writers.drawing import drawn, mode
from mlops_tui.tui.writers.home import decisions, machine, title
from mlops_tui.tui.writers.ledger import entity
from mlops_tui.tui.writers.monitor import batch_name, worst_first
from mlops_tui.tui.writers.run import took
from mlops_tui.verbs._shapes import Run
from mlops_tui.verbs._status import StatusReport
from mlops_tui.verbs.ledger import Entry
from mlops_tui.verbs.monitor import BatchPoint, MonitoredBatch, Monitoring

TELLS = ("alias.move", "data.admit", "data.drop", "data.quarantine", "gate.verdict", "gate.waive", "model.register", "policy.set",
         "prediction.record", "project.add", "project.remove", "proposal.decide", "proposal.open")  # fmt: skip
"""The decisions that are told; the others go along with them."""
BATCHES = 12
"""As many as the widest screen has columns for."""
_CHART, _MOST_CHART, _FEATURES = 5, 15, 16
_FACTS = 5
"""Lines below the chart: batch, value, version, rows, drift."""


class More(msgspec.Struct, frozen=True):
    """What is asked for besides the status: the batches of one model, the newest runs and decisions."""

    model: tuple[str, str] | None = None
    monitoring: Monitoring | None = None
    runs: list[Run] = []
    entries: list[Entry] = []


_FEW = 3
"""Columns of data, at least, that are worth lines of their own."""
_QUEUE, _LATEST = 6, 8
_HAPPENED = 7
"""Lines at most that are kept for what has happened, where all stands in one column."""


class Half(Protocol):
    """Writes one half for a width, where both have `room` lines; `alone`: beside the other, else the left one is above the right one. `news`: whether
    the daemon tells."""

    def __call__(
        self, found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
    ) -> list[Row]: ...


def left_half(
    found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
) -> list[Row]:
    """What waits for a decision, the models, and the batches of one."""
    rows = decisions(found, width)
    left = room - len(rows) - 1
    if not alone:
        left -= len(machine(found, width)) + 1
        left -= min(_HAPPENED, left // 4)
    batches = over(more.monitoring, width, left) if more.monitoring is not None else []
    return [*rows, Row(Text()), *batches] if batches else rows


def right_half(
    found: StatusReport, more: More, width: int, room: int, *, alone: bool, news: bool
) -> list[Row]:
    """What runs, waits and ran; disk and daemon; what has happened."""
    if alone:
        rows = machine(found, width, news=news, queue=_QUEUE)
        rows += _after(latest(more.runs, width, min(_LATEST, room - len(rows) - 3), found.time))
        left = room - len(rows)
    else:
        rows = machine(found, width, news=news)
        left = room - len(left_half(found, more, width, room, alone=False, news=news)) - 1 - len(rows)
    return rows + _after(happened(more.entries, width, left - 1, found.time))


def _after(rows: list[Row]) -> list[Row]:
    return [Row(Text()), *rows] if rows else []


# --- a model over its batches ----------------------------------------------------------------------------------


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


# --- what ran last ----------------------------------------------------------------------------------------------


def latest(runs: Sequence[Run], width: int, height: int, now: int) -> list[Row]:
    """The newest runs that are over, how they did and how long they took."""
    ended = [run for run in runs if run.ended is not None][: max(0, height - 1)]
    if not ended or height < 2:
        return []
    wide = max(12, min(26, width - 66))
    rows = title("latest runs", width)
    for run in ended:
        line = Text.assemble(
            _to(run_state(run.state, run.reason), 11),
            plain(_in(f"{run.name or run.run_id[:12]}", wide)),
            "  ",
        )
        line.append_text(plain(_in(run.kind, 8), "bright_black")).append("  ")
        line.append(_in(_headline(run), 20)).append(f"{duration(took(run, now)):>5}", style="bright_black")
        line.append(f"  {age(run.ended, now):>4} ago", style="bright_black")
        if run.verdict:
            line.append("  ").append_text(state(run.verdict))
        rows.append(Row(line, ("run", run.run_id)))
    return rows


def _headline(run: Run) -> str:
    found = run.headline
    if found is None or not isinstance(found.value, int | float):
        return ""
    return f"{short(clean(found.metric), 10)} {found.value:#.4g}"


def _to(text: Text, width: int) -> Text:
    text.append(" " * max(1, width - text.cell_len))
    return text


def _in(text: str, width: int) -> str:
    shown = Text(clean(text))
    shown.truncate(width, overflow="ellipsis", pad=True)
    return shown.plain


# --- what has happened -------------------------------------------------------------------------------------------


def happened(entries: Sequence[Entry], width: int, height: int, now: int) -> list[Row]:
    """The newest decisions, each a line with its age and who made it."""
    if not entries or height < 2:
        return []
    rows = title("ledger", width)
    for entry in entries[: height - 1]:
        line = Text.assemble((f"{age(entry.time, now):>4}  ", "bright_black"), told(entry))
        line.append(f"  {clean(entry.actor)}", style="bright_black")
        rows.append(Row(line, _target(entry)))
    return rows


def _target(entry: Entry) -> Target | None:
    kind, _, id = entity(entry).partition(":")
    project = str(entry.data.get("project") or "")
    return (
        ("entry", kind, id, project) if kind in ("run", "proposal", "model", "alias", "data") and id else None
    )


def told(entry: Entry) -> Text:
    """A decision as a sentence."""
    data = entry.data
    model = short(data.get("model"), 40) if data.get("model") else ""
    named = Text.assemble(plain(model, "bold"))
    version = data.get("version")
    match entry.verb:
        case "data.admit":
            return Text.assemble(
                plain(f"{data.get('source')} v{version}", "bold"),
                f" admitted, {number(data.get('rows'))} rows",
            )
        case "data.quarantine":
            return Text.assemble((f"{glyphs().warn} ", "yellow"), plain(f"{data.get('source')}", "bold"), plain(f" refused {short(data.get('path'), 60)}: {short(data.get('reason'), 200)}"))  # fmt: skip
        case "model.register":
            return named.append(f" v{version}", style="bold").append(" registered")
        case "gate.verdict":
            return Text.assemble(
                named,
                (f" v{version}" if version is not None else "", "bold"),
                ": the gate says ",
                state(str(data.get("verdict"))),
            )
        case "alias.move":
            before, after = (
                f"v{number}" if number is not None else "none"
                for number in (data.get("from"), data.get("to"))
            )
            how = "rolled back" if data.get("rollback") else plain(str(data.get("alias"))).plain
            return Text.assemble(named, f" {how}: {before} {glyphs().arrow} ", (after, "bold cyan"))
        case "proposal.open":
            return Text.assemble(
                (f"{glyphs().live} ", "yellow"), named, " proposal: ", plain(short(entry.why, 200))
            )
        case "proposal.decide":
            return Text.assemble(
                "proposal ", state(str(data.get("decision"))), plain(f": {entry.why}" if entry.why else "")
            )
        case "project.add" | "project.remove":
            done = "is looked after" if entry.verb == "project.add" else "is no longer looked after"
            return Text.assemble(plain(entry.subject, "bold"), f" {done}")
        case "prediction.record":
            return Text.assemble(named, f" scored {number(data.get('rows'))} rows")
        case _:
            return Text.assemble(
                plain(f"{entry.verb.replace('.', ' ')} "),
                plain(entry.subject, "bold"),
                plain(f": {entry.why}" if entry.why else ""),
            )
