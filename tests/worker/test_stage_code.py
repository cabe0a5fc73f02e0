"""A stage is done again when anything that it runs has changed, however far behind its own module."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_tui.worker import stage_code
from mlops_tui.worker.training.pipeline import STAGES

TRAINING = "mlops_tui.worker.training."


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of three modules: stage → (inside a function) middle → deep, and one that only types need."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "stage.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from toy import words\n"
        "def run():\n    try:\n        from toy import middle\n    finally:\n        pass\n"
    )
    (folder / "middle.py").write_text(
        "import polars as pl\nfrom toy.deep import (\n    one,  # )\n    two,\n)\n"
    )
    (folder / "deep.py").write_text("one = two = 1\n")
    (folder / "words.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(stage_code, "ROOTS", ("toy",))
    forget()
    return folder


def forget() -> None:
    """What a new process would not know."""
    for cached in (
        stage_code.closure,
        stage_code._source,
        stage_code._path,
        stage_code._root,
        stage_code._version,
    ):
        cached.cache_clear()


def test_a_change_in_what_is_imported_at_any_depth_is_another_code(package: Path) -> None:
    before = stage_code.closure("toy.stage")
    assert before.modules == ("toy", "toy.deep", "toy.middle", "toy.stage")
    assert list(before.versions) == ["polars"]
    (package / "words.py").write_text("more = 1\n")
    forget()
    assert stage_code.closure("toy.stage") == before
    (package / "deep.py").write_text("one = 2\n")
    forget()
    assert stage_code.closure("toy.stage").code != before.code
    forget()


@pytest.mark.parametrize(
    ("stage", "modules"),
    [
        ("collect", {"mlops_tui.worker.views", TRAINING + "unseen", TRAINING + "selection"}),
        (
            "features",
            {"mlops_tui.worker.views", "mlops_store.features.pit", "mlops_tui.worker.leakage"},
        ),
        ("search", {TRAINING + "folds", TRAINING + "tuning", "mlops_tui.worker.statistics.metrics"}),
        ("train", {TRAINING + "folds", TRAINING + "importance", TRAINING + "version_files"}),
        ("evaluate", {"mlops_tui.worker.statistics.gate", TRAINING + "folds"}),
    ],
)
def test_what_the_stages_run(stage: str, modules: set[str]) -> None:
    found = stage_code.closure(TRAINING + stage)
    assert modules <= set(found.modules), modules - set(found.modules)


def test_each_stage_knows_the_library_that_holds_its_rows() -> None:
    for stage in STAGES:
        assert "polars" in stage_code.closure(TRAINING + stage).versions


def sources() -> Iterator[Path]:
    """All files of ours that compute."""
    for root in stage_code.ROOTS:
        module = importlib.import_module(root)
        assert module.__file__ is not None
        path = Path(module.__file__)
        yield from path.parent.rglob("*.py") if path.name == "__init__.py" else [path]


def test_the_imports_of_our_own_files_are_those_of_their_syntax_trees() -> None:
    files = list(sources())
    assert len(files) > 50
    for path in files:
        text = path.read_text(encoding="utf-8")
        waiting: list[ast.AST] = [ast.parse(text)]
        found: set[str] = set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}: a relative import"
                found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
            typed = (
                isinstance(node, ast.If)
                and isinstance(node.test, ast.Name)
                and node.test.id == "TYPE_CHECKING"
            )
            waiting += node.orelse if typed else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
        assert stage_code._imports(text) == found, path
