"""A run as a row and in a few lines: its headline, its trend, what it is called by the filter language."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from rich.text import Text

from mlops_store.records import ENDED
from mlops_tui.commandline.twin import command
from mlops_tui.pages.parts import plural, record
from mlops_tui.tui.formats import age, clock, number, plain, run_state, short, size, state
from mlops_tui.tui.sheet import Sheet
from mlops_tui.tui.widgets.table.layout import Column
from mlops_tui.verbs._shapes import MetricSummary, Run, RunDetail

SEARCH = "search/score"
SCORES = f'metrics."{SEARCH}"'
"""What the filter language calls it."""
PARAMS = 6
"""Parameters in a preview."""


def column_of(name: str) -> Column | None:
    """A column for `params.lr`, `metrics.auc`, `tags.owner`; None for what the screen has itself."""
    group, _, key = name.partition(".")
    if group == "params" and key:
        return Column(
            name, key, 12, lambda run: short(run.params[key], 40) if key in run.params else "", align="right"
        )
    if group == "tags" and key:
        return Column(name, key, 12, lambda run: plain(run.tags.get(key, "")))
    if group == "metrics" and key:
        return Column(
            name,
            key,
            12,
            lambda run: number(run.metrics[key].best) if key in run.metrics else "",
            align="right",
            sort=name,
        )
    return None


def took(run: Run, now: int | None = None) -> int | None:
    """Milliseconds from start to end, or until now while it runs."""
    if run.started is None:
        return None
    end = run.ended if run.ended is not None else (now or time.time_ns() // 1_000_000)
    return max(0, end - run.started)


def moment(ms: int) -> str:
    """When, in five cells: the time of today, the day of others."""
    return clock(ms)[:5]


def trend_key(run: Run) -> str:
    """The metric whose trend says most: the scores of its search, or where it has none, the headline."""
    scores = run.metrics.get(SEARCH)
    if scores is not None and scores.count > 1:
        return SEARCH
    return run.headline.metric if run.headline is not None else ""


def stamp(run: Run) -> object:
    """Other than before where a run that is over was resumed or has logged late."""
    scores = run.metrics.get(SEARCH)
    return trend_key(run), run.state, run.attempts, run.headline, scores.count if scores is not None else 0


def due(rows: Iterable[Run], known: Mapping[str, tuple[object, list[float]]]) -> dict[str, list[Run]]:
    """The runs whose trend has to be asked for (anew), by metric: those that go on, and those that have changed."""
    found: dict[str, list[Run]] = {}
    for run in rows:
        key = trend_key(run)
        if key and (run.state not in ENDED or known.get(run.run_id, (None, []))[0] != stamp(run)):
            found.setdefault(key, []).append(run)
    return found


def filter_of(question: Mapping[str, Any], excluded: Iterable[str] = ()) -> str:
    """What finds the runs of a list that shows `question`, but for these: of the kinds that a list without a word of kinds shows."""
    # the language is read when a deed needs it
    from mlops_store.filter_tree import Field, fields_of
    from mlops_store.filters import parse

    given = str(question.get("filter") or "").strip()
    terms = [f"({given})"] if given else []
    tree = parse(given)
    if not question.get("all_kinds") and (tree is None or Field("column", "kind") not in fields_of(tree)):
        terms.append("kind in (train, sdk)")
    terms += (
        [f"not id in ({', '.join(f'{chr(34)}{key}{chr(34)}' for key in sorted(excluded))})"]
        if excluded
        else []
    )
    return " and ".join(terms)


def gate_word(verdict: str | None) -> Text:
    """A verdict in ten cells."""
    found = state(verdict)
    return Text(found.plain[:9] + ".", style=found.style, no_wrap=True) if found.cell_len > 10 else found


def best_of(metric: str) -> str:
    """A metric's best value as a field of the filter language."""
    return (
        f"best({metric})"
        if re.fullmatch(r"[A-Za-z_]\w*", metric)
        else 'best("{}")'.format(metric.replace('"', '""'))
    )


def goal_of(found: MetricSummary | None) -> Literal["max", "min", ""]:
    """Which value is best, by the one that the daemon calls so; empty where all are the same."""
    if found is None or found.best is None or found.min == found.max:
        return ""
    return "max" if found.best == found.max else "min"


def summary(run: Run, width: int, *, news: bool = True) -> Text:
    """A run in a few lines: the first four say the most."""
    sheet = Sheet(width)
    sheet.line(_headline_of(run, sheet.width, news))
    if run.error is not None:
        sheet.line(short(f"{run.error.stage}: {run.error.message}".removeprefix(": "), 400), "red")
        if run.error.hint:
            sheet.line(short(run.error.hint, 400))
    if run.headline is not None:
        name, value = run.headline.metric, run.headline.value
        said = _judged(run) or _logged(run.metrics.get(name))
        sheet.line(
            Text.assemble((f"{short(name, 30)} ", "bright_black"), number(value), (said, "bright_black"))
        )
    if run.reason:
        sheet.line(short(run.reason, 400), "yellow")
    sheet.line(Text("cli: " + command("run show", {"run_id": run.run_id[:12]}), style="bright_black"))
    sheet.pairs((short(key, 30), _param(value)) for key, value in list(run.params.items())[:PARAMS])
    if len(run.params) > PARAMS:
        sheet.line(f"and {len(run.params) - PARAMS} more", "bright_black")
    sheet.pairs([
        ("id", run.run_id), ("kind", run.kind), ("model", run.model), ("version", run.model_version), ("experiment", short(run.experiment, 80)),
        ("proposal", run.proposal_id), ("attempts", run.attempts), ("exit code", run.exit_code), ("signal", run.signal),
        ("tags", short(", ".join(f"{key}={value}" for key, value in run.tags.items()), 400)),
    ])  # fmt: skip
    if run.metrics:
        sheet.heading("metrics").table(
            ("metric", "best", "last", "points"),
            [
                (key, measure(key, found.best), measure(key, found.last), number(found.count))
                for key, found in run.metrics.items()
            ],
            right=(1, 2, 3),
        )
    return sheet.text


def _judged(run: Run) -> str:
    """The rows that its value is over: two runs may have been judged on different ones."""
    gate = run.gate if isinstance(run, RunDetail) else None
    rows = record(gate).get("evaluation_rows")
    if not isinstance(run, RunDetail) or not isinstance(rows, int):
        return ""
    data = " ".join(f"{source}@{version}" for source, version in run.pins.items())
    return f"  on {rows:,} rows" + (f" of {short(data, 80)}" if data else "")


def _logged(found: MetricSummary | None) -> str:
    """How often, and what came last."""
    if found is None:
        return ""
    last = f"  last {number(found.last)}" if found.count > 1 else ""
    return f"{last}  {plural(found.count, 'point')}"


def _headline_of(run: Run, width: int, news: bool) -> Text:
    """State, name, verdict and age; a long name gives way."""
    head = Text.assemble(run_state(run.state, run.reason, news=news), "  ")
    tail = Text()
    if run.verdict:
        tail.append_text(Text.assemble("  gate ", state(run.verdict)))
    tail.append(f"  {age(run.created)} ago", style="bright_black")
    name = plain(run.name or run.run_id[:12], "bold")
    name.truncate(max(8, width - head.cell_len - tail.cell_len), overflow="ellipsis")
    return Text.assemble(head, name, tail)


def measure(key: str, value: float | None) -> str:
    """A value of a metric; bytes as sizes."""
    return (
        size(int(value))
        if value is not None and math.isfinite(value) and key.endswith("_bytes")
        else number(value)
    )


def _param(value: Any) -> str:
    return number(value) if isinstance(value, float) else short(value, 60)
