"""Validate: the expectations of every source of the model against the rows that this run uses.

A broken expectation of severity block refuses, with the rows as an artifact; warn is recorded. Writes
`validation.json`: {source: {rows, findings: [{column, check, severity, failures, sample}]}}.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_tui.worker.assemble import model_sources
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.sources import scan
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.validation import ValidationReport, check

INPUTS = ("collect",)
USES_RECIPE = True
_MAX_ROWS_KEPT = 1000


def inputs(worker: WorkerContext) -> dict[str, Any]:
    """The expectations, and the data of the sources beside the spine."""
    found: dict[str, Any] = {}
    for name in model_sources(worker.model, worker.recipe):
        source = worker.config.source_named(name)
        found[f"expect {name}"] = {
            k: e.model_dump(mode="json", by_alias=True) for k, e in source.expect.items()
        }
        found[f"data {name}"] = worker.manifest(name).snapshot
    return found


def run(ctx: StageContext) -> None:
    """Raises Problem listing every broken expectation."""
    reports: dict[str, ValidationReport] = {}
    for name in model_sources(ctx.model, ctx.worker.recipe):
        source = ctx.config.source_named(name)
        wanted = list(source.expect)
        if name == ctx.model.spine:
            lazy = pl.scan_parquet(ctx.path("collect", "spine.parquet"), glob=False)
        else:
            lazy = scan(ctx.worker.source_files(name))
        there = lazy.collect_schema().names()
        keep = dict.fromkeys([*source.key, source.event_time, *wanted])
        reports[name] = check(lazy.select(column for column in keep if column in there).collect(), source)
        ctx.log(
            f"{name}: {reports[name].rows} rows, {len(reports[name].findings)} of {len(wanted)} columns complain"
        )
    said = {name: {"rows": report.rows, "findings": report.findings} for name, report in reports.items()}
    write_json(ctx.out / "validation.json", said)
    ctx.artifact("validation.json")
    warnings = [
        f"{name}: {report.summary('warn')}" for name, report in reports.items() if report.summary("warn")
    ]
    for warning in warnings:
        ctx.log(f"warning: {warning}")
    ctx.facts["warnings"] = warnings
    for name, report in reports.items():
        if report.blocked:
            problem = Problem(
                "bad_data",
                f"source {name!r}: {report.summary()}",
                f"correct the data, or [source.{name}.expect]",
            )
            rows = report.failing_rows.head(_MAX_ROWS_KEPT)
            raise ctx.worker.refuse(rows, f"validation/{name}-rows.parquet", problem)
