"""Data."""

from __future__ import annotations

from mlops_tui.cli.render import run as run_render
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import short, size, when
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import DataVersion
from mlops_tui.verbs.data import Batch, DataDetail, Difference, Quarantined


def list_(page: Page[DataVersion], screen: Screen) -> None:
    rows = [
        (v.project, v.source, v.version, v.rows, v.files, when(v.min_event_time), when(v.max_event_time), when(v.created),
         v.snapshot[:12])
        for v in page.items
    ]  # fmt: skip
    screen.table(
        ("project", "source", "version", "rows", "files", "from", "to", "created", "snapshot"),
        rows,
        "no data yet",
    )


def show(found: DataDetail, screen: Screen) -> None:
    screen.facts([
        ("source", found.source), ("version", found.version), ("snapshot", found.snapshot), ("rows", found.rows),
        ("from", when(found.min_event_time)), ("to", when(found.max_event_time)), ("created", when(found.created)),
        ("schema version", found.schema_version), ("quarantined", found.quarantined or None),
    ])  # fmt: skip
    screen.line()
    screen.table(
        ("column", "type", "NULL"), [(c.name, c.type, "yes" if c.nullable else "no") for c in found.schema]
    )
    screen.line()
    _batches(found.batches, screen)
    for warning in found.warnings:
        screen.line(f"warning: {short(warning, 200)}")


def _batches(batches: list[Batch], screen: Screen, title: str = "file") -> None:
    rows = [(b.path, b.rows, size(b.bytes), when(b.min_event_time), when(b.max_event_time)) for b in batches]
    screen.table((title, "rows", "size", "from", "to"), rows)


def diff(found: Difference, screen: Screen) -> None:
    screen.line(
        f"{found.source}: version {found.a} ({found.rows_a:,} rows) and {found.b} ({found.rows_b:,} rows)"
    )
    for title, batches in (("added", found.added), ("removed", found.removed), ("replaced", found.replaced)):
        if batches:
            screen.line()
            _batches(batches, screen, title)
    if found.schema:
        screen.line()
        screen.table(
            ("column", "change", "before", "after"),
            [(c.column, c.change, c.before or "-", c.after or "-") for c in found.schema],
        )
    for column in found.columns:
        screen.line(short(column, 200))


def quarantine(page: Page[Quarantined], screen: Screen) -> None:
    rows = [
        (
            q.sha256[:12] if screen.terminal else q.sha256,
            q.project,
            q.source,
            q.path,
            size(q.bytes),
            q.reason,
            q.state,
            when(q.time),
        )
        for q in page.items
    ]
    screen.table(
        ("sha256", "project", "source", "file", "size", "reason", "state", "since"),
        rows,
        "nothing is in the quarantine",
    )


def drop(found: Quarantined, screen: Screen) -> None:
    screen.line(f"{found.path} ({found.sha256[:12]}) is {found.state}")


RENDERERS = {
    "list": list_, "show": show, "add": run_render.one, "diff": diff, "quarantine": quarantine, "redrive": run_render.one,
    "drop": drop,
}  # fmt: skip
