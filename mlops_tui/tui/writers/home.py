"""The first screen: what waits for a decision and how the models do; what runs, and how the machine is."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from mlops_tui.pages.parts import interval, names, plural, record
from mlops_tui.tui.formats import age, clean, duration, glyphs, number, plain, run_state, short, size, state
from mlops_tui.tui.own_keys import keyed
from mlops_tui.tui.widgets.board import Row, Target
from mlops_tui.tui.writers.drawing import meter
from mlops_tui.verbs._status import CardState, FailedRun, LiveRun, ModelHealth, StatusReport


def decisions(found: StatusReport, width: int) -> list[Row]:
    """What is wrong, what asks for a decision, and each model's champion."""
    rows = [
        Row(
            Text.assemble((f"{glyphs().bad} ", "red"), plain(f"{project.name}: {short(problem, 300)}", "red"))
        )
        for project in found.projects
        for problem in project.problems
    ]
    rows += title("proposals", width, number(len(found.proposals)) if found.proposals else "")
    rows += [_card(found, card) for card in found.proposals] or _none("nothing asks for a decision")
    rows += [_failed(found, run) for run in found.failed]
    rows += [
        Row(Text.assemble(plain(f"{glyphs().warn} {one.source}", "yellow"), f"  {number(one.files)} refused, the oldest {age(one.since, found.time)} ago"),
            ("quarantine", one.project, one.source))
        for one in found.quarantine
    ]  # fmt: skip
    rows += [
        Row(Text()),
        *title("models", width, number(len(found.models)) if len(found.models) > 1 else ""),
    ]
    rows += [row for model in found.models for row in _model(found, model)] or _none(
        keyed("no models yet: {go.runs}, then {run.new}, trains one")
    )
    return rows


def machine(found: StatusReport, width: int, *, news: bool = True, queue: int = 0) -> list[Row]:
    """What runs and waits, and what there is of disk and daemon. At most `queue` of what waits has a line of its own."""
    live = [run for run in found.runs if run.state != "QUEUED"]
    rows = title("live runs", width, number(len(live)) if live else "")
    rows += [_run(found, run, width, news) for run in live] or _none("nothing runs")
    waiting = [run for run in found.runs if run.state == "QUEUED"]
    if 0 < found.queued <= queue:
        rows += [_waiting(found, run) for run in waiting]
    elif found.queued:
        first = names((run.name or run.run_id[:12] for run in waiting), 3)
        rows.append(
            Row(Text.assemble(state("QUEUED"), f"  {number(found.queued)}: {clean(first)}"), ("queue",))
        )
    else:
        rows += _none("nothing waits")
    rows += [Row(Text()), *title("machine", width)]
    disk, daemon = found.disk, found.daemon
    used = 1 - disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
    colour = "red" if used > 0.95 else "yellow" if used > 0.85 else "cyan"
    taken = f", {size(disk.home_bytes)} of it ours" if disk.home_bytes is not None else ""
    wide = max(8, min(24, width - 60))
    rows.append(
        Row(
            Text.assemble(
                "disk    ",
                meter(used, wide, colour),
                f" {100 * used:.0f}% full, {size(disk.free_bytes)} free{taken}",
            )
        )
    )
    how = f"{daemon.busy or 'idle'}, ledger {number(daemon.ledger_seq)}" if daemon.running else "not running"
    sign = glyphs().ok if daemon.running else glyphs().bad
    rows.append(
        Row(
            Text.assemble(
                "daemon  ",
                (sign, "green" if daemon.running else "red"),
                plain(f" {how}"),
                (f", pid {daemon.pid}", "bright_black"),
            )
        )
    )
    return rows


def title(name: str, width: int, more: str = "") -> list[Row]:
    """A heading with a line to the edge."""
    head = clean(f"{name} {more}".strip())
    line = glyphs().line * max(0, width - cell_len(head) - 3)
    return [Row(Text.assemble((head, "bold"), " ", (line, "bright_black")))]


def _none(said: str) -> list[Row]:
    return [Row(Text(said, style="bright_black"))]


def _where(found: StatusReport, project: str) -> str:
    """The project, where there are several."""
    return "" if found.project or len(found.projects) < 2 else f"{project} "


def _card(found: StatusReport, card: CardState) -> Row:
    what = f"{_where(found, card.project)}{card.model}"
    return _asks(card.state, what, age(card.created, found.time), card.headline, ("proposal", card.id))


def _failed(found: StatusReport, run: FailedRun) -> Row:
    what = f"{run.kind} {run.model or run.name}"
    return _asks(run.state, what, f"{age(run.ended, found.time)} ago", run.reason, ("run", run.run_id))


def _asks(how: str, what: str, since: str, why: str, target: Target) -> Row:
    """Something that wants a person."""
    return Row(Text.assemble(state(how), plain(f"  {what}", "bold"), f"  {since}  ", plain(why)), target)


def _model(found: StatusReport, model: ModelHealth) -> list[Row]:
    head = Text.assemble(plain(f"{_where(found, model.project)}{model.name}", "bold"), "  ")
    if model.champion is None:
        head.append(f"no champion, {plural(model.versions, 'version')}", style="yellow")
    else:
        head.append(f"v{model.champion} ", style="bold cyan")
        head.append_text(plain(f"{model.metric} {interval(record(model.value))}"))
    head.append("  ").append_text(_drift(model))
    second = []
    if model.performance and model.performance.get("value") is not None:
        second.append(f"newest rows {interval(record(model.performance))}")
    behind = [
        f"{one.source} {one.trained}{glyphs().arrow}{one.newest}"
        for one in model.data
        if one.newest > one.trained
    ]
    if behind:
        second.append(names(behind, 2))
    if model.new_rows:
        second.append(f"{number(model.new_rows)} new")
    if model.trained is not None:
        second.append(f"{age(model.trained, found.time)} old")
    return [
        Row(head, ("model", model.project, model.name)),
        Row(plain("  " + f" {glyphs().bullet} ".join(second), "bright_black")),
    ]


def _drift(model: ModelHealth) -> Text:
    if model.drift is None:
        return Text("no look yet", style="bright_black")
    if not model.drift.alarm:
        told = model.drift.cannot_tell
        return state("UNKNOWN").append(f": {told}") if told else state("QUIET")
    return state("DRIFT" if model.drift.major else "ALARM").append_text(
        plain(f" {names(model.drift.features, 2)}")
    )


def _run(found: StatusReport, run: LiveRun, width: int, news: bool) -> Row:
    shown = Text.assemble(
        run_state(run.state, news=news), "  ", plain(short(run.name or run.run_id[:12], 24), "bold"), "  "
    )
    wide = max(8, min(20, width - 60))
    if run.progress is not None:
        shown.append_text(meter(run.progress, wide))
        shown.append(f" {100 * run.progress:.0f}%  ")
    shown.append_text(plain(short(run.stage or run.kind, 20)))
    since = run.started if run.started is not None else run.created
    shown.append(f"  {duration(max(0, found.time - since))}", style="bright_black")
    if run.expected_end is not None and run.expected_end > found.time:
        shown.append(f", ~{duration(run.expected_end - found.time)} to go", style="bright_black")
    return Row(shown, ("run", run.run_id))


def _waiting(found: StatusReport, run: LiveRun) -> Row:
    shown = Text.assemble(
        state("QUEUED"), plain(f"  {short(run.name or run.run_id[:12], 24)}", "bold"), f"  {run.kind}"
    )
    if run.waits:
        shown.append_text(plain(f"  {run.waits}"))
    if run.expected_start is not None and run.expected_start > found.time:
        shown.append(f"  starts in ~{duration(run.expected_start - found.time)}", style="bright_black")
    return Row(shown, ("run", run.run_id))
