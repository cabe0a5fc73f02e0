"""Recipes: their declaration, their loading, what makes a view another version, and the kinds inspect and features."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bench import Bench

from mlops_store.errors import Problem
from mlops_tui.project.schema import SourceConfig
from mlops_tui.recipes import feature_view, sql_view, window_view
from mlops_tui.worker.production import features, inspect
from mlops_tui.worker.recipe_loader import load_recipe
from mlops_tui.worker.training.register import copy_code
from mlops_tui.worker.views import definition, view_rows

START = datetime(2024, 1, 1, tzinfo=UTC)
HEAD = "import polars as pl\nfrom mlops_tui.recipes import feature_view, sql_view, window_view\n"
VIEW = """
FACTOR = 2

def helper(column):
    return pl.col(column) * FACTOR

@feature_view(source="s", entities=["k"], max_age="3h")
def doubled(frame):
    return frame.select("k", "t", v=helper("v"))
"""
TOML = """
[project]
name = "made"
[source.rows]
path = "rows/*.csv"
key = ["id"]
event_time = "t"
[source.s]
path = "s/*.csv"
event_time = "t"
knowledge_delay = "1h"
[model.m]
recipe = "recipe.py"
spine = "rows"
target = "y"
task = "classification"
features = ["doubled"]
"""


def recipe(tmp_path: Path, text: str, name: str = "recipe.py") -> Any:
    (tmp_path / name).write_text(text)
    return load_recipe(tmp_path, name)


def test_hooks_and_views_are_found(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        HEAD
        + VIEW
        + "w = window_view(source='s', entities=[], window='1d', aggregates={'n': ('v', 'count')})\n",
    )
    assert set(found.views) == {"doubled", "w"}
    assert found.prepare is None
    assert not list(tmp_path.glob("__pycache__"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\nraise ValueError('boom')\n", "recipe.py:2: ValueError while importing it: boom"),
        ("def f(:\n", "recipe.py:1: SyntaxError"),
        ("import sys\nsys.exit(3)\n", "recipe.py:2: SystemExit"),
        ("import no_such_module_at_all\n", "recipe.py:1: ModuleNotFoundError"),
        ("prepare = 3\n", "prepare is not a function"),
        (HEAD + "sql_view('v', 's', 'k', 'SELECT 1')\n", "recipe.py:3: ValueError"),
    ],
)
def test_broken_recipes_name_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Problem) as caught:
        recipe(tmp_path, text)
    assert words in caught.value.message


def test_helpers_are_those_of_the_folder(tmp_path: Path) -> None:
    for name, value in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "helping.py").write_text(f"VALUE = {value}\n")
        found = recipe(folder, "from helping import VALUE\ndef estimator(params):\n    return VALUE\n")
        assert found.estimator({}) == value


@pytest.mark.parametrize(
    "bad", [{"window": "7"}, {"aggregates": {}}, {"aggregates": {"a": ("v", "median")}}, {"entities": "k"}]
)
def test_unfit_window_views(bad: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "source": "s",
        "entities": ["k"],
        "window": "7d",
        "aggregates": {"a": ("v", "mean")},
    }
    with pytest.raises(ValueError, match=r"\w"):
        window_view(**{**good, **bad})


def test_the_decorated_function_can_be_called() -> None:
    @feature_view(source="s", entities=["k"])
    def plus(frame: int) -> int:
        """Adds one."""
        return frame + 1

    assert plus(1) == 2
    assert (plus.name, plus.description) == ("plus", "Adds one.")


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ('    return frame.select("k", "t", v=helper("v"))', '    """Text."""\n    # more text\n    return frame.select(\n        "k", "t", v=helper("v")\n    )', False),
        ("FACTOR = 2", "FACTOR = 3", True),
        ("pl.col(column) * FACTOR", "pl.col(column) + FACTOR", True),
        ('max_age="3h"', 'max_age="4h"', True),
        ("def helper", "UNRELATED = 5\n\ndef helper", False),
    ],
)  # fmt: skip
def test_what_makes_another_version(tmp_path: Path, old: str, new: str, changed: bool) -> None:
    hashes = []
    for name, text in (("a", HEAD + VIEW), ("b", HEAD + VIEW.replace(old, new))):
        (tmp_path / name).mkdir()
        found = recipe(tmp_path / name, text)
        hashes.append(definition(found.views["doubled"], found, on_spine=False))
    assert (hashes[0] != hashes[1]) == changed


def source_rows() -> pl.DataFrame:
    return pl.DataFrame({"k": ["a", "a"], "t": [START, START + timedelta(hours=2)], "v": [1, 2]})


def test_sql_views_run_without_access(tmp_path: Path) -> None:
    source = SourceConfig.model_validate({"path": "x", "event_time": "t"})
    empty = recipe(tmp_path, "")
    view = sql_view("q", "s", ["k"], "SELECT k, t, v * 10 AS ten FROM source")
    rows = view_rows(view, source_rows().lazy(), source, empty, None)
    assert list(rows.features) == ["ten"]
    assert pl.DataFrame(rows.rows)["ten"].to_list() == [10, 20]
    secret = tmp_path / "secret.csv"
    secret.write_text("k,t,v\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        "DROP TABLE source",
        "SELECT 1; SELECT 2",
        "SELECT nope FROM source",
        f"COPY source TO '{tmp_path}/x'",
    ):
        with pytest.raises(Problem):
            view_rows(sql_view("q", "s", ["k"], sql), source_rows().lazy(), source, empty, None)


def bench(tmp_path: Path, code: str = HEAD + VIEW) -> Bench:
    project = tmp_path / "project"
    project.mkdir()
    (project / "mlops.toml").write_text(TOML)
    (project / "recipe.py").write_text(code)
    return Bench(tmp_path / "home", project)


def test_inspect_describes_views_and_notes_problems(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.admit("s", {"a.csv": source_rows()})
    worker = box.worker(None, kind="inspect")
    inspect.run(worker)
    outcome = worker.folder.outcome(1)
    assert outcome is not None and outcome.inspect is not None
    (view,) = outcome.inspect.views
    assert (view.name, view.max_age_ms, view.knowledge) == ("doubled", 10_800_000, "delay")
    assert [(c.name, c.type) for c in view.features] == [("v", "int")]
    (box.project / "recipe.py").write_text("raise RuntimeError('no')\n")
    worker = box.worker(None, kind="inspect")
    inspect.run(worker)
    outcome = worker.folder.outcome(1)
    assert outcome is not None and outcome.inspect is not None
    assert outcome.inspect.problems[0]["code"] == "recipe_failed"


@pytest.mark.parametrize(
    ("hours", "value", "status"),
    [(0.5, None, "NOT_YET_KNOWN"), (1, 2, "PRESENT"), (2.9, 2, "PRESENT"), (3, 4, "PRESENT"), (5.5, None, "TOO_OLD"), (-1, None, "NO_ROW")],
)  # fmt: skip
def test_feature_values_at_a_moment(tmp_path: Path, hours: float, value: int | None, status: str) -> None:
    box = bench(tmp_path)
    box.admit("s", {"a.csv": source_rows()})
    request = {
        "keys": [{"k": "a"}],
        "time": (START + timedelta(hours=hours)).isoformat(),
        "output": str(tmp_path / "o.csv"),
    }
    worker = box.worker("m", kind="features", request=request)
    features.run(worker)
    outcome = worker.folder.outcome(1)
    assert outcome is not None and outcome.features is not None
    row = outcome.features.rows[0]
    assert (row["doubled__v"], row["doubled__status"]) == (value, status)
    assert (tmp_path / "o.csv").read_text().startswith("k,time,doubled__v")


def test_unknown_view_and_key(tmp_path: Path) -> None:
    box = bench(tmp_path)
    box.admit("s", {"a.csv": source_rows()})
    for request in (
        {"features": ["nope"], "keys": [{"k": "a"}]},
        {"keys": [{"z": 1}]},
        {"keys": [{"k": "a"}], "time": "noon"},
    ):
        with pytest.raises(Problem):
            features.run(box.worker("m", kind="features", request=request))


def run_main(worker: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "mlops_tui.worker.main", str(worker.folder.path), "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_the_process_leaves_error_or_outcome(tmp_path: Path) -> None:
    box = bench(tmp_path)
    worker = box.worker(None, kind="inspect")
    assert run_main(worker).returncode == 0
    assert worker.folder.outcome(1) is not None
    worker = box.worker("m", kind="features", request={"keys": [{"k": "a"}]})
    done = run_main(worker)
    assert done.returncode == 1
    error = worker.folder.error(1)
    assert error is not None and error["code"] == "no_data"
    assert "FAILED: " in done.stdout


def test_the_versions_of_what_a_recipe_imports_are_inputs_of_its_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipe.py").write_text(
        HEAD + "def estimator(params):\n    from sklearn.linear_model import Ridge\n    return Ridge()\n"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.py").write_text("import psutil")
    before = load_recipe(tmp_path, "recipe.py").packages
    assert set(before) == {"polars", "scikit-learn"}
    monkeypatch.setattr("mlops_tui.worker.code_identity.metadata.version", lambda name: "9.9")
    assert load_recipe(tmp_path, "recipe.py").packages == {"polars": "9.9", "scikit-learn": "9.9"}


def test_settings_beside_a_recipe_are_part_of_its_code(tmp_path: Path) -> None:
    """What a recipe can read in training: a change of it is another recipe, and a version takes it along."""
    (tmp_path / "recipe.py").write_text(HEAD)
    (tmp_path / "mlops.toml").write_text("")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "bins.yaml").write_text("bins: 3")
    before = load_recipe(tmp_path, "recipe.py").code_hash
    (tmp_path / "mlops.toml").write_text("# another comment")
    assert load_recipe(tmp_path, "recipe.py").code_hash == before
    (tmp_path / "conf" / "bins.yaml").write_text("bins: 4")
    assert load_recipe(tmp_path, "recipe.py").code_hash != before
    copy_code(tmp_path, tmp_path / "data")
    assert (tmp_path / "data" / "conf" / "bins.yaml").read_text() == "bins: 4"
