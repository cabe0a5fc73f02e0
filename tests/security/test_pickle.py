"""No pickle is ever read: not in the code of the product, and not at run time, not even for models."""

from __future__ import annotations

import ast
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mlops_store
import mlops_tui
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_tui.client import connect
from mlops_tui.worker.training import modelfile

MODULES = frozenset({"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "torch"})
CALLS = frozenset({"read_pickle", "unpickle", "eval", "exec", "compile", "__import__"})
MENTIONS = re.compile(
    rf"\b({'|'.join(MODULES)}|joblib|allow_pickle|read_pickle|unpickle)\b|(?<![.\w])(eval|exec|compile|__import__)\s*\("
)
"""What a module has somewhere that could do such a thing: most need no closer look."""
REVIEWED: frozenset[str] = frozenset()
"""`file: call` that somebody has looked at."""


def suspicious(path: Path) -> list[str]:
    """Imports and calls in a module that could run what data says."""
    found: list[str] = []
    text = path.read_text()
    for node in ast.walk(ast.parse(text)) if MENTIONS.search(text) else ():
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            found += (
                [module]
                if module in MODULES or (module == "joblib" and any(n.name == "load" for n in node.names))
                else []
            )
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            owner = (
                node.func.value.id
                if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
                else ""
            )
            if (
                name in CALLS
                or attribute in ("read_pickle", "unpickle")
                or (owner, attribute) == ("joblib", "load")
            ):
                found.append(name or attribute)
            if any(
                word.arg == "allow_pickle"
                and not (isinstance(word.value, ast.Constant) and word.value.value is False)
                for word in node.keywords
            ):
                found.append("allow_pickle")
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import joblib\njoblib.load(1)",
        "eval ('1')",
        "x.read_pickle()",
        "load(allow_pickle=True)",
    ],
)
def test_what_could_run_what_data_says_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "m.py").write_text(code)
    assert suspicious(tmp_path / "m.py")


def test_the_code_reads_no_pickle_and_runs_no_text() -> None:
    roots = [Path(package.__file__ or "").parent for package in (mlops_tui, mlops_store)]
    found = {
        f"{path.relative_to(root.parent)}: {name}"
        for root in roots
        for path in root.rglob("*.py")
        for name in suspicious(path)
    }
    assert found == REVIEWED


HOOK = """
import os, sys
def hook(event, arguments):
    if event == "pickle.find_class":
        with open(os.path.join({folder!r}, str(os.getpid())), "a") as file:
            file.write(" ".join(map(str, (sys.argv, arguments))) + "\\n")
sys.addaudithook(hook)
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files, one for each process that unpickled a class. Python itself tells of that, by a hook in every process that is
    started from here, by whomever."""
    told, site = tmp_path / "told", tmp_path / "site"
    told.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(HOOK.format(folder=str(told)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *(path for path in sys.path if path)]))
    probe = subprocess.run(
        [
            sys.executable,
            "-c",
            "import pickle, collections; pickle.loads(pickle.dumps(collections.OrderedDict()))",
        ],
        check=True,
    )
    assert probe.returncode == 0 and len(list(told.iterdir())) == 1, "the hook works"
    for file in told.iterdir():
        file.unlink()
    return told


def ended(client: Any, run_id: str) -> Any:
    """The run, when it is over."""
    for event in client.events(follow=True):
        if event is not None and (run := client.call("run show", {"run_id": run_id})).ended:
            return run
    raise AssertionError("the daemon has gone")


def test_the_daemon_and_its_children_unpickle_nothing(
    served_home: Home, make_project: object, told: Path
) -> None:
    folder = make_project()  # type: ignore[operator]
    with connect(served_home) as client:
        client.call("project add", {"dir": str(folder)})
        run = client.call("run start", {"project": "quick", "model": "fast"})
        ended(client, run.run_id)
        client.call("run list")
        client.call("sql", {"query": "SELECT * FROM runs"})
    assert [file.read_text() for file in told.iterdir()] == []


TRAINING = """
import sys
from pathlib import Path
from train_box import SourcePin, Snapshots, make
box = make(Path(sys.argv[1]), "shop", TOML, RECIPE)
(box.project_dir / "data").mkdir()
rows = "".join(f"{i},{i % 7},{i % 11},{int((i * 7919 % 97) / 20 + i % 7 > 5)}\\n" for i in range(600))
path = box.project_dir / "data" / "a.csv"
path.write_text("id,x,y,late\\n" + rows)
taken = box.run("ingest", "", request={"source": "orders", "paths": [str(path)], "base_version": 0}).outcome.ingest.manifest
manifest = box.home.relative(Snapshots(box.home).write_manifest(taken))
box.versions["orders"] = [SourcePin(version=1, snapshot=taken.snapshot, manifest=manifest)]
print(box.run("train", "late").trained.tree)
"""
TOML = """[project]
name = "shop"
[source.orders]
path = "data/*.csv"
key = ["id"]
[model.late]
recipe = "recipe.py"
spine = "orders"
target = "late"
task = "classification"
metric = "roc_auc"
[model.late.search]
trials = 1
families = ["logistic_regression"]
"""
RECIPE = """import collections
import pickle

import polars as pl


def prepare(frame):
    pickle.loads(pickle.dumps(collections.OrderedDict()))
    return frame.with_columns(twice=pl.col("x") * 2)
"""


def test_a_training_by_a_recipe_unpickles_nothing(told: Path, tmp_path: Path) -> None:
    """Ingest, fit, evaluation, the model's file and its check in a child. The recipe does, to show that it would be told of."""
    boxes = str(Path(__file__).parents[1] / "training")
    code = f"TOML, RECIPE = {TOML!r}, {RECIPE!r}{TRAINING}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], boxes])},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    lines = [line for file in told.iterdir() for line in file.read_text().splitlines()]
    assert lines and [line for line in lines if "('collections', 'OrderedDict')" not in line] == []


class Trap:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.mark),))


@pytest.mark.parametrize("name", ["model.skops", "model.pkl"])
def test_a_pickle_in_place_of_a_model_is_refused_and_does_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "ran"
    (tmp_path / name).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(Problem) as raised:
        modelfile.load(tmp_path / name)
    assert raised.value.code == "model_damaged"
    assert not mark.exists()


def test_a_model_file_is_read_without_unpickling(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.mkdir()
    code = HOOK.format(folder=str(told)) + (
        "from pathlib import Path\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from mlops_tui.worker.training import modelfile\n"
        f"path = Path({str(tmp_path)!r}) / 'm.skops'\n"
        "modules = modelfile.save(LogisticRegression().fit([[0], [1]], [0, 1]), path)\n"
        "assert modelfile.load(path, modules).predict([[1]])[0] == 1\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert [file.read_text() for file in told.iterdir()] == []
