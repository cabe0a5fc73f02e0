"""Text of the command line into values, and values into text for a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import pytest

from mlops_store.errors import Problem
from mlops_tui import text
from mlops_tui.cli.screen import Screen
from mlops_tui.cli.session import Session
from mlops_tui.client.here import find_project, project_name
from mlops_tui.client.waiting import Condition
from mlops_tui.commandline import values
from mlops_tui.commandline.params import click_parameter, collect, parameters
from mlops_tui.verbs import find
from mlops_tui.verbs._shapes import MetricSummary, RunDetail


@pytest.mark.parametrize(
    ("typed", "ms"),
    [("90", 90_000), ("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000), ("1h30m", 5_400_000), ("1.5d", 129_600_000), ("5ms", 5)],
)  # fmt: skip
def test_durations(typed: str, ms: int) -> None:
    assert values.duration(typed) == ms


@pytest.mark.parametrize("typed", ["", "x", "-5s", "2 h", "h", "1y", "1e3s"])
def test_wrong_durations(typed: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        values.duration(typed)


def test_moments() -> None:
    assert values.moment("2026-01-31") == 1_769_817_600_000
    assert values.moment("2026-01-31T12:00") == 1_769_860_800_000
    assert values.moment("2026-01-31T12:00+02:00") == 1_769_853_600_000
    assert abs(values.moment("now") - time.time() * 1000) < 5000
    assert abs(values.moment("2h") - (time.time() - 7200) * 1000) < 5000
    with pytest.raises(ValueError, match="not a time"):
        values.moment("tomorrow")


def parse(key: str, *words: str) -> dict[str, Any]:
    """The fields that a command line gives."""
    found = parameters(find(key).input)
    command = click.Command(
        key, params=[click_parameter(parameter) for parameter in found if not parameter.fill]
    )
    return collect(found, command.make_context(key, list(words)).params)


def test_parameters_of_a_run() -> None:
    given = parse(
        "run start", "m", "--set", "a=3", "--set", "b=x=y", "--set", "c=[1, 2]", "--set", "d=true", "--tag", "n=3", "--after", "r1",
        "--after", "r2", "--pin", "s=4",
    )  # fmt: skip
    assert given == {
        "model": "m", "params": {"a": 3, "b": "x=y", "c": [1, 2], "d": True}, "tags": {"n": "3"}, "after": ["r1", "r2"],
        "pins": {"s": 4},
    }  # fmt: skip


def test_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse("data add", "s", "x.csv", "/y.csv")["paths"] == [str(tmp_path / "x.csv"), "/y.csv"]


def test_what_is_not_typed_is_left_to_the_declaration() -> None:
    assert parse("run list") == {"all_kinds": False, "archived": False, "deleted": False}
    assert parse("data diff", "s") == {"source": "s"}


@pytest.mark.parametrize(
    "words", [("m", "--set", "a"), ("m", "--set", "=3"), ("m", "--as-of", "soon"), ("m", "--seed", "x"), ()]
)
def test_wrong_words_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        parse("run start", *words)


def test_the_nearest_project_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "p" / "mlops.toml").write_text('[project]\nname = "p"\n')
    assert find_project(tmp_path / "p" / "deep" / "er") == tmp_path / "p"
    assert find_project(tmp_path) is None
    monkeypatch.chdir(tmp_path / "p" / "deep")
    assert Session().project() == ("p", str(tmp_path / "p"))
    assert Session(project_option="q").project() == ("q", None)


@pytest.mark.parametrize(
    "content", ["[project", "[project]\n", "[project]\nname = 3\n", "project = 3\n", "\xff\xfe"]
)
def test_a_wrong_file_is_a_problem_that_names_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "mlops.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(Problem, match=r"mlops\.toml") as raised:
        project_name(tmp_path)
    assert raised.value.status == 2


def test_conditions() -> None:
    run = RunDetail(run_id="r", kind="train", name="r", project="p", experiment="e", state="RUNNING", created=0,
                    metrics={"auc": MetricSummary(best=0.8, count=3), "nan": MetricSummary()})  # fmt: skip
    assert Condition.parse("best(auc) > 0.7").holds(run)
    assert Condition.parse(" best( auc )>=0.8 ").holds(run)
    assert not Condition.parse("best(auc) > 0.8").holds(run)
    assert Condition.parse("count(auc) == 3").holds(run)
    assert not Condition.parse("best(nan) < 1").holds(run)
    assert not Condition.parse("last(other) < 1").holds(run)
    for wrong in (
        "auc > 3",
        "best(auc)",
        "best(auc) > x",
        "mean(auc) > 1",
        "best(auc) > nan",
        "best(auc) = 1",
    ):
        with pytest.raises(Problem, match="is not a condition"):
            Condition.parse(wrong)


HOSTILE = "a\x1b[31mb\x07\u202ec\u2028d\r\n\x9b1m"


def test_text_from_data_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert text.clean(HOSTILE) == "a\\x1b[31mb\\x07\\u202ec\\u2028d\\r\\n\\x9b1m"
    assert text.clean("Zürich 東京 👍") == "Zürich 東京 👍"
    for terminal in (True, False):
        screen = Screen(terminal)
        screen.table(("x", HOSTILE), [(HOSTILE, "[bold]markup[/bold]")])
        screen.facts([(HOSTILE, HOSTILE)])
        screen.line(HOSTILE)
        shown = capsys.readouterr().out
        assert not set(shown) & set("\x07\u202e\u2028\x9b\r")
        assert "\x1b[31m" not in shown
        assert "[bold]" in shown
    Screen(True).block(HOSTILE + "\nnext")
    assert capsys.readouterr().out == "a\\x1b[31mb\\x07\\u202ec\\u2028d\\r\n\\x9b1m\nnext\n"


def test_a_pipe_gets_a_log_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Screen(False).block("a\x1b[31mb\n")
    assert capsys.readouterr().out == "a\x1b[31mb\n"


def test_numbers_are_readable() -> None:
    assert text.lasted(None) == "-"
    assert text.lasted(1234) == "1.2s"
    assert text.lasted(61_000) == "1m 01s"
    assert text.lasted(3_660_000) == "1h 01m"
    assert text.when(0) == "1970-01-01 00:00:00"
    assert text.when(10**18) == str(10**18)
    assert text.measured({"value": 0.81234, "low": 0.8, "high": 0.82}) == "0.8123 [0.8, 0.82]"
    assert text.size(1_500_000) == "1.5 MB"
    assert text.short("x" * 100) == "x" * 59 + "…"


@pytest.mark.parametrize(
    "text", ['[project]\nname = "a"\nmetric =', '[project]\nname = "a"\nmetric = = 1\n[x]\n']
)
def test_a_file_that_is_no_toml_names_the_line_and_its_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "mlops.toml").write_text(text)
    with pytest.raises(Problem) as caught:
        project_name(tmp_path)
    assert "mlops.toml:3: " in caught.value.message and "metric =" in caught.value.message


def test_the_package_names_what_it_loads_when_it_is_asked_for() -> None:
    import mlops_tui

    assert {"start_run", "Run", "__version__"} <= set(dir(mlops_tui))
