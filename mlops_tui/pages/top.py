"""Verbs without a noun."""

from __future__ import annotations

from mlops_tui.pages import run as run_render
from mlops_tui.pages.demo import demo
from mlops_tui.pages.lineage import lineage
from mlops_tui.pages.parts import BULLET, count, items, minute, names, record
from mlops_tui.pages.status import status
from mlops_tui.pages.surface import Surface
from mlops_tui.text import short
from mlops_tui.verbs._find import FoundList
from mlops_tui.verbs.top import Health, InitResult, Rebuilt, SqlResult


def init(found: InitResult, screen: Surface) -> None:
    said = found.findings
    rows = count(said.get("rows"))
    screen.facts([
        ("project", found.project), ("model", found.model), ("folder", found.dir),
        ("files", names(found.files)), ("rows", f"{rows:,}" if rows else None),
    ])  # fmt: skip
    screen.heading("DECIDED", "and why; mlops.toml is where to change it")
    screen.facts([
        ("target", said.get("target")), ("metric", said.get("metric")),
        *((name, f"{said.get(name)}: {why}" if name == "task" else why) for name, why in record(said.get("why")).items()),
    ])  # fmt: skip
    for note in items(said.get("notes")):
        screen.text(short(note, 400), BULLET)
    screen.heading("MLOPS.TOML")
    screen.block(found.config)
    screen.heading("NEXT")
    screen.commands([(f"mlops-tui run start {found.model} --wait", "train a first version")])


def sql(found: SqlResult, screen: Surface) -> None:
    screen.table(
        [column.name for column in found.columns],
        [[_cell(value) for value in row] for row in found.rows],
        "no rows",
        whole=True,
    )
    if found.truncated and screen.terminal:
        screen.line(f"only the first {len(found.rows)} rows: --limit")


def _cell(value: object) -> str:
    return "" if value is None else str(value) if isinstance(value, str | int | float) else short(value, 200)


def doctor(found: Health, screen: Surface) -> None:
    for finding in found.findings:
        screen.line(f"{finding.level}: {finding.subject}: {finding.message}")
        if finding.hint:
            screen.line(f"  {finding.hint}")
    errors = sum(finding.level == "error" for finding in found.findings)
    screen.line(
        f"{errors} errors, {len(found.findings) - errors} warnings; looked at {', '.join(found.checks)}"
    )


def rebuild(found: Rebuilt, screen: Surface) -> None:
    screen.line(
        f"made the index anew from {found.entries:,} ledger entries and {found.runs:,} runs in {found.seconds:.1f} s"
    )
    if found.same is not None:
        screen.line("it is the same as before" if found.same else "it differs from the one before:")
    for difference in found.differences:
        screen.line(f"  {difference}")


def find(found: FoundList, screen: Surface) -> None:
    rows = [(item.kind, item.id, item.title if item.title != item.id else "-", item.project, item.state or "-", item.detail or "-", minute(item.time))
            for item in found.items]  # fmt: skip
    screen.table(
        ("kind", "id", "name", "project", "state", "", "when"),
        rows,
        "nothing has all these words in its name",
        drop=("when", "project", ""),
        keep=("id",),
    )


RENDERERS = {
    "init": init, "demo": demo, "predict": run_render.one, "status": status, "lineage": lineage, "find": find, "wait": run_render.show, "sql": sql, "doctor": doctor,
    "rebuild": rebuild,
}  # fmt: skip
