"""Model files: what may be in one, and what is refused at load."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlops_store.errors import Problem
from mlops_tui.worker.training import modelfile
from mlops_tui.worker.training.encoding import ColumnEncoding, Encoding
from mlops_tui.worker.training.families import FAMILIES, Job

X, Y = load_breast_cancer(return_X_y=True)
X = X[:, :6].copy()
X[:, 0] = np.round(X[:, 0]) % 7


def encoding() -> Encoding:
    kinds = ["category"] + ["number"] * 5
    return Encoding(
        columns=[ColumnEncoding(name=f"c{i}", kind=kind, dtype="") for i, kind in enumerate(kinds)],
        rows=len(X),
    )


@pytest.mark.parametrize(
    ("name", "task"),
    [
        (name, task)
        for name in sorted(FAMILIES)
        for task in ("classification", "regression")
        if task in FAMILIES[name].tasks
    ],
)
def test_every_family_survives_its_file(name: str, task: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    params = dict(family.defaults) | ({"max_iter": 5} if name == "hist_gradient_boosting" else {})
    params |= {"n_estimators": 3} if "n_estimators" in params else {}
    model = family.build(params, Job(task, "", encoding(), len(X), 0, 1)).fit(X, Y)
    path = tmp_path / "model.skops"
    assert modelfile.save(model, path) == []
    again = modelfile.load(path)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_function_of_the_standard_library_is_never_saved(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(os.path.exists), StandardScaler())
    with pytest.raises(Problem, match="exists"):
        modelfile.save(model, tmp_path / "model.skops")


def test_a_foreign_type_is_refused_at_load_even_where_it_claims_a_pin(tmp_path: Path) -> None:
    import skops.io

    path = tmp_path / "model.skops"
    skops.io.dump(FunctionTransformer(os.system), path)
    for pins in ([], ["posix"], ["os"]):
        with pytest.raises(Problem, match="allow-list"):
            modelfile.load(path, pins)


def test_functions_of_scikit_learn_and_numpy_are_not_allowed_as_such(tmp_path: Path) -> None:
    import skops.io
    from numpy.testing import runstring  # type: ignore[attr-defined]
    from sklearn.datasets import fetch_openml

    for function in (runstring, fetch_openml):
        skops.io.dump(FunctionTransformer(function), tmp_path / "m.skops")
        with pytest.raises(Problem, match="allow-list"):
            modelfile.load(tmp_path / "m.skops")


def test_a_class_of_the_project_loads_only_under_its_pin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("my_recipe_module")
    source = "import numpy as np\ndef double(x):\n    return np.asarray(x) * 2\n"
    exec(compile(source, "my_recipe_module.py", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, "my_recipe_module", module)
    path = tmp_path / "model.skops"
    assert modelfile.save(FunctionTransformer(module.double), path) == ["my_recipe_module"]
    with pytest.raises(Problem, match=r"my_recipe_module\.double"):
        modelfile.load(path)
    assert modelfile.load(path, ["my_recipe_module"]).transform([[2]]).tolist() == [[4]]


def test_damage_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(b"not a zip")
    with pytest.raises(Problem, match="not a readable"):
        modelfile.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(Problem, match="not a readable"):
        modelfile.load(path)
