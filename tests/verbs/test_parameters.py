"""Parameters that a training could not take are refused by the verb, before anything is queued."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import AIR, Desk

from mlops_store.errors import Problem
from mlops_tui.project.spaces import DEFAULT_FAMILIES, HELP, OF_FAMILY, OF_SEARCH
from mlops_tui.project.values import FAMILIES
from mlops_tui.services import run as runs
from mlops_tui.verbs.run import RunStart, RunSweep
from mlops_tui.worker.training import families

TOML = (
    AIR
    + """task = "classification"
%s
[model.late.search]
families = ["hist_gradient_boosting", "random_forest"]
"""
)


@pytest.fixture
def make(desk: Desk, tmp_path: Path) -> Callable[..., None]:
    """Adds the project; `more` are keys of the model, `recipe` the text of its recipe."""

    def made(more: str = "", recipe: str | None = None) -> None:
        if recipe is not None:
            (tmp_path / "recipe.py").write_text(recipe)
            more += '\nrecipe = "recipe.py"'
        (tmp_path / "mlops.toml").write_text(TOML % more)
        desk.project("air", str(tmp_path))

    return made


def refused(desk: Desk, **fields: Any) -> Problem:
    """What start says, and its plan the same; nothing is queued."""
    request = RunStart(project="air", model="late", **fields)
    with pytest.raises(Problem) as caught:
        desk.do(lambda tx: runs.start(tx, request))
    with pytest.raises(Problem) as planned:
        runs.plan_start(desk.read(), request)
    assert str(planned.value) == str(caught.value) and caught.value.status == 2
    assert desk.read().rows("SELECT * FROM runs") == []
    return caught.value


def test_a_misspelt_parameter_names_the_nearest_and_where_they_are_declared(
    desk: Desk, make: Callable[..., None]
) -> None:
    make()
    problem = refused(desk, params={"lerning_rate": 0.1})
    assert problem.code == "unknown_parameter"
    assert "'lerning_rate'" in problem.message and "hist_gradient_boosting, random_forest" in problem.message
    assert (
        "the nearest: learning_rate" in problem.hint and "mlops.toml:13 ([model.late.search]" in problem.hint
    )


def test_a_parameter_of_another_family_says_whose_it_is(desk: Desk, make: Callable[..., None]) -> None:
    make()
    assert "--set family=logistic_regression" in refused(desk, params={"C": 1}).hint
    assert (
        "--set family=hist_gradient_boosting"
        in refused(desk, params={"family": "random_forest", "max_iter": 9}).hint
    )
    assert refused(desk, params={"family": "forest"}).code == "unknown_family"


@pytest.mark.parametrize(
    "given",
    [{"trials": "abc"}, {"trials": -3}, {"trials": True}, {"timeout": "soon"}, {"timeout": -1}, {"window": "90"}, {"seed": -1},
     {"learning_rate": "abc"}, {"learning_rate": 0}, {"max_iter": [50, 0]}, {"family": "random_forest", "n_estimators": 2.5}],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_at_once(
    desk: Desk, make: Callable[..., None], given: dict[str, Any]
) -> None:
    make()
    problem = refused(desk, params=given)
    assert problem.code == "bad_parameter" and list(given)[-1] in problem.message


def test_values_that_can_be_are_taken(desk: Desk, make: Callable[..., None]) -> None:
    make()
    given = {"trials": 3, "timeout": "60s", "window": "90d", "learning_rate": [0.1, 1], "min_samples_leaf": 5}
    request = RunStart(project="air", model="late", params=given)
    assert desk.do(lambda tx: runs.start(tx, request)).params == given


def test_a_wrong_parameter_of_the_file_is_named_as_such(desk: Desk, make: Callable[..., None]) -> None:
    make("params = {depth = 3}")
    assert "'depth' of params in mlops.toml" in refused(desk).message


def test_a_sweep_is_refused_whole_by_its_one_wrong_point(desk: Desk, make: Callable[..., None]) -> None:
    make()
    request = RunSweep(
        project="air",
        model="late",
        space={"family": "hist_gradient_boosting,random_forest", "max_iter": "50,60"},
    )
    for ask in (
        lambda: desk.do(lambda tx: runs.sweep(tx, request)),
        lambda: runs.plan_sweep(desk.read(), request),
    ):
        with pytest.raises(Problem, match="'max_iter': it tries random_forest"):
            ask()
    assert desk.read().rows("SELECT * FROM runs") == []


@pytest.mark.parametrize(
    "recipe", ["def estimator(params):\n    return 1\n", "from mine import *\n", "if 1:\n    estimator = 3\n"]
)
def test_an_estimator_of_ones_own_takes_anything(desk: Desk, make: Callable[..., None], recipe: str) -> None:
    make(recipe=recipe)
    run = desk.do(
        lambda tx: runs.start(tx, RunStart(project="air", model="late", params={"depth": 3, "seed": 2}))
    )
    assert run.params == {"depth": 3, "seed": 2}


def test_a_recipe_without_one_does_not(desk: Desk, make: Callable[..., None]) -> None:
    make(recipe="def prepare(frame):\n    estimator = 1\n    return frame\n")
    assert refused(desk, params={"depth": 3}).code == "unknown_parameter"


def test_a_search_begins_and_draws_inside_what_is_taken() -> None:
    for name, own in OF_FAMILY.items():
        for key, one in own.items():
            values = (
                (one.default, *one.takes.choices)
                if one.takes.type == "choice"
                else (one.default, one.low, one.high)
            )
            assert all(one.takes.fits(value) for value in values), (name, key)
            assert key in HELP
    assert set(DEFAULT_FAMILIES) < set(OF_FAMILY) == set(FAMILIES) and set(OF_SEARCH) < set(HELP)
    assert {name: one.tasks for name, one in families.FAMILIES.items() if name in FAMILIES} == FAMILIES


COMMAND = """[project]
name = "air"
[model.late]
command = "python train.py --lr {lr} --out {run_dir}"
metric = "val/acc"
params = { alpha = 1.0 }
"""


def test_a_command_takes_what_it_declares_and_names_the_nearest(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(COMMAND)
    desk.project("air", str(tmp_path))
    problem = refused(desk, params={"alhpa": 2, "lr": 0.1})
    assert (
        problem.code == "unknown_parameter"
        and "nearest: alpha" in problem.hint
        and "alpha, lr" in problem.hint
    )
    sweep = RunSweep(project="air", model="late", space={"alpa": "1,2"}, params={"lr": 1})
    with pytest.raises(Problem, match="no parameter 'alpa'"):
        desk.do(lambda tx: runs.sweep(tx, sweep))
    with pytest.raises(Problem, match="no parameter 'alpa'"):
        runs.plan_sweep(desk.read(), sweep)
    assert desk.read().rows("SELECT * FROM runs") == []
    good = RunSweep(project="air", model="late", space={"alpha": "1,2"}, params={"lr": 1}, seed=3)
    found = desk.do(lambda tx: runs.sweep(tx, good))
    assert (found.metric, found.direction) == ("val/acc", "max") and len(found.runs) == 2
    started = desk.do(
        lambda tx: runs.start(tx, RunStart(project="air", model="late", params={"lr": 1}, seed=3))
    )
    folder = desk.home.run_dir(started.run_id)
    desk.writer.ingest([folder])
    assert runs.shown(desk.read(), started.run_id).metric == "val/acc"


def test_a_command_that_declares_nothing_takes_anything(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[project]\nname = "air"\n[model.late]\ncommand = "python train.py"\n'
    )
    desk.project("air", str(tmp_path))
    assert desk.do(
        lambda tx: runs.start(tx, RunStart(project="air", model="late", params={"any": 1}))
    ).params == {"any": 1}
