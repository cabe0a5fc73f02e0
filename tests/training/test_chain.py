"""The training chain on real data: from data versions to a judged, registered candidate."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from train_box import Box, Run, make

from mlops_store.errors import Problem
from mlops_store.objects import Objects
from mlops_store.records import PastLook, PastVerdict, VersionPin
from mlops_tui.worker.training.version_files import VersionFile, load_version, read_profile, read_version

TOML = """
[project]
name = "lab"
[source.samples]
path = "data/*.parquet"
key = ["id"]
[model.m]
recipe = "{recipe}"
spine = "samples"
target = "y"
task = "{task}"
metric = "{metric}"
slices = ["f0 > 0"]
params = {{ {params} }}
[model.m.search]
trials = 2
families = [{families}]
cv_folds = 2
[model.m.gate]
checks = [{checks}]
"""
CHECKS = {
    "classification": '"roc_auc > champion", "roc_auc >= naive + 0.2"',
    "multiclass": '"log_loss < champion"',
    "regression": '"rmse < naive"',
}
METRICS = {"classification": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


def frame(task: str) -> pl.DataFrame:
    loader = {"classification": load_breast_cancer, "multiclass": load_wine, "regression": load_diabetes}[
        task
    ]
    x, y = loader(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    columns: dict[str, Any] = {"id": [f"k{i}" for i in range(len(y))]}
    columns |= {f"f{i}": x[:, i] for i in range(5)}
    columns["kind"] = np.where(x[:, 5] > 0, "big", "small")
    columns["y"] = [["a", "b", "c"][k] for k in y] if task == "multiclass" else y
    return pl.DataFrame(columns)


def lab(tmp: Path, task: str, recipe: str = "", params: str = "", families: str = "") -> Box:
    default = '"ridge"' if task == "regression" else '"logistic_regression"'
    toml = TOML.format(
        recipe="recipe.py" if recipe else "",
        task=task,
        metric=METRICS[task],
        params=params,
        families=families or default,
        checks=CHECKS[task],
    )
    box = make(tmp, "lab", toml, recipe)
    box.admit("samples", frame(task))
    return box


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, Run]:
    box = lab(tmp_path_factory.mktemp("clinic"), "classification")
    run = box.run("train", "m")
    assert run.code == 0, run.error
    return box, run


def checked_out(box: Box, run: Run, tmp: Path) -> Path:
    return Objects(box.home).checkout(run.trained.tree, tmp / "tree")


def test_the_outcome_says_what_was_trained_judged_and_registered(
    clinic: tuple[Box, Run], tmp_path: Path
) -> None:
    box, run = clinic
    found = run.trained
    assert found.gate is not None and found.gate.verdict == "PASS" and not found.gate.better_than_champion
    assert found.gate.look == 1 and found.gate.alpha == 0.025
    one = found.metrics["roc_auc"]
    assert 0.9 < one["low"] < one["value"] <= one["high"] <= 1
    tree = checked_out(box, run, tmp_path)
    assert {path.name for path in tree.iterdir()} == {
        "model.skops", "encoding.json", "sample.parquet", "signature.json", "version.json", "profile.json", "metrics.json", "code",
    }  # fmt: skip
    version = read_version(tree)
    assert version.training.rows == found.training_rows and version.training.split["by"] == "key_hash"
    assert version.environment.packages["scikit-learn"] and (tree / "code" / "mlops.toml").is_file()
    assert found.manifest["training"]["source"] == "samples" and found.manifest["run_id"] == run.folder.run_id
    profile = read_profile(tree)
    assert [column.name for column in profile.features.columns] == version.feature_columns
    assert profile.prediction is not None and profile.prediction.rows == found.gate.evaluation_rows


def test_artifacts_hold_the_data_behind_the_charts(clinic: tuple[Box, Run]) -> None:
    _, run = clinic
    folder = run.folder.artifacts
    board = json.loads((folder / "leaderboard.json").read_text())
    assert {entry["family"] for entry in board["entries"]} == {"naive", "logistic_regression"}
    assert "optimistic" in board["note"]
    for name in ("roc", "pr", "calibration", "confusion"):
        assert pl.read_parquet(folder / "evaluation" / f"{name}.parquet")["model"].unique().to_list() == [
            "candidate"
        ]
    evaluation = json.loads((folder / "evaluation" / "evaluation.json").read_text())
    assert evaluation["slices"][0]["slice"] == "f0 > 0"
    rows = pl.read_parquet(folder / "evaluation" / "predictions.parquet")
    assert {"__row", "y", "cluster", "candidate", "naive", "slice:0"} <= set(rows.columns)
    assert json.loads((folder / "importance.json").read_text())["features"][0]["loss"] > 0


def test_nothing_changed_means_nothing_is_done_again_but_each_verdict_is_a_look(
    clinic: tuple[Box, Run],
) -> None:
    box, first = clinic
    assert first.trained.gate is not None
    look = PastLook(run_id="x", evaluation_key=first.trained.gate.evaluation_key)
    again = box.run("train", "m", looked=[look])
    states = {stage["name"]: stage["state"] for stage in again.folder.stages(1)}
    assert (
        states["search"] == states["train"] == states["evaluate"] == "cached" and states["gate"] == "finished"
    )
    assert again.trained.metrics == first.trained.metrics
    assert again.trained.gate is not None and again.trained.gate.alpha == pytest.approx(0.05 / 6)


def past(run: Run, version: int) -> PastVerdict:
    """What the registry would know of a verdict."""
    gate = run.trained.gate
    assert gate is not None
    return PastVerdict(verdict_id=run.folder.run_id, version=version, tree=run.trained.tree, gate=gate)


def test_the_same_candidate_on_the_same_rows_spends_no_look_and_is_the_version_that_it_is(
    clinic: tuple[Box, Run],
) -> None:
    box, first = clinic
    assert first.trained.gate is not None and first.trained.gate.same_as is None
    known = past(first, 1)
    look = PastLook(run_id=known.verdict_id, evaluation_key=known.gate.evaluation_key)
    again = box.run("train", "m", looked=[look], judged=[known]).trained
    gate = again.gate
    assert gate is not None and (gate.look, gate.alpha, gate.verdict) == (1, 0.025, "PASS")
    assert (gate.same_as, gate.repeats, again.tree) == (1, known.verdict_id, first.trained.tree)
    assert gate.checks == first.trained.gate.checks and again.metrics == first.trained.metrics

    promoted = box.run("train", "m", looked=[look], judged=[known], champion=first.pin(1)).trained.gate
    assert promoted is not None  # beside itself it differs by nothing
    assert (promoted.same_as, promoted.repeats, promoted.verdict) == (1, known.verdict_id, "PASS")


def test_the_same_candidate_beside_another_champion_is_a_new_look(clinic: tuple[Box, Run]) -> None:
    box, first = clinic
    pin = first.pin(1)
    other = VersionPin(
        model="m", version=7, run_id=pin.run_id, digest=pin.digest, tree=pin.tree, python=pin.python
    )
    known = past(first, 1)
    look = PastLook(run_id=known.verdict_id, evaluation_key=known.gate.evaluation_key)
    gate = box.run("train", "m", looked=[look], judged=[known], champion=other).trained.gate
    assert gate is not None and (gate.look, gate.same_as, gate.repeats) == (2, 1, None)
    assert gate.champion == "m@7" and gate.verdict == "INCONCLUSIVE"


def test_what_is_learned_anew_is_known_again_and_other_rows_are_another_look(
    clinic: tuple[Box, Run],
) -> None:
    box, first = clinic
    known = past(first, 1)
    shutil.rmtree(box.home.cache)
    anew = box.run("train", "m", judged=[known]).trained.gate
    assert anew is not None and anew.repeats == known.verdict_id
    known.gate.judged_on = "other rows"
    gate = box.run("train", "m", judged=[known]).trained.gate
    assert gate is not None and (gate.same_as, gate.repeats) == (1, None)
    known.tree = "0" * 64
    gone = box.run("train", "m", judged=[known]).trained
    assert gone.gate is not None and gone.gate.same_as is None and gone.tree != known.tree


def test_an_identical_candidate_is_not_better(clinic: tuple[Box, Run]) -> None:
    box, first = clinic
    run = box.run("train", "m", champion=first.pin(1))
    gate = run.trained.gate
    assert gate is not None and gate.difference is not None, run.error
    assert gate.difference.estimate == 0 and not gate.better_than_champion
    assert gate.checks[0].verdict == "INCONCLUSIVE" and gate.verdict == "INCONCLUSIVE"
    assert gate.champion == "m@1" and gate.champion_metrics["roc_auc"] == run.trained.metrics["roc_auc"]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks(task: str, tmp_path: Path) -> None:
    box = lab(tmp_path, task)
    run = box.run("train", "m")
    assert run.code == 0, run.error
    assert run.trained.gate is not None
    assert (
        run.trained.metrics[METRICS[task]]["value"] < run.trained.gate.naive_metrics[METRICS[task]]["value"]
    )
    names = {path.stem for path in (run.folder.artifacts / "evaluation").iterdir()}
    assert (
        {"confusion", "roc"}
        if task == "multiclass"
        else {"residuals", "residual_quantiles", "residuals_by_prediction"}
    ) <= names
    loaded = load_version(checked_out(box, run, tmp_path))
    assert loaded.labels.classes == (["a", "b", "c"] if task == "multiclass" else [])


HOOKS = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

class Shrunk(ClassifierMixin, BaseEstimator):
    def __init__(self, C=1.0):
        self.C = C
    def fit(self, X, y):
        self.inner_ = LogisticRegression(C=self.C, max_iter=500).fit(np.nan_to_num(X), y)
        self.classes_ = self.inner_.classes_
        return self
    def predict(self, X):
        return self.inner_.predict(np.nan_to_num(X))
    def predict_proba(self, X):
        return self.inner_.predict_proba(np.nan_to_num(X))

def estimator(params):
    return Shrunk(params["C"])

def evaluate(frame, predictions):
    return {"share_flagged": float((predictions > 0.5).mean()), "rows_seen": frame.height}
"""


def test_hooks_replace_the_families_and_add_metrics(tmp_path: Path) -> None:
    box = lab(tmp_path, "classification", HOOKS, "C = [0.01, 1.0]")
    run = box.run("train", "m")
    assert run.code == 0, run.error
    assert 0 < run.trained.metrics["share_flagged"]["value"] < 1
    tree = checked_out(box, run, tmp_path)
    version = read_version(tree)
    assert version.family == "estimator" and version.params["C"] in (0.01, 1.0)
    assert version.modules == ["mlops_tui_recipe_recipe"]
    with pytest.raises(Problem, match="allow-list"):
        _load_with(tree, modules=[])


def _load_with(tree: Path, modules: list[str]) -> None:
    from mlops_store.atomic import write_json

    version: VersionFile = read_version(tree)
    version.modules = modules
    (tree / "version.json").unlink()
    write_json(tree / "version.json", version)
    load_version(tree)


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("raise ValueError('no such thing')", "search_failed", "recipe.py:2: ValueError"),
        ("return 7", "search_failed", "no fit and predict"),
    ],
)
def test_a_broken_estimator_names_file_and_line(body: str, code: str, words: str, tmp_path: Path) -> None:
    run = lab(tmp_path, "classification", f"def estimator(params):\n    {body}\n").run("train", "m")
    assert run.code == 1 and run.error["code"] == code and words in run.error["message"]


def test_a_broken_evaluate_names_what_it_returned(tmp_path: Path) -> None:
    run = lab(
        tmp_path, "classification", "def evaluate(frame, predictions):\n    return {'roc_auc': 1.0}\n"
    ).run("train", "m")
    assert run.code == 1 and "a metric of ours" in run.error["message"]


def test_set_overrides_and_misspelt_names_are_refused(tmp_path: Path) -> None:
    box = lab(tmp_path, "classification")
    run = box.run("train", "m", params={"C": 0.5, "trials": 1, "seed": 7})
    assert run.trained.manifest["params"]["C"] == 0.5 and run.trained.manifest["seed"] == 7
    wrong = box.run("train", "m", params={"learning_rte": 1})
    assert wrong.code == 1 and wrong.error["code"] == "unknown_parameter" and wrong.error["status"] == 2
