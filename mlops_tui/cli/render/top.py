"""Verbs without a noun."""

from __future__ import annotations

from mlops_tui.cli.render import run as run_render
from mlops_tui.cli.render.demo import demo
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.text import short
from mlops_tui.verbs.top import Health, InitResult, Rebuilt, SqlResult


def init(found: InitResult, screen: Screen) -> None:
    screen.facts(
        [("project", found.project), ("model", found.model), ("folder", found.dir), ("files", found.files)]
    )
    screen.facts((name, short(value, 200)) for name, value in found.findings.items())
    screen.line()
    screen.block(found.config)


def sql(found: SqlResult, screen: Screen) -> None:
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


def doctor(found: Health, screen: Screen) -> None:
    for finding in found.findings:
        screen.line(f"{finding.level}: {finding.subject}: {finding.message}")
        if finding.hint:
            screen.line(f"  {finding.hint}")
    errors = sum(finding.level == "error" for finding in found.findings)
    screen.line(
        f"{errors} errors, {len(found.findings) - errors} warnings; looked at {', '.join(found.checks)}"
    )


def rebuild(found: Rebuilt, screen: Screen) -> None:
    screen.line(
        f"made the index anew from {found.entries:,} ledger entries and {found.runs:,} runs in {found.seconds:.1f} s"
    )
    if found.same is not None:
        screen.line("it is the same as before" if found.same else "it differs from the one before:")
    for difference in found.differences:
        screen.line(f"  {difference}")


RENDERERS = {
    "init": init, "demo": demo, "predict": run_render.one, "wait": run_render.show, "sql": sql, "doctor": doctor,
    "rebuild": rebuild,
}  # fmt: skip
