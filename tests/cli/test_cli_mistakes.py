"""What is typed wrongly is answered by what would be right, in the same words everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.cli.main import main
from mlops_tui.commandline.params import manners, parameters
from mlops_tui.commandline.parse import completions, parse, usage
from mlops_tui.commandline.twin import command
from mlops_tui.commandline.values import duration, spelled
from mlops_tui.verbs import Verb, all_verbs
from mlops_tui.verbs._declare import Input, Page, ProjectInput


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("run list --limit 0", "--limit is 1 to 1000, not 0"),
        ("run list --limit ten", "--limit is 1 to 1000, not ten"),
        ("run list --offset -1", "--offset is 0 or more, not -1"),
        ("daemon logs --tail=-1", "--tail is 0 or more, not -1"),
        ("web --port 80000", "--port is 0 to 65535, not 80000"),
        ("sql x --timeout 1h", "--timeout is 1ms to 25s, not 1h"),
        ("sql x --timeout soon", "'soon' is not a duration"),
        (f"run start m --seed {10**30}", f"--seed is a whole number of at most 18 digits, not {10**30}"),
        ("run sweep m --space a=1 --trials 0", "--trials is 1 or more, not 0"),
        (f"run trends --key x {' r' * 101}", "at most 100 of RUN at once, not 101"),
    ],
)
def test_a_value_out_of_bounds_names_the_bounds(line: str, says: str) -> None:
    with pytest.raises(Problem) as caught:
        parse(line)
    assert (caught.value.code, caught.value.status) == ("usage", 2) and says in caught.value.message


@pytest.mark.parametrize("text", ["25s", "1ms", "90s", "36500d", "1h", "2w"])
def test_a_duration_is_spelled_as_it_is_read(text: str) -> None:
    assert duration(spelled(duration(text))) == duration(text)


@pytest.mark.parametrize(
    "words", [["help", "run", "list"], ["run", "help", "list"], ["help", "run"], ["help"]]
)
def test_help_is_a_word_as_well(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert main([*(word for word in words if word != "help"), "--help"]) == 0
    assert shown == capsys.readouterr().out
    assert main(["help", "nonsense"]) == 2


def added(home: Home, name: str) -> list[str]:
    """Adds the folder that we are in as a project with one source; the words that name the home."""
    Path("mlops.toml").write_text(f'[project]\nname = "{name}"\n[source.s]\npath = "*.csv"\n')
    words = ["--home", str(home.path)]
    assert main([*words, "project", "add", "."]) == 0
    return words


def every_list() -> list[Verb]:
    """The verbs that answer with pages."""
    return [verb for verb in all_verbs() if getattr(verb.output, "__origin__", None) is Page]


def test_every_list_refuses_a_project_that_is_not_there(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    home, lists = added(shared_home, "mistaken"), every_list()
    assert all(issubclass(verb.input, ProjectInput) for verb in lists)
    for verb in lists:
        words = [*verb.key.split(), *(["m"] if verb.key == "model history" else [])]
        capsys.readouterr()
        assert main([*home, "--project", "mistakn", *words, "--json"]) == 1, verb.key
        shown = capsys.readouterr()
        assert shown.out == "" and json.loads(shown.err)["error"] == {
            "code": "project_not_added",
            "message": "the project 'mistakn' is not in this home",
            "hint": "did you mean 'mistaken'?",
        }
    assert main([*home, "project", "remove", "mistaken", "--reason", "no longer ours"]) == 0
    shown = capsys.readouterr().out
    assert "Nothing was deleted: its folder is as it was." in shown
    assert f"mlops-tui project add {tmp_path}" in shown
    monkeypatch.chdir(tmp_path.parent)
    assert main([*home, "--project", "mistaken", "ledger", "list", "--json"]) == 0, "its history stays"
    assert json.loads(capsys.readouterr().out)["items"][0]["why"] == "no longer ours"


def test_a_wrong_filter_is_shown_with_its_place(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    home = ["--home", str(shared_home.path)]
    assert main([*home, "run", "list", "--filter", 'name = "日本" and state = FINISHD']) == 2
    error, typed, mark = capsys.readouterr().err.splitlines()[:3]
    assert error.endswith("'FINISHD' is no state of runs; did you mean FINISHED?")
    assert typed == '  name = "日本" and state = FINISHD' and mark == " " * 28 + "^"
    assert main([*home, "proposal", "list", "--filter", "x " * 200 + "verdict = \x1b[31m" + " y" * 200]) == 2
    _, typed, mark = capsys.readouterr().err.splitlines()[:3]
    assert "\x1b" not in typed and len(typed) < 100 and typed.index("\\x1b") == mark.index("^")
    assert main([*home, "run", "list", "--filter", "stat = x", "--json"]) == 2
    assert set(json.loads(capsys.readouterr().err)["error"]) == {"code", "message", "hint"}


def test_an_empty_list_says_what_to_do_and_gives_a_pipe_nothing(
    shared_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    home, lists = added(shared_home, "hollow"), every_list()
    assert all(verb.empty.startswith("no ") and ": " in verb.empty for verb in lists)
    for verb in lists:
        if verb.key in ("model history", "project list", "ledger list", "monitor list"):
            continue  # those of this home are not empty
        capsys.readouterr()
        assert main([*home, *verb.key.split()]) == 0
        shown = capsys.readouterr()
        assert shown.out == "" and shown.err == f"{verb.empty}\n", verb.key
        assert main([*home, *verb.key.split(), "--json"]) == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out)["items"] == [] and shown.err == ""
    assert main([*home, "run", "list", "--state", "failed", "--filter", "age < 1s", "--limit", "3"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "no runs found with --filter, --state: leave it out to see more\n"


def test_a_mistyped_option_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "list", "--staet", "x"]) == 2
    assert capsys.readouterr().err == "error: there is no option '--staet'\nhint: did you mean '--state'?\n"
    assert main(["project", "add", ""]) == 2
    assert "an empty text is no path" in capsys.readouterr().err


_SAMPLES: dict[str, Any] = {"pairs": {"a": 1}, "values": {"a": "1"}, "time": 1_700_000_000_000, "duration": 60_000, "size": 1_000_000, "path": "/x"}  # fmt: skip


def _needed(kind: type[Input]) -> dict[str, Any]:
    """What has to be given, each with a value of its kind."""
    found = {}
    for each in parameters(kind):
        if each.required and not each.fill:
            one = _SAMPLES.get(each.kind) or (each.choices or [{int: 3, float: 0.5}.get(each.base, "x")])[0]
            found[each.name] = [one] if each.is_list else one
    return found


@pytest.mark.parametrize("verb", [verb for verb in all_verbs() if verb.service], ids=lambda verb: verb.key)
def test_the_app_takes_every_command_as_a_shell_would(verb: Verb) -> None:
    fields = _needed(verb.input)
    line = command(verb.key, fields, project="plain")
    taken = (
        {"project": "plain"}
        if "project" in {each.name for each in parameters(verb.input) if each.fill}
        else {}
    )
    found, given = parse(line)
    assert found is verb and {**fields, **taken}.items() <= given.items()
    assert parse(f"{line} --json") == (verb, given)
    assert parse(line.replace(f" {verb.key} --project plain", f" --project=plain {verb.key}", 1)) == (
        verb,
        given,
    )
    for option in manners(verb):
        assert parse(f"{line} {option.opts[0]}") == (verb, given)
    with pytest.raises(Problem, match="one home"):
        parse(f"{line} --home /elsewhere")
    helped = usage(f"{line} --help")
    assert helped is not None and helped[0] == verb.key and "--project" in helped[1]


def test_the_app_completes_the_options_of_every_command() -> None:
    assert ("run list --project", "project to act on") in completions("run list --p")
    assert not completions("run list --hom")


def test_output_that_nobody_takes_is_no_fault_of_ours() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mlops_tui", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1 and done.stderr.startswith(
        "error: standard output takes nothing more: No space left"
    )


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("run show", "RUN is missing", "`mlops-tui run show RUN`; `mlops-tui run show --help` says more"),
        ("run trends a", "--key is missing", "`mlops-tui run trends RUN... --key KEY`; `mlops-tui run trends --help` says more"),
        ("model show", "MODEL[@VERSION] is missing", None),
        ("run list --state finishd", "--state is one of QUEUED, STARTING, RUNNING, STOPPING, FINISHED, FAILED, KILLED, LOST, not finishd", "did you mean 'FINISHED'?"),
        ("run tag a --tag foo", "--tag: 'foo' is not K=V", "`mlops-tui run tag --help`"),
        ("run list x", "too many words: x", "`mlops-tui run list`; `mlops-tui run list --help` says more"),
        ("run list --limt 3", "there is no option '--limt'", "did you mean '--limit'?"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_type(
    capsys: pytest.CaptureFixture[str], line: str, message: str, hint: str | None
) -> None:
    assert main([*line.split(), "--json"]) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["message"] == message and (hint is None or error["hint"] == hint)
