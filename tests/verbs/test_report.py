"""`model report`: what an evaluation left for charts, through the daemon's own eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from desk import Desk

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.index import parquet
from mlops_store.records import EvaluationOutcome, Outcome
from mlops_store.run_folder import RunFolder
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services.model import compare, report
from mlops_tui.verbs import find
from mlops_tui.verbs._report import Report
from mlops_tui.verbs.model import ModelCompare, ModelReport
from mlops_tui.worker.training import curve_files
from mlops_tui.worker.training.evaluation import Judged


def ask(desk: Desk, model: str, **fields: Any) -> Report:
    return report(desk.read(), ModelReport(model=model, project="air", **fields))


def judged(task: str, rows: int = 2000) -> Judged:
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3 if task == "multiclass" else 2, rows).astype(np.float64)
    if task == "multiclass":
        shares = rng.dirichlet([1, 1, 1], rows)
        sides = {"candidate": shares, "champion": shares[:, ::-1]}
    else:
        sides = {"candidate": np.clip(y * 0.3 + rng.random(rows) * 0.7, 0, 1), "champion": rng.random(rows)}
    return Judged(task=task, y=y, clusters=np.arange(rows), predictions=sides, slices={}, seed=1)


def left(desk: Desk, folder: RunFolder, task: str) -> None:
    """What a worker leaves, by its own code."""
    place = folder.artifacts / "evaluation"
    place.mkdir(parents=True)
    curve_files.write(judged(task), place, ["a", "b", "c"][: 3 if task == "multiclass" else 2])
    write_json(
        place / "evaluation.json",
        {
            "task": task,
            "slices": [{"slice": "x = 1", "rows": 9, "value": 0.6, "low": 0.5, "high": 0.7, "champion": 0.4}],
        },
    )
    write_json(
        folder.artifacts / "importance.json",
        {"of": "permutation", "features": [{"feature": "wind", "loss": 0.1}]},
    )


@pytest.fixture
def two(desk: Desk) -> Desk:
    """Version 2 was judged beside version 1."""
    first, second = desk.run("train"), desk.run("train")
    desk.version(1, first.run_id, {})
    gate = {
        "verdict": "PASS",
        "champion": "late@1",
        "champion_metrics": {"roc_auc": {"value": 0.65}},
        "evaluation_rows": 50,
        "clusters": 9,
    }
    desk.version(2, second.run_id, {}, gate=gate)
    left(desk, second, "classification")
    return desk


def test_a_binary_version_has_everything_for_both_sides(two: Desk) -> None:
    found = ask(two, "late@2")
    assert (found.kind, found.rows, found.task, found.missing) == ("gate", 50, "classification", [])
    assert [(side.side, side.version) for side in found.sides] == [("candidate", 2), ("champion", 1)]
    assert found.sides[1].metrics == {"roc_auc": {"value": 0.65}}
    for curves in (found.roc, found.pr):
        assert [curve.side for curve in curves] == ["candidate", "champion"]
        assert all(len(curve.x) == len(curve.y) == len(curve.threshold) <= 200 for curve in curves)
    roc = found.roc[0]
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1], roc.threshold[0]) == (0, 0, 1, 1, None)
    assert sum(cell.rows for cell in found.confusion if cell.side == "candidate") == 2000
    assert found.classes == ["a", "b"] and len(found.calibration) == 20
    assert found.slices[0].slice == "x = 1" and found.slices[0].champion == 0.4
    assert found.importance is not None and found.importance["features"][0]["feature"] == "wind"


def test_curves_are_thinned_with_both_ends(two: Desk) -> None:
    whole, thin = ask(two, "late@2", points=500).roc[0], ask(two, "late@2", points=10).roc[0]
    assert len(thin.x) == 10 < len(whole.x)
    assert (thin.x[0], thin.x[-1]) == (whole.x[0], whole.x[-1]) and set(thin.x) <= set(whole.x)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_have_theirs(desk: Desk, task: str) -> None:
    folder = desk.run("train")
    desk.version(1, folder.run_id, {})
    left(desk, folder, task)
    found = ask(desk, "late@1")
    assert found.missing == []
    if task == "regression":
        assert found.residuals and found.residual_quantiles and not found.roc
        assert {one.side for one in found.residuals} == {"candidate", "champion"}
        bins = [
            [(one.low, one.high) for one in found.residuals if one.side == side]
            for side in ("candidate", "champion")
        ]
        assert bins[0] == bins[1] and len(bins[0]) == 20  # bars of both stand side by side
        by = [one for one in found.residuals_by_prediction if one.side == "candidate"]
        assert len(by) == 10 and sum(one.rows for one in by) == sum(
            one.rows for one in found.residuals if one.side == "candidate"
        )
        assert all(one.p10 <= one.median <= one.p90 for one in by)
        (folder.artifacts / "evaluation" / "residuals_by_prediction.parquet").unlink()
        older = ask(desk, "late@1")
        assert older.missing == [] and older.residuals_by_prediction == []
    else:
        assert [(curve.side, curve.cls) for curve in found.roc[:3]] == [("candidate", name) for name in "abc"]
        assert len(found.confusion) == 18 and {b.cls for b in found.calibration} == set("abc")


def test_the_champion_of_a_gate_and_an_evaluation_are_reached_from_either_version(two: Desk) -> None:
    folder = two.run("evaluate")
    outcome = EvaluationOutcome(
        model="late",
        version=1,
        metrics={"roc_auc": {"value": 0.6}},
        evaluation_key="k",
        evaluation_rows=40,
        clusters=8,
    )
    two.end(folder, Outcome(kind="evaluate", evaluation=outcome))
    second = ask(two, "late@2").run_id
    runs = ask(two, "late@1").runs
    assert [(run.kind, run.candidate, run.champion) for run in runs] == [
        ("gate", 1, None),
        ("evaluate", 1, None),
        ("gate", 2, 1),
    ]
    beside = ask(two, "late@1", run_id=second)
    assert [side.version for side in beside.sides] == [2, 1] and beside.roc
    assert ask(two, "late@1", run_id=folder.run_id).sides[0].metrics == {"roc_auc": {"value": 0.6}}
    with pytest.raises(Problem) as caught:
        ask(two, "late@2", run_id=folder.run_id)
    assert caught.value.code == "no_such_evaluation" and second in caught.value.hint


def test_comparing_names_the_run_with_the_evidence_of_both(two: Desk) -> None:
    for a, b in (("late@1", "2"), ("late@2", "1")):
        found = compare(two.read(), ModelCompare(a=a, b=b, project="air"))
        assert found.run_id == ask(two, "late@2").run_id
        assert ask(two, a, run_id=found.run_id).roc
    assert compare(two.read(), ModelCompare(a="late@1", b="1", project="air")).run_id is None


def test_what_is_gone_or_damaged_is_named(two: Desk) -> None:
    folder = RunFolder(two.home.run_dir(ask(two, "late@2").run_id)).artifacts / "evaluation"
    (folder / "roc.parquet").unlink()
    (folder / "pr.parquet").write_bytes(b"PAR1 not so")
    pl.DataFrame({"model": ["stranger"], "actual": ["a"]}).write_parquet(folder / "confusion.parquet")
    found = ask(two, "late@2")
    assert found.missing == [
        "evaluation/roc.parquet",
        "evaluation/pr.parquet",
        "evaluation/confusion.parquet",
    ]
    assert found.calibration
    (folder / "evaluation.json").write_text("{")
    assert ask(two, "late@2").calibration
    assert ask(two, "late@1").missing == ["evaluation"], "a version of somebody's own command"


def test_a_page_for_people(two: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    for width in (None, 60, 140):
        render(find("model report"), ask(two, "late@2"), Screen(False, width))
        printed = capsys.readouterr().out
        assert "CONFUSION" in printed and "SLICES" in printed
        assert width is None or max(map(len, printed.splitlines())) <= width


# --- small files of Parquet ---


@pytest.mark.parametrize("name", ["a*b?.parquet", "[x]=y.parquet", "it's.parquet", "k=v/deep.parquet"])
def test_a_path_is_a_path_and_no_pattern(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    pl.DataFrame({"x": [1.5, float("nan"), float("inf")]}).write_parquet(path)
    (tmp_path / "axbz.parquet").write_bytes(b"another")
    assert parquet.read(path) == {"x": [1.5, None, None]}


def test_files_have_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.parquet"
    pl.DataFrame({"x": range(11)}).write_parquet(path)
    monkeypatch.setattr(parquet, "MOST_ROWS", 10)
    with pytest.raises(Problem, match="more than 10 rows"):
        parquet.read(path)
    with pytest.raises(Problem, match="no file"):
        parquet.read(tmp_path / "none.parquet")
