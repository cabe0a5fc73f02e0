"""Pages of runs: the columns that were asked for, and advice that can be followed."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_store.ids import now_ms
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.verbs import find
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs._shapes import MetricSummary, Run, RunDetail
from mlops_tui.verbs.run import RunList

FACTS: dict[str, Any] = {
    "run_id": "01" * 16, "kind": "sdk", "name": "mine", "project": "lab", "experiment": "default", "created": 1_700_000_000_000,
}  # fmt: skip


def table(capsys: pytest.CaptureFixture[str], asked: RunList, **more: Any) -> list[list[str]]:
    page = Page(items=[Run(**{**FACTS, "state": "FINISHED", **more})])
    render(find("run list"), page, Screen(False, None), asked)
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_fields_are_the_columns_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    asked = RunList(fields=["headline,params.alpha,last(loss)", "tags.owner,experiment"])
    heads, row = table(capsys, asked, params={"alpha": 0.5}, metrics={"loss": MetricSummary(last=2.0)})
    assert heads[3:] == ["headline", "params.alpha", "last(loss)", "tags.owner", "experiment"]
    assert row[3:] == ["-", "0.5", "2", "-", "default"]


def test_a_list_of_all_projects_says_whose_each_run_is(capsys: pytest.CaptureFixture[str]) -> None:
    heads, row = table(capsys, RunList())
    assert row[heads.index("project")] == "lab"
    assert "project" not in table(capsys, RunList(project="lab"))[0]


def test_a_failed_script_is_not_told_to_resume(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, offered in (("sdk", False), ("train", True)):
        render(find("run show"), RunDetail(**{**FACTS, "kind": kind, "state": "FAILED"}), Screen(False, 100))
        assert ("run resume" in capsys.readouterr().out) is offered


def test_age_and_who_asked_are_fields_too(capsys: pytest.CaptureFixture[str]) -> None:
    heads, row = table(capsys, RunList(fields=["age,actor"]), actor="ann", created=now_ms() - 7_200_000)
    assert (heads[3:], row[3:]) == (["age", "actor"], ["2h", "00m", "ann"])
