"""Data."""

from __future__ import annotations

from typing import Any

from mlops_tui.pages import run as run_render
from mlops_tui.pages.parts import count, day, items, minute, nulls, plural, real, record, records, score
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short, size
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import DataVersion
from mlops_tui.verbs.data import Batch, DataDetail, Difference, ExpectationResult, Quarantined

_FILES = 30
_COLUMNS = 40


def list_(page: Page[DataVersion], screen: Surface) -> None:
    rows = [
        (v.project, v.source, v.version, v.rows, v.files, day(v.min_event_time), day(v.max_event_time), minute(v.created),
         v.snapshot[:12])
        for v in page.items
    ]  # fmt: skip
    screen.table(
        ("project", "source", "version", "rows", "files", "from", "to", "created", "snapshot"),
        rows,
        drop=("snapshot", "project", "created"),
    )


def show(found: DataDetail, screen: Surface) -> None:
    screen.title(f"{found.source}@{found.version}  of {found.project}")
    screen.facts([
        ("rows", _delivered(found)), ("from", f"{minute(found.min_event_time)} UTC" if found.min_event_time is not None else None),
        ("to", f"{minute(found.max_event_time)} UTC" if found.max_event_time is not None else None),
        ("created", f"{minute(found.created)} UTC"), ("snapshot", found.snapshot), ("schema version", found.schema_version),
        ("quarantined", f"{plural(found.quarantined, 'file')}: `mlops-tui data quarantine {found.source}`" if found.quarantined else None),
    ])  # fmt: skip
    columns = plural(len(found.schema), "column")
    replaced = found.current_rows is not None and found.current_rows < found.rows
    screen.heading("COLUMNS", f"{columns}; of all rows as they were delivered" if replaced else columns)
    profile = {str(one.get("name")): one for one in found.profile}
    rows = [
        (c.name, c.type, "yes" if c.nullable else "no", *_profile(profile.get(c.name, {}), c.type))
        for c in found.schema
    ]
    screen.table(
        ("column", "type", "NULL", "NULLs", "min", "mean", "max", "most frequent"),
        rows,
        drop=("most frequent", "mean", "NULL"),
        middle=("column",),
    )
    screen.heading("FILES", plural(len(found.batches), "file"))
    _batches(found.batches, screen)
    if found.expectations:
        screen.heading(
            "EXPECTATIONS",
            "of mlops.toml as it is now; results of the files that came",
        )
        kept = [
            (e.column, e.rule, e.severity, f"{e.refused}" if e.refused else "-", *_results(e.results))
            for e in found.expectations
        ]
        screen.table(
            ("column", "rule", "severity", "refused", "last result", "before"),
            kept,
            drop=("before", "severity"),
            middle=("rule",),
        )
    if found.warnings:
        screen.heading("WARNINGS")
    for warning in found.warnings:
        screen.text(_warning(warning), "  ! ")


def _delivered(found: DataDetail) -> str:
    """`742 delivered, 592 current`: training and looks take the last row of each key."""
    if found.current_rows is None or found.current_rows == found.rows:
        return f"{found.rows:,}"
    return f"{found.rows:,} delivered, {found.current_rows:,} current (the last of each key)"


def _profile(found: dict[str, Any], kind: str) -> tuple[str, str, str, str, str]:
    """What a column holds: share of NULLs, min, mean, max, the most frequent values."""
    total = count(found.get("rows"))
    share = f"{100 * count(found.get('nulls')) / total:.1f}%" if total else "-"
    top = ", ".join(
        short(pair[0], 30) for pair in items(found.get("top"))[:5] if isinstance(pair, list) and pair
    )
    if kind in ("datetime", "date"):
        moments = [real(found.get(name)) for name in ("min", "max")]
        first, last = (day(round(moment)) if moment is not None else "-" for moment in moments)
        return share, first, "-", last, top or "-"
    return share, score(found.get("min")), score(found.get("mean")), score(found.get("max")), top or "-"


def _results(found: list[ExpectationResult]) -> tuple[str, str]:
    """The newest result, and those before it."""
    shown = [_result(each) for each in found]
    return (shown[0] if shown else "-"), (", ".join(shown[1:]) or "-")


def _result(found: ExpectationResult) -> str:
    """`v3 kept`: nothing was said against it; or how many rows broke the rule."""
    return f"v{found.version} {plural(found.rows, 'row') + ' broke it' if found.said else 'kept'}"


def _warning(found: dict[str, Any]) -> str:
    said = found.get("message") or found.get("reason")
    return short(said, 300) if said else short(found, 300)


def _batches(batches: list[Batch], screen: Surface, title: str = "file") -> None:
    rows = [
        (b.path, b.rows, size(b.bytes), day(b.min_event_time), day(b.max_event_time))
        for b in batches[-_FILES:]
    ]
    if len(batches) > _FILES:
        screen.text(f"{len(batches) - _FILES:,} more before these: --json lists them all")
    screen.table(
        (title, "rows", "size", "from", "to"), rows, "no files", drop=("size", "to"), middle=(title,)
    )


def diff(found: Difference, screen: Surface) -> None:
    screen.title(f"{found.source}: version {found.a} and {found.b}")
    screen.text(f"{found.rows_a:,} rows became {found.rows_b:,} ({found.rows_b - found.rows_a:+,})")
    for title, batches in (("ADDED", found.added), ("REMOVED", found.removed), ("REPLACED", found.replaced)):
        if batches:
            screen.heading(title, plural(len(batches), "file"))
            _batches(batches, screen)
    if found.keys:
        screen.heading("KEYS")
        screen.facts(found.keys.items())
    if found.schema:
        screen.heading("SCHEMA")
        screen.table(
            ("column", "change", "before", "after"),
            [(c.column, c.change, c.before or "-", c.after or "-") for c in found.schema],
        )
    _columns(records(found.columns), screen)
    if not (found.added or found.removed or found.replaced or found.schema):
        screen.text("no file and no column differs")


def _columns(columns: list[Any], screen: Surface) -> None:
    """How the columns' values changed, the most changed first."""
    if not columns:
        return
    screen.heading("COLUMNS", "what was there before beside what is new, most changed first")
    ordered = sorted(columns, key=lambda one: -(real(record(one).get("psi")) or 0.0))
    rows = [
        (one.get("name"), _psi(one.get("psi")), nulls(one.get("null_share_a"), one.get("null_share_b")),
         *_means(one))
        for one in ordered[:_COLUMNS]
    ]  # fmt: skip
    screen.table(
        ("column", "PSI", "NULLs", "mean", "mean now"),
        rows,
        drop=("NULLs",),
        middle=("column",),
    )
    definition = next((one["definition"] for one in ordered if one.get("definition")), None)
    if definition:
        screen.text(short(definition, 300))


def _means(found: Any) -> tuple[str, str]:
    """Means of times are days."""
    pair = [real(found.get(name)) for name in ("mean_a", "mean_b")]
    if all(value is not None and value > 1e11 for value in pair):
        return day(round(pair[0] or 0)), day(round(pair[1] or 0))
    return score(pair[0]), score(pair[1])


def _psi(value: Any) -> str:
    number = real(value)
    return "-" if number is None else f"{number:.3f}"


def quarantine(page: Page[Quarantined], screen: Surface) -> None:
    rows = [
        (q.sha256 if screen.width is None else q.sha256[:12], q.project, q.source, q.path, size(q.bytes), q.state, minute(q.time),
         q.reason)
        for q in page.items
    ]  # fmt: skip
    screen.table(
        ("sha256", "project", "source", "file", "size", "state", "since", "reason"),
        rows,
        drop=("project", "size", "since", "state"),
        middle=("file",),
    )
    if screen.width is None or not page.items:
        return
    for one in page.items[:5]:
        screen.line()
        screen.text(f"{one.path}: {one.reason}")
        for row in [*records(one.details)[:3]]:
            screen.text(short(row, 200), "  • ")
    first = page.items[0].sha256[:12]
    screen.heading("NEXT")
    screen.commands([
        (f"mlops-tui data redrive {first}", "check it again, after the rules or the file's neighbours changed"),
        (f"mlops-tui data drop {first}", "give it up for good"),
    ])  # fmt: skip


def drop(found: Quarantined, screen: Surface) -> None:
    screen.text(f"{found.path} ({found.sha256[:12]}) is {found.state}")


RENDERERS = {
    "list": list_, "show": show, "add": run_render.one, "diff": diff, "quarantine": quarantine, "redrive": run_render.one,
    "drop": drop,
}  # fmt: skip
