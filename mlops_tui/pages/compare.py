"""Two versions, or several runs, side by side: part by part, only what differs in full."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.parts import interval, level, minute, plural, real, score, signed
from mlops_tui.pages.surface import Surface
from mlops_tui.text import lasted, short
from mlops_tui.verbs.model import MetricCompareRow, ModelCompareRow, ModelComparison
from mlops_tui.verbs.run import CompareRow, Comparison

_TITLES = {
    "run": "RUN", "data": "DATA", "features": "FEATURES", "code": "CODE", "params": "PARAMETERS", "tags": "TAGS",
    "environment": "ENVIRONMENT", "metrics": "METRICS",
}  # fmt: skip
_TIMES = ("created", "started", "ended", "min_event_time", "max_event_time")
_DIFF_LINES = 60
OTHER_ROWS = "not on the same rows"
"""Said of metrics whose difference is not of the models alone."""


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
    rows = {metric.rows for metric in found.metrics if metric.same_rows}
    on = f"on the same {plural(next(iter(rows)) or 0, 'row')}" if len(rows) == 1 and rows != {None} else ""
    screen.heading("METRICS", on)
    screen.table(
        ("metric", f"version {found.a}", f"version {found.b}", f"{found.b} − {found.a}"),
        [(m.metric, interval(m.a) if m.a else "-", interval(m.b) if m.b else "-", _gap(m)) for m in found.metrics],
        "no metrics in common",
    )  # fmt: skip
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
    if a is None or b is None:
        return "-"
    return signed(b - a) if metric.same_rows else OTHER_ROWS


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


def _on_rows(found: Comparison, row: CompareRow) -> str:
    """Whether all that have a metric have it over the same rows as the first of them."""
    having = [place for place, value in enumerate(row.values) if value is not None]
    return OTHER_ROWS if any(other_rows(found, row.key, having[0], place) for place in having[1:]) else ""


def _judged(found: Comparison) -> str:
    """How many rows each was judged on, where they differ."""
    keys = {each.key for each in found.judged if each is not None}
    if len(keys) < 2:
        return ""
    counts = ", ".join(
        f"{each.rows:,}" if each is not None and each.rows is not None else "?" for each in found.judged
    )
    return f"judged on {counts} rows, {OTHER_ROWS}"


def runs(found: Comparison, screen: Surface) -> None:
    """Several runs: of each part what differs, and how much is the same."""
    heads = [run_id[:16] if screen.width else run_id for run_id in found.runs]
    for section in dict.fromkeys(row.section for row in found.rows):
        rows = [row for row in found.rows if row.section == section]
        differ = [row for row in rows if row.differs]
        same = len(rows) - len(differ)
        note = f"{same} the same" if same else ""
        judged = _judged(found) if section == "metrics" else ""
        screen.heading(
            _TITLES.get(section, section.upper()),
            ", ".join(filter(None, (note, judged))) if differ else f"all {same} the same",
        )
        if differ and judged:
            screen.table(
                ("what", *heads, "rows"),
                [(row.key, *_values(row), _on_rows(found, row)) for row in differ],
                middle=("what",),
            )
        elif differ:
            screen.table(("what", *heads), [(row.key, *_values(row)) for row in differ], middle=("what",))


def _values(row: CompareRow) -> list[str]:
    return ["-" if value is None else _value(row.key, value) for value in row.values]
