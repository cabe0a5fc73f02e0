"""Runs."""

from __future__ import annotations

from typing import Any

from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import lasted, measured, number, short, size, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import Run, RunDetail
from mlops_tui.verbs.run import Comparison, LogChunk, Why


def _id(run_id: str, screen: Screen) -> str:
    """The start of an id is enough for people; a pipe gets all of it."""
    return run_id[:16] if screen.terminal else run_id


def one(run: Run, screen: Screen) -> None:
    """A run on one line, as an answer to a command that submits or stops one; with its evidence where there is some."""
    if isinstance(run, RunDetail):
        show(run, screen)
        return
    reason = f"  ({run.reason})" if run.reason else ""
    screen.line(f"{run.run_id}  {run.kind}  {run.name}  {run.state}{reason}")


def list_(page: Page[Run], screen: Screen) -> None:
    rows = [
        (
            _id(run.run_id, screen),
            run.kind,
            run.name,
            run.state,
            run.verdict or "-",
            _best(run),
            when(run.created),
            _took(run),
        )
        for run in page.items
    ]
    screen.table(("run", "kind", "name", "state", "verdict", "best", "created", "took"), rows, "no runs")


def _best(run: Run) -> str:
    """The metric that the run is judged by, else the first two; all of them are in `run show`."""
    keys = [run.metric] if run.metric in run.metrics else [key for key in run.metrics if "/" not in key][:2]
    shown = [f"{key}={number(run.metrics[key].best)}" for key in keys]
    return " ".join(shown) or "-"


def _took(run: Run) -> str:
    return lasted(run.ended - run.started) if run.ended is not None and run.started is not None else "-"


def show(run: RunDetail, screen: Screen) -> None:
    screen.facts([
        ("run", run.run_id), ("name", run.name), ("kind", run.kind), ("project", run.project), ("experiment", run.experiment),
        ("state", run.state), ("reason", run.reason), ("verdict", run.verdict), ("model version", run.model_version),
        ("created", when(run.created)), ("started", when(run.started)), ("ended", when(run.ended)), ("took", _took(run)),
        ("exit code", run.exit_code), ("signal", run.signal), ("attempts", run.attempts), ("proposal", run.proposal_id),
        ("pins", short(run.pins, 200) if run.pins else None), ("after", run.after), ("folder", run.folder),
    ])  # fmt: skip
    if run.error is not None:
        screen.line()
        screen.facts([("error", run.error.message), ("hint", run.error.hint), ("stage", run.error.stage)])
    _part(screen, "stages", ("stage", "state", "took"),
          [(stage.name, stage.state, lasted(stage.duration_ms)) for stage in run.stages])  # fmt: skip
    _part(screen, "metrics", ("metric", "best", "last", "min", "max", "points"),
          [(key, m.best, m.last, m.min, m.max, m.count) for key, m in run.metrics.items()])  # fmt: skip
    _part(
        screen,
        "parameters",
        ("parameter", "value"),
        [(key, short(value)) for key, value in run.params.items()],
    )
    if run.gate is not None:
        gate(run.gate, screen)
    _part(screen, "artifacts", ("artifact", "size"), [(item.path, size(item.size)) for item in run.artifacts])
    if run.result is not None and run.kind not in ("train", "sdk"):
        screen.line()
        screen.facts((name, short(value, 200)) for name, value in run.result.items())


def _part(screen: Screen, _title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    if rows:
        screen.line()
        screen.table(columns, rows)


def gate(found: dict[str, Any], screen: Screen) -> None:
    """A verdict with the evidence of each check."""
    screen.line()
    screen.line(
        f"gate {found.get('verdict')}  look {found.get('look')}, alpha {number(found.get('alpha'))}, "
        f"{number(found.get('evaluation_rows'))} rows in {number(found.get('clusters'))} clusters"
    )
    rows = [
        (
            check.get("check"),
            check.get("verdict"),
            measured({**check, "value": check.get("estimate")}),
            check.get("reason") or "-",
        )
        for check in found.get("checks", [])
    ]
    screen.table(("check", "verdict", "estimate", "reason"), rows)


def logs(chunk: LogChunk, screen: Screen) -> None:
    screen.block(chunk.text)


def why(found: Why, screen: Screen) -> None:
    screen.facts([("run", found.run_id), ("compared with", found.previous)])
    for stage in found.stages:
        screen.line()
        screen.line(f"{stage.stage}  {stage.state}{'  ' + stage.reason if stage.reason else ''}")
        for change in stage.changes:
            screen.line(f"  {change.input}: {short(change.before)} → {short(change.after)}")


def compare(found: Comparison, screen: Screen) -> None:
    rows = [
        ("*" if row.differs else "", row.section, row.key, *(_value(value) for value in row.values))
        for row in found.rows
    ]
    screen.table(("", "section", "what", *(_id(run_id, screen) for run_id in found.runs)), rows)


def _value(value: Any) -> str:
    return measured(value) if isinstance(value, dict | float | int) else short(value)


RENDERERS = {
    "start": one, "stop": one, "resume": one, "list": list_, "show": show, "logs": logs, "why": why, "compare": compare,
}  # fmt: skip
