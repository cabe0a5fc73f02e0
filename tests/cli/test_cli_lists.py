"""What lists and curves take and give on the command line, and the version of every document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mlops_tui
from mlops_store.home import Home
from mlops_tui.cli.main import main
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.verbs import find
from mlops_tui.verbs.run import Curve, RunCurves


@pytest.mark.parametrize("words", [("--version", "--json"), ("--json", "--version")])
def test_the_schema_has_a_version(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == {"version": mlops_tui.__version__, "schema": 1}
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mlops-tui {mlops_tui.__version__}\n"


def test_the_protocol_is_described_without_a_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "none"
    assert main(["--home", str(home), "daemon", "openapi", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["openapi"] == "3.1.0" and found["info"]["x-schema"] == 1
    assert "/v1/run/list" in found["paths"] and "Run" in found["components"]["schemas"]
    assert main(["--home", str(home), "daemon", "openapi"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert not home.exists()


def test_a_wrong_filter_says_where(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    home = ["--home", str(shared_home.path), "--json"]
    assert main([*home, "run", "list", "--filter", "-kind:sdk age < 2d", "--sort", "-metrics.auc"]) == 0
    assert json.loads(capsys.readouterr().out)["next"] is None
    for words, code, says in (
        (
            ["--filter", "state = FAILED and best(auc) > high"],
            "bad_filter",
            "column 32: 'high' is not a number",
        ),
        (["--sort", "weather"], "bad_sort", "'weather'"),
        (["--page", "rubbish"], "bad_page", "rubbish"),
    ):
        assert main([*home, "run", "list", *words]) == 2
        shown = capsys.readouterr()
        error = json.loads(shown.err)["error"]
        assert shown.out == "" and error["code"] == code and says in error["message"]


def test_a_long_curve_is_a_few_lines_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    buckets = [(x, -float(x), 2.0 * x, float(x)) for x in range(500)]
    curve = Curve(key="loss", points=90_000, nonfinite=2, buckets=buckets)
    found = RunCurves(run_id="r", axis="step", metrics=[curve])
    render(find("run metrics"), found, Screen(True, 80))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 22 and "90,000 points, 2 of them NaN or infinite" in lines[0]
    assert lines[-1].split() == ["475", "-499", "998", "499"]
    render(find("run metrics"), found, Screen(False, None))
    assert len(capsys.readouterr().out.splitlines()) == 502
    render(find("run metrics"), RunCurves(run_id="r", axis="step", metrics=[curve, curve]), Screen(True, 80))
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["loss", "90,000"]
