"""mlops.toml: everything wrong is listed at once, with line, key and fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_store.errors import Problem
from mlops_tui.project.lines import key_lines
from mlops_tui.project.load import ConfigError, load, parse_config, recipe_hash
from mlops_tui.project.predicate import columns, parse
from mlops_tui.project.values import METRICS, check_problem, parse_duration
from mlops_tui.worker.statistics import metrics
from mlops_tui.worker.statistics.checks import parse_check

SAMPLES = Path(__file__).parents[2] / "sample_projects"
GOOD = """
[project]
name = "p"
[source.rows]
path = "*.csv"
key = ["id"]
event_time = "t"
[model.m]
spine = "rows"
target = "y"
task = "classification"
"""


def findings(text: str, folder: Path) -> list[dict[str, object]]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode(), folder)
    assert caught.value.status == 2
    return caught.value.findings


@pytest.mark.parametrize("name", ["clinic", "seattle_weather", "flight_delays"])
def test_samples_load(name: str) -> None:
    config = load(SAMPLES / name)
    assert config.models
    assert config.directory == SAMPLES / name


def test_defaults_are_filled(tmp_path: Path) -> None:
    model = parse_config(GOOD.encode(), tmp_path).model_named("m")
    assert (model.metric, model.direction, model.window) == ("roc_auc", "max", ["all"])
    assert model.gate.checks == ["roc_auc > champion", "roc_auc > naive"]
    assert model.name == "m"


def test_all_errors_at_once_with_lines(tmp_path: Path) -> None:
    text = (
        GOOD
        + 'metrik = "f1"\nwindow = ["all",\n "9 years"]\nfeatures = ["no view"]\n[model.m.gate]\nchecks = 3\n[sauce]\n'
    )
    found = {(f["key"], f["line"]) for f in findings(text, tmp_path)}
    assert found == {
        ("model.m.metrik", 12),
        ("model.m.window", 13),
        ("model.m.features.0", 15),
        ("model.m.gate.checks", 17),
        ("sauce", 18),
    }


def test_structural_errors_hide_no_others(tmp_path: Path) -> None:
    text = GOOD.replace('"rows"', '"rwos"') + (
        'metrik = "f1"\nslices = ["y == 1"]\n[model.m.gate]\nchecks = ["roc_auc > chmpion"]\n[model.n]\nspine = "rows"\n'
        'target = "y"\ntask = "regression"\nmetric = "f1"\n[sauce]\n'
    )
    found = findings(text, tmp_path)
    assert [(f["key"], f["line"]) for f in found] == [
        ("model.m.spine", 9), ("model.m.metrik", 12), ("model.m.slices", 13), ("model.m.gate.checks", 15),
        ("model.n.metric", 20), ("sauce", 21),
    ]  # fmt: skip
    assert "did you mean 'rows'?" in str(found[0]["fix"])


@pytest.mark.parametrize(
    ("change", "key", "count"),
    [
        ('event_time = "t"', 'event_tme = "t"\nknown_at = "k"', 1),  # which known_at needs
        ('event_time = "t"', "event_time = 3", 1),
        ('key = ["id"]\nevent_time = "t"', "key = 3", 1),  # a spine needs one of them
        ('path = "*.csv"', "", 1),
        ('name = "p"', "", 1),
        ("[source.rows]", "[source.Rows]", 2),  # no name; and then nobody is told of a missing source "Rows"
        ('task = "classification"', 'task = "clasification"\nmetric = "f1"', 1),
        ('task = "classification"', 'task = "classification"\nfeatures = ["v"]\nrecipee = "r.py"', 1),
        ('target = "y"', 'targt = "y"', 1),
        ('spine = "rows"', "spine = 3", 1),
        ('task = "classification"', 'task = "classification"\n[model.m.retrain]\non_new_data = {}', 1),
        ('task = "classification"', 'task = "classification"\n[source.rows.expect]\ny = { in = [[1]] }', 1),
    ],
)
def test_what_follows_from_an_error_is_no_error_of_its_own(
    tmp_path: Path, change: str, key: str, count: int
) -> None:
    found = findings(GOOD.replace(change, key), tmp_path)
    assert len(found) == count, found


def test_sources_that_are_no_table_hide_no_other_error(tmp_path: Path) -> None:
    text = "source = 3\n" + GOOD.replace("[source.rows]\n", "[project.notify]\n").replace(
        'path = "*.csv"\nkey = ["id"]\nevent_time = "t"\n', ""
    )
    found = findings(text + 'slices = ["y == 1"]\n', tmp_path)
    assert [f["key"] for f in found] == ["source", "model.m.slices"]


def test_unknown_key_has_a_suggestion(tmp_path: Path) -> None:
    (only,) = findings(GOOD.replace("event_time", "event_tme"), tmp_path)
    assert "did you mean 'event_time'?" in str(only["fix"])


@pytest.mark.parametrize(("task", "fix"), [("clasification", "did you mean 'classification'?"), ("x", "")])
def test_a_wrong_word_of_a_few_names_those_that_there_are(tmp_path: Path, task: str, fix: str) -> None:
    (only,) = findings(GOOD.replace('task = "classification"', f'task = "{task}"'), tmp_path)
    assert only["key"] == "model.m.task" and only["fix"] == fix
    assert only["message"] == f"{task!r} is not one of classification, multiclass, regression"


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ('spine = "rows"', 'spine = "rwos"', "did you mean 'rows'"),
        ('task = "classification"', 'task = "regression"\nmetric = "f1"', "no metric of regression"),
        ('task = "classification"', 'task = "classification"\nslices = ["y == 1"]', "column 4"),
        ('task = "classification"', 'task = "classification"\ncolumns = ["y"]', "target"),
        (
            'task = "classification"',
            'task = "classification"\nrecipe = "nope.py"',
            "there is no file nope.py",
        ),
        ('task = "classification"', 'task = "classification"\nfeatures = ["v"]', "recipe"),
        (
            'task = "classification"',
            'task = "classification"\n[model.m.gate]\nchecks = ["roc_auc < champion"]',
            "worse model",
        ),
        (
            'task = "classification"',
            'task = "classification"\n[model.m.search]\nfamilies = ["ridge"]',
            "cannot do classification",
        ),
        ('event_time = "t"', 'known_at = "k"', "known_at needs event_time"),
        ('key = ["id"]\nevent_time = "t"', "", "neither event_time nor key"),
        ('path = "*.csv"', 'path = "../*.csv"', "leads out of the project"),
    ],
)
def test_cross_checks(tmp_path: Path, change: str, key: str, words: str) -> None:
    said = findings(GOOD.replace(change, key), tmp_path)
    assert any(words in f"{f['message']}; {f['fix']}" for f in said), said


def test_syntax_error_has_its_line(tmp_path: Path) -> None:
    (only,) = findings("[project]\nname = p\n", tmp_path)
    assert only["line"] == 2


def test_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse_config(b'[project]\nname = "\xff"\n', tmp_path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        load(tmp_path)
    assert (caught.value.code, caught.value.status) == ("no_project", 2)


def test_recipe_hash_ignores_the_retrain_rules(tmp_path: Path) -> None:
    one = parse_config(GOOD.encode(), tmp_path)
    same = parse_config((GOOD + "[model.m.retrain]\nauto_approve = true\n").encode(), tmp_path)
    other = parse_config((GOOD + "seed = 3\n").encode(), tmp_path)
    assert recipe_hash(one, "m", tmp_path) == recipe_hash(same, "m", tmp_path)
    assert recipe_hash(one, "m", tmp_path) != recipe_hash(other, "m", tmp_path)


def test_lines_of_awkward_toml() -> None:
    text = 'a = """\n[x]\nb = 1\n"""\n[t."q.r"]\nlist = [\n  "]",  # ]\n  1,\n]\nlast.inner = 2\n'
    lines = key_lines(text)
    assert lines[("a",)] == 1
    assert ("x",) not in lines
    assert lines[("t", "q.r", "list")] == 6
    assert lines[("t", "q.r", "last", "inner")] == 10


def test_durations() -> None:
    assert parse_duration("1d 12h") == 129_600_000
    for bad in ("", "6", "h", "6 hours", 6):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(bad)


def test_predicates() -> None:
    node = parse(
        "NOT (origin IN ('JFK', 'O''Hare') OR \"odd name\" BETWEEN -1 AND 2.5) AND x IS NOT NULL AND flag = TRUE"
    )
    assert columns(node) == {"origin", "odd name", "x", "flag"}
    for bad in (
        "",
        "a",
        "a = b",
        "a = 1 2",
        "f(x) = 1",
        "a = 1; DROP",
        "a IN ()",
        "(" * 60 + "a = 1" + ")" * 60,
    ):
        with pytest.raises(ValueError, match="column"):
            parse(bad)


def test_metrics_are_those_of_the_worker() -> None:
    for task, known in METRICS.items():
        assert {name: metrics.get(name, task).direction for name in metrics.names(task)} == known


@pytest.mark.parametrize(
    "text",
    ["roc_auc > champion", "roc_auc >= naive + 0.05", "worst_slice.roc_auc >= .6", "log_loss <= champion - 1e-3", "roc_auc > chmpion",
     "roc_auc >", "auc > 1", "log_loss > champion", "roc_auc > champion + 1 + 1"],
)  # fmt: skip
def test_light_check_agrees_with_the_full_one(text: str) -> None:
    try:
        parse_check(text, "classification")
        fits = True
    except ValueError:
        fits = False
    assert (check_problem(text, "classification") == "") == fits


@pytest.mark.parametrize("name", ["mlops.toml", "recipe.py"])
@pytest.mark.parametrize("kind", ["pipe", "endless", "folder"])
def test_what_is_no_file_is_refused_and_holds_nobody_up(tmp_path: Path, name: str, kind: str) -> None:
    good = GOOD + 'recipe = "recipe.py"\n'
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(Problem) as caught:
        if name == "mlops.toml":
            load(tmp_path)
        else:
            recipe_hash(parse_config(good.encode(), tmp_path), "m", tmp_path)
    assert caught.value.status == 2 and name in caught.value.message


def test_a_huge_mlops_toml_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "mlops.toml", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("99 * * * *", "'99' is no minute; write 0 to 59"),
        ("0 25 * * 8", "'25' is no hour; write 0 to 23"),
        ("0 3 * * 8", "'8' is no day of the week (0 and 7: Sunday); write 0 to 7"),
        ("0 3 0 * *", "'0' is no day of the month; write 1 to 31"),
        ("0 3 * 13 *", "'13' is no month; write 1 to 12"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("0 3 31 2 *", "'0 3 31 2 *' never comes round: no month 2 has a day 31"),
    ],
)
def test_a_schedule_that_cannot_come_round_is_refused(tmp_path: Path, cron: str, told: str) -> None:
    (found,) = findings(f'{GOOD}[model.m.retrain]\nschedule = "{cron}"\n', tmp_path)
    assert (found["key"], found["line"]) == ("model.m.retrain.schedule", GOOD.count("\n") + 2)
    assert told in f"{found['message']}; {found['fix']}"


@pytest.mark.parametrize(
    "cron", ["0 3 29 2 *", "*/15 8-18 * * MON-FRI", "0 0 L * *", "0 0 31 2 1", "0 0 * * 1#5"]
)
def test_a_schedule_that_comes_round_is_taken(tmp_path: Path, cron: str) -> None:
    text = f'{GOOD}[model.m.retrain]\nschedule = "{cron}"\n'
    assert parse_config(text.encode(), tmp_path).model_named("m").retrain.schedule == cron


def test_one_reading_names_all_that_is_wrong_with_a_model(tmp_path: Path) -> None:
    text = GOOD.replace(
        'task = "classification"', 'task = "clasification"\nmetric = "roc_au"\nrecipe = "nope.py"'
    ) + (
        'seed = "3"\n[model.m.gate]\nchecks = ["foo > 2", "f1 >> 2"]\n[source.rows.expect]\ny = { min = "low", max = true }\n'
    )
    found = {f["key"]: (f["line"], f["fix"]) for f in findings(text, tmp_path)}
    assert found == {
        "model.m.task": (11, "did you mean 'classification'?"),
        "model.m.metric": (12, "did you mean 'roc_auc'?"),
        "model.m.recipe": (13, "write it, or take the key out: a recipe is optional"),
        "model.m.seed": (14, "write a whole number"),
        "model.m.gate.checks": (16, ""),
        "source.rows.expect.y.min": (18, "write a whole number or a number or a time or a date"),
        "source.rows.expect.y.max": (18, "write a whole number or a number or a time or a date"),
    }
    checks = [f["message"] for f in findings(text, tmp_path) if f["key"] == "model.m.gate.checks"]
    assert [check.split(" ")[0] for check in checks] == ["'f1", "'foo"]


def test_a_command_has_metrics_of_its_own_whatever_else_is_wrong(tmp_path: Path) -> None:
    text = '[project]\nname = "p"\n[model.m]\ncommand = "python a.py"\nmetric = "loss"\nseed = "3"\n'
    for command in ('"python a.py"', "3"):
        keys = [f["key"] for f in findings(text.replace('"python a.py"', command), tmp_path)]
        assert keys == (["model.m.seed"] if command != "3" else ["model.m.command", "model.m.seed"])
