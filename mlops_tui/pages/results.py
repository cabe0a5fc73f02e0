"""What a run of a short kind answered: looked-up features, files that were refused. Total: a result may hold anything."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages.parts import Record, count, items, plural, record, records, score
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs._shapes import RunDetail

_STATUS = "__status"
_SHOWN = 40
_WARNED = 5


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


def _admitted(found: Record, refused: int, warned: int) -> str:
    """`150 rows admitted as rows@4, 1 warning`."""
    manifest, admitted = record(found.get("manifest")), records(found.get("admitted"))
    version = count(manifest.get("version") or found.get("version"))
    rows = sum(count(one.get("rows")) for one in admitted)
    parts = (
        [f"{plural(rows, 'row')} admitted as {short(found.get('source'), 80)}@{version}"] if admitted else []
    )
    same = len(items(found.get("unchanged")))
    parts += [f"{plural(same, 'file')} there already"] if same else []
    parts += [f"{plural(refused, 'file')} refused"] if refused else []
    parts += [plural(warned, "warning")] if warned else []
    return ", ".join(parts) or "nothing was there to admit"


def delivered(run: RunDetail, screen: Surface) -> None:
    """What came of files that were delivered: those refused with the reason, then the counts and names."""
    found = record(run.result)
    refused, warned = records(found.get("rejected")), records(found.get("warnings"))
    screen.text(_admitted(found, len(refused), len(warned)))
    for one in warned[:_WARNED]:
        screen.text(
            f"{short(one.get('path') or '', 80)}: {short(one.get('message'), 300)}".removeprefix(": "), "  ! "
        )
    if refused:
        screen.heading("REFUSED")
        screen.table(
            ("path", "reason"),
            [(short(one.get("path"), 400), short(one.get("reason"), 400)) for one in refused],
            middle=("path",),
        )


SHOWN = {"features": looked_up, "ingest": delivered}
"""By the kind of run."""
