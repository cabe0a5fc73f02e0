"""A stage is done again when anything that it runs has changed, however far behind its own module."""

from __future__ import annotations

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
    (folder / "middle.py").write_text("import polars as pl\nfrom toy.deep import (\n    one,  # )\n)\n")
    (folder / "deep.py").write_text("one = 1\n")
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
