"""What a form that starts a run is made of: the parameters that a model takes, what they are now, how they are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from desk import AIR, Desk

from mlops_store.errors import Problem
from mlops_tui.services import model as models
from mlops_tui.verbs.model import ModelParameters, Parameters

SEARCHED = (
    AIR
    + """task = "regression"
window = ["all", "90d"]
params = { max_iter = 80 }
%s
[model.late.search]
families = ["hist_gradient_boosting", "random_forest"]
trials = 7
timeout = "2m"
"""
)


def asked(desk: Desk, folder: Path, toml: str, family: str | None = None) -> Parameters:
    (folder / "mlops.toml").write_text(toml)
    desk.project("air", str(folder))
    return models.parameters(desk.read(), ModelParameters(project="air", model="late", family=family))


def by_name(found: Parameters) -> dict[str, Any]:
    return {one.name: one for one in found.parameters}


def test_a_search_says_what_is_fixed_and_what_it_draws(desk: Desk, tmp_path: Path) -> None:
    found = asked(desk, tmp_path, SEARCHED % "")
    named = by_name(found)
    assert found.families == [
        "ridge",
        "hist_gradient_boosting",
        "random_forest",
        "extra_trees",
        "nearest_neighbours",
    ]
    assert {name: named[name].value for name in ("family", "window", "trials", "timeout", "seed")} == {
        "family": ["hist_gradient_boosting", "random_forest"], "window": ["all", "90d"], "trials": 7, "timeout": "120s", "seed": 0,
    }  # fmt: skip
    assert named["max_iter"].value == 80 and named["learning_rate"].value is None
    rate = named["learning_rate"].drawn[0]
    assert (rate.family, rate.default, rate.low, rate.high, rate.log) == (
        "hist_gradient_boosting",
        0.1,
        0.03,
        0.3,
        True,
    )
    leaf = named["min_samples_leaf"]
    assert [(each.family, each.low, each.high) for each in leaf.drawn] == [
        ("hist_gradient_boosting", 5, 200), ("random_forest", 1, 50),
    ]  # fmt: skip
    assert leaf.takes.fits("what the family says") and " or " in leaf.takes.words
    assert not found.others and "C" not in named


def test_one_family_has_only_its_own(desk: Desk, tmp_path: Path) -> None:
    found = asked(
        desk, tmp_path, SEARCHED.replace("params = { max_iter = 80 }\n", "") % "", "nearest_neighbours"
    )
    named = by_name(found)
    assert [one.name for one in found.parameters if one.group == "estimator"] == ["n_neighbors", "weights"]
    assert named["weights"].takes.choices == ("uniform", "distance")
    assert named["n_neighbors"].takes.fits(3) and not named["n_neighbors"].takes.fits(0)
    with pytest.raises(Problem) as caught:
        asked(desk, tmp_path, SEARCHED % "", "logistic_regression")
    assert caught.value.code == "unknown_family"


def test_an_estimator_of_ones_own_takes_others_too(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text("def estimator(params):\n    return 1\n")
    found = asked(desk, tmp_path, SEARCHED % 'recipe = "recipe.py"')
    assert found.others and "family" not in by_name(found) and by_name(found)["max_iter"].value == 80


def test_a_command_has_its_defaults_and_its_places(desk: Desk, tmp_path: Path) -> None:
    toml = '[project]\nname = "air"\n[model.late]\ncommand = "python t.py --lr {lr} --to {run_dir}"\nparams = { deep = true, n = 3 }\n'
    found = asked(desk, tmp_path, toml)
    named = by_name(found)
    assert list(named) == ["deep", "n", "lr"] and not found.others
    assert named["lr"].required and named["lr"].value is None and not named["n"].required
    assert named["deep"].takes.choices == ("true", "false")
    assert asked(
        desk, tmp_path, toml.replace(" --lr {lr}", "").replace("params = { deep = true, n = 3 }", "")
    ).others
