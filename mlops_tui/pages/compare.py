"""Two versions, or several runs, side by side: part by part, only what differs in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_tui.pages.parts import interval, level, minute, plural, real, score, signed
from mlops_tui.pages.surface import Surface
from mlops_tui.text import lasted, short, size
from mlops_tui.verbs.model import MetricCompareRow, ModelCompareRow, ModelComparison
from mlops_tui.verbs.run import CompareRow, Comparison

_TITLES = {
    "run": "RUN", "data": "DATA", "features": "FEATURES", "code": "CODE", "params": "PARAMETERS", "tags": "TAGS",
    "environment": "ENVIRONMENT", "metrics": "METRICS", "evaluation": "JUDGED ON",
}  # fmt: skip
_TIMES = ("created", "started", "ended", "min_event_time", "max_event_time")
_DIFF_LINES = 60
_DISTANCE = "difference"
OTHER_ROWS = "not on the same rows"
"""Said of metrics whose difference is not of the models alone."""
UNLIKE = "≠"
"""Stands before such a difference."""


def compare(found: ModelComparison, screen: Surface) -> None:
    """Two versions of a model."""
    a, b = f"version {found.a}", f"version {found.b}"
    screen.title(f"{found.model}: {a} and {b}")
    _metrics(found, screen)
    sections = list(dict.fromkeys(row.section for row in found.rows))
    for section in sections:
        rows = [row for row in found.rows if row.section == section]
        (_code if section == "code" else _section)(section, rows, (a, b), screen)
    same = [
        title.lower()
        for name, title in _TITLES.items()
        if name in ("data", "features", "code", "params", "environment") and name not in sections
    ]
    if same:
        screen.heading("THE SAME", ", ".join(same))


def _metrics(found: ModelComparison, screen: Surface) -> None:
    together = [metric for metric in found.metrics if metric.same_rows]
    rows = {metric.rows for metric in together}
    on = f"on the same {plural(next(iter(rows)) or 0, 'row')}" if len(rows) == 1 and rows != {None} else ""
    screen.heading("METRICS", on if together or not found.metrics or found.a == found.b else OTHER_ROWS)
    heads = ("metric", f"version {found.a}", f"version {found.b}", f"{found.b} − {found.a}")
    cells = [
        (m.metric, interval(m.a) if m.a else "-", interval(m.b) if m.b else "-", _gap(m))
        for m in found.metrics
    ]
    width = 4 if together else 3
    screen.table(heads[:width], [row[:width] for row in cells], "no metrics in common")
    for metric in found.metrics:
        if metric.difference:
            at = level(metric.difference.get("level"))
            screen.text(
                f"{metric.metric}, version {found.b} − version {found.a}: {interval(metric.difference, difference=True)}, {at} interval"
            )
    if found.note:
        screen.text(found.note)


def _gap(metric: MetricCompareRow) -> str:
    """How far the values lie apart, where they are of the same rows."""
    a, b = real(metric.a.get("value")), real(metric.b.get("value"))
    return "-" if a is None or b is None or not metric.same_rows else signed(b - a)


def _section(section: str, rows: list[ModelCompareRow], heads: tuple[str, str], screen: Surface) -> None:
    screen.heading(_TITLES.get(section, section.upper()))
    screen.table(
        ("what", *heads), [(row.key, _value(row.key, row.a), _value(row.key, row.b)) for row in rows]
    )


def _code(section: str, rows: list[ModelCompareRow], heads: tuple[str, str], screen: Surface) -> None:
    """Files that changed: those with changed lines as a diff, the others by their digest."""
    whole = [row for row in rows if not (isinstance(row.b, str) and "\n" in row.b)]
    if whole:
        _section(section, whole, heads, screen)
    else:
        screen.heading(_TITLES[section])
    for row in rows:
        if row in whole:
            continue
        lines = str(row.b).splitlines()
        screen.line()
        screen.text(f"{row.key}:")
        for line in lines[:_DIFF_LINES]:
            screen.line("  " + short(line, 300))
        if len(lines) > _DIFF_LINES:
            screen.text(f"and {len(lines) - _DIFF_LINES} more lines: --json has them all")


def _value(key: str, value: Any) -> str:
    """A compared value as people read it: times as times, lists of ids as how many they are, digests by their start."""
    name = key.rsplit(" ", 1)[-1]
    if name in _TIMES and isinstance(value, int):
        return f"{minute(value)} UTC"
    if name == "duration_ms" and isinstance(value, int):
        return lasted(value)
    if isinstance(value, list):
        return _list(key, value)
    if isinstance(value, str):
        return short(value, 13) if _digest(value) else short(value, 200)
    if isinstance(value, bool):
        return "yes" if value else "-"
    if isinstance(value, dict):
        return interval(value) if "value" in value or "estimate" in value else short(value)
    return score(value)


def _list(key: str, value: list[Any]) -> str:
    if not value:
        return "none"
    if any(isinstance(item, str) and _digest(item) for item in value):
        return plural(
            len(value), "batch" if "batches" in key else "entry", "batches" if "batches" in key else "entries"
        )
    shown = ", ".join(short(item, 60) for item in value[:5])
    return shown if len(value) <= 5 else f"{shown} and {len(value) - 5} more"


def _digest(text: str) -> bool:
    return len(text) == 64 and all(char in "0123456789abcdef" for char in text)


def other_rows(found: Comparison, metric: str, one: int, other: int) -> bool:
    """Whether two runs of a comparison, by their place, have a metric over different rows, as far as that is recorded."""
    if metric.startswith("system/") or max(one, other) >= len(found.judged):
        return False
    a, b = found.judged[one], found.judged[other]
    if a is None or b is None:
        return False
    return a.data != b.data if metric.startswith("search/") else a.key != b.key


def labels(runs: Sequence[str], names: Sequence[str]) -> list[str]:
    """How runs are called side by side: by name, by the start of the id where they have none, by both where names are the same."""
    length = next(
        (n for n in range(8, 33) if len({run[:n] for run in runs}) == len(runs)), 32
    )  # long enough to tell them apart, and to be typed
    return [
        f"{run[:length]} {name}".strip() if not name or names.count(name) > 1 else name
        for run, name in zip(runs, names, strict=True)
    ]


def named(found: Comparison) -> list[str]:
    """The labels of a comparison's runs."""
    names = next((row.values for row in found.rows if (row.section, row.key) == ("run", "name")), [])
    return labels(found.runs, [str(name or "") for name in names] or [""] * len(found.runs))


def runs(found: Comparison, screen: Surface) -> None:
    """Several runs, the first as the baseline: of each part what differs, and how much is the same."""
    heads = named(found)
    if heads:
        screen.title(f"{heads[0]} is the baseline")
    for section in dict.fromkeys(row.section for row in found.rows):
        rows = [row for row in found.rows if row.section == section]
        differ = [row for row in rows if row.differs]
        same = len(rows) - len(differ)
        notes = [f"{same} the same"] if same and differ else [] if differ else [f"all {same} the same"]
        if section == "metrics" and any(
            apart(found, row, 0, place) for row in differ for place in range(len(heads))
        ):
            notes.append(f"{UNLIKE} {OTHER_ROWS}")
        screen.heading(_TITLES.get(section, section.upper()), ", ".join(notes))
        if differ:
            _differences(found, differ, heads, screen)


def apart(found: Comparison, row: CompareRow, one: int, other: int) -> bool:
    """Whether two runs, by their place, have a metric that is over other rows in the one than in the other."""
    both = row.values[one] is not None and row.values[other] is not None
    return row.section == "metrics" and both and other_rows(found, row.key, one, other)


def _differences(found: Comparison, rows: list[CompareRow], heads: list[str], screen: Surface) -> None:
    """Values, and beside those of each run but the first how far they are from the first's, where one of them is a number."""
    columns: list[tuple[str, list[str]]] = []
    for place, head in enumerate(heads):
        columns.append((head, [_shown(row, place) for row in rows]))
        gaps = [_distance(found, row, place) for row in rows] if place else []
        if any(gap != "-" for gap in gaps):
            columns.append((_DISTANCE, gaps))
    screen.table(
        ("what", *(head for head, _ in columns)),
        zip([row.key for row in rows], *(texts for _, texts in columns), strict=True),
        drop=(_DISTANCE,) if len(heads) > 2 else (),
        middle=("what",),
    )


def _shown(row: CompareRow, place: int) -> str:
    value = row.values[place]
    if row.key.endswith("_bytes") and isinstance(value, int | float):
        return size(round(value))
    return "-" if value is None else _value(row.key, value)


def _distance(found: Comparison, row: CompareRow, place: int) -> str:
    base, value = real(row.values[0]), real(row.values[place])
    if row.section not in ("metrics", "params") or base is None or value is None:
        return "-"
    gap = signed(value - base)
    if row.key.endswith("_bytes"):
        gap = f"{'+' if value >= base else '-'}{size(round(abs(value - base)))}"
    return f"{UNLIKE} {gap}" if apart(found, row, 0, place) else gap
