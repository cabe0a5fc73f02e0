"""Answers of short runs for people: looked-up features and refused files as tables."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.verbs import find
from mlops_tui.verbs._shapes import RunDetail


def detail(kind: Literal["features", "ingest"], result: dict[str, Any]) -> RunDetail:
    return RunDetail(
        run_id="a" * 32,
        kind=kind,
        name="x",
        project="p",
        experiment="",
        state="FINISHED",
        created=1,
        result=result,
    )


ROW = {"origin": "JFK", "time": "2013-05-01T12:00:00", "weather__temp": 12.5, "weather__wind": None, "weather__status": "PRESENT"}  # fmt: skip


def test_one_row_is_a_table_of_values_with_their_status(capsys: pytest.CaptureFixture[str]) -> None:
    render(
        find("feature get"), detail("features", {"rows": [ROW], "count": 1, "statuses": {}}), Screen(False)
    )
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["origin", "JFK"] in lines and ["feature", "value", "status"] in lines
    assert ["weather__wind", "-", "PRESENT"] in lines
    assert any(line[0] == "weather__temp" and line[2] == "PRESENT" for line in lines if len(line) == 3)


def test_several_rows_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    found = detail("features", {"rows": [ROW, {**ROW, "origin": "LGA"}], "count": 5, "statuses": {}})
    render(find("feature get"), found, Screen(False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == list(ROW) and lines[2].split()[0] == "LGA"
    assert lines[3].startswith("3 more rows")


def test_admitted_files_are_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "source": "rows", "manifest": {"version": 4}, "admitted": [{"rows": 150}], "seen": [{"inode": 7}],
        "warnings": [{"path": "in/b.csv", "message": "150 keys of the new files are in other files too"}],
    }  # fmt: skip
    render(find("data add"), detail("ingest", found), Screen(False))
    shown = capsys.readouterr().out
    assert "150 rows admitted as rows@4, 1 warning" in shown and "150 keys" in shown
    assert "inode" not in shown and "{" not in shown


def test_refused_files_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    render(
        find("data redrive"),
        detail("ingest", {"source": "s", "rejected": [{"path": "in/a.csv", "reason": "torn row 3"}]}),
        Screen(False),
    )
    shown = capsys.readouterr().out
    assert "REFUSED" in shown and "in/a.csv  torn row 3" in shown and "{" not in shown
