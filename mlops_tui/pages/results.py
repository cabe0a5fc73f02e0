"""What a run of a short kind answered: looked-up features, files that were refused. Total: a result may hold anything."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.parts import count, record, records, score
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs._shapes import RunDetail

_STATUS = "__status"
_SHOWN = 40


def looked_up(run: RunDetail, screen: Surface) -> None:
    """Features as they were known: of one row a line each with its status, else a line for each row."""
    found = record(run.result)
    rows = records(found.get("rows"))
    if len(rows) == 1:
        _one(rows[0], screen)
    elif rows:
        names = list(rows[0])
        shown = rows if screen.width is None else rows[:_SHOWN]
        screen.table(names, [[_value(row.get(name)) for name in names] for row in shown], middle=names)
        if count(found.get("count")) > len(shown):
            screen.line(
                f"{count(found.get('count')) - len(shown):,} more rows: --output FILE writes them all"
            )
    else:
        screen.text("no rows")
    if found.get("output"):
        screen.facts([("written to", found["output"])])


def _one(row: Any, screen: Surface) -> None:
    views = [name.removesuffix(_STATUS) for name in row if name.endswith(_STATUS)]
    features = [(name, _view_of(name, views)) for name in row if not name.endswith(_STATUS)]
    screen.facts((name, _value(row[name])) for name, view in features if view is None)
    screen.line()
    screen.table(
        ("feature", "value", "status"),
        [(name, _value(row[name]), _value(row[view + _STATUS])) for name, view in features if view is not None],
        middle=("feature",),
    )  # fmt: skip


def _view_of(name: str, views: list[str]) -> str | None:
    """The view of a column `view__feature`; the longest that fits, as names may hold `__` too."""
    return max((view for view in views if name.startswith(f"{view}__")), key=len, default=None)


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return score(value) if isinstance(value, int | float) else short(value, 200)


def delivered(run: RunDetail, screen: Surface) -> None:
    """What came of files that were delivered: those refused with the reason, then the counts and names."""
    found = record(run.result)
    refused = records(found.get("rejected"))
    plain = {
        name: value for name, value in found.items() if name != "rejected" and value not in (None, "", [], {})
    }
    screen.facts((short(name, 60), _value(value)) for name, value in plain.items())
    if refused:
        screen.heading("REFUSED")
        screen.table(
            ("path", "reason"),
            [(short(one.get("path"), 400), short(one.get("reason"), 400)) for one in refused],
            middle=("path",),
        )


SHOWN = {"features": looked_up, "ingest": delivered}
"""By the kind of run."""
