"""The expectations of a source and how its versions have kept them: from mlops.toml, from what each ingest noted, from the quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_store.errors import Problem
from mlops_store.index.tx import Read
from mlops_tui.project.load import load
from mlops_tui.services import project as projects
from mlops_tui.services.loop_facts import loads
from mlops_tui.verbs._declare import ProjectInput
from mlops_tui.verbs.data import ExpectationResult, Expected

Findings = Sequence[dict[str, Any]]


def expected(
    read: Read,
    project: str,
    source: str,
    noted: Sequence[tuple[int, Findings]],
    held: Sequence[dict[str, Any]],
) -> list[Expected]:
    """One entry for each rule. `noted`: (version, what its check has warned of); `held`: rows of the quarantine. Nothing where there is no
    readable mlops.toml any more: data outlive it, and `project show` says what is wrong with it."""
    try:
        rules = load(projects.require(read, ProjectInput(project=project)).dir).source_named(source).expect
    except Problem:
        return []
    refusals = [loads(row["details"], []) for row in held]
    return [
        Expected(
            column=column,
            rule=text,
            severity=expectation.severity,
            results=[_result(version, _of(found, column, name)) for version, found in noted],
            refused=sum(bool(_blocking(found, column, name)) for found in refusals),
        )
        for column, expectation in rules.items()
        for name, text in expectation.rules().items()
    ]


def _of(findings: Findings, column: str, name: str) -> Findings:
    """Findings of one rule. Its value may have been another when it was checked; a missing column breaks all of its rules."""
    return [
        found
        for found in findings
        if (
            found.get("column") == column
            and str(found.get("check", "")).startswith((f"{name} ", "the column is missing"))
        )
        or (found.get("column"), found.get("check")) == (column, name)
    ]


def _blocking(findings: Findings, column: str, name: str) -> Findings:
    return [found for found in _of(findings, column, name) if found.get("severity") == "block"]


def _result(version: int, findings: Findings) -> ExpectationResult:
    said = "; ".join(str(found.get("message") or found.get("check")) for found in findings[:3])
    return ExpectationResult(
        version=version, rows=sum(int(found.get("failures") or 0) for found in findings), said=said
    )
