"""Scoring and evaluation: a version predicts in its own process what it predicted when it was trained."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "training"))

from test_chain import HOOKS, frame, lab
from train_box import Box, Run

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.objects import Objects
from mlops_tui.worker.production.version_child import score_version
from mlops_tui.worker.recipe_loader import load_recipe
from mlops_tui.worker.training.version_files import load_version, read_version


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Box, Run]:
    box = lab(tmp_path_factory.mktemp("hooks"), "classification", HOOKS, "C = 0.1")
    run = box.run("train", "m")
    assert run.code == 0, run.error
    return box, run


def in_process(
    box: Box, run: Run, rows: pl.DataFrame, tmp: Path
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    tree = Objects(box.home).checkout(run.trained.tree, tmp / "tree")
    load_recipe(tree / "code", read_version(tree).recipe)
    loaded = load_version(tree)
    return loaded.predict(loaded.encoding.encode(rows))


def score(box: Box, run: Run, source: Path, output: Path, **request: object) -> Run:
    return box.run(
        "score", "m", champion=run.pin(1), request={"input": str(source), "output": str(output), **request}
    )


@pytest.mark.parametrize(("given", "made"), [("csv", "parquet"), ("parquet", "csv")])
def test_scoring_equals_prediction_in_process(
    trained: tuple[Box, Run], tmp_path: Path, given: str, made: str
) -> None:
    box, run = trained
    rows = frame("classification").drop("y").sample(100, seed=3, shuffle=True)
    rows = rows.with_columns(
        kind=pl.Series(["never seen", None, *rows["kind"][2:]]), f0=pl.Series([None, *rows["f0"][1:]])
    )
    source, output = tmp_path / f"in.{given}", tmp_path / f"out.{made}"
    rows.write_csv(source) if given == "csv" else rows.write_parquet(source)
    done = score(box, run, source, output)
    assert done.code == 0, done.error
    found = pl.read_csv(output) if made == "csv" else pl.read_parquet(output)
    assert found.columns == [
        *rows.columns,
        "prediction",
        "probability",
        "model",
        "model_version",
        "feature_service",
        "snapshots",
    ]
    assert found["id"].to_list() == rows["id"].to_list()
    np.testing.assert_allclose(found["probability"], in_process(box, run, rows, tmp_path), rtol=0, atol=1e-12)
    assert found["prediction"].to_list() == [int(p >= 0.5) for p in found["probability"]]
    assert found["model_version"].unique().to_list() == [1] and found["snapshots"][0].startswith("samples@1:")
    outcome = done.outcome.score
    assert (
        outcome is not None
        and outcome.rows == 100
        and outcome.snapshots["samples"] == box.versions["samples"][0].snapshot
    )


def test_an_output_that_is_there_stays(trained: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = trained
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    frame("classification").head(5).write_csv(source)
    output.write_text("mine")
    assert score(box, run, source, output).error["code"] == "output_exists" and output.read_text() == "mine"
    assert score(box, run, source, output, force=True).code == 0 and output.read_text() != "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda f: f.drop("f1", "kind"), "input_columns", "'f1', 'kind'"),
        (lambda f: f.with_columns(f2=pl.lit("many")), "bad_input", "f2"),
        (lambda f: f.rename({"y": "prediction"}), "column_taken", "'prediction'"),
        (lambda f: f.head(0), "bad_input", "no rows"),
    ],
)
def test_bad_input_is_named_and_leaves_no_output(
    trained: tuple[Box, Run], tmp_path: Path, change: object, code: str, words: str
) -> None:
    box, run = trained
    source, output = tmp_path / "in.parquet", tmp_path / "out.csv"
    change(frame("classification").head(20)).write_parquet(source)  # type: ignore[operator]
    done = score(box, run, source, output)
    assert done.code == 1 and done.error["code"] == code and words in done.error["message"], done.error
    assert not output.exists()


def spine(tmp: Path) -> Path:
    path = tmp / "spine.parquet"
    frame("classification").head(10).with_row_index("__row").write_parquet(path)
    return path


def test_an_interpreter_that_is_gone_is_named(trained: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = trained
    pin = msgspec.structs.replace(run.pin(1), python="/nowhere/bin/python")
    with pytest.raises(Problem, match="/nowhere/bin/python") as caught:
        score_version(box.home, pin, spine(tmp_path), {}, tmp_path / "out.parquet")
    assert caught.value.code == "interpreter_gone"


def test_another_program_for_an_interpreter_is_a_problem(trained: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = trained
    pin = msgspec.structs.replace(run.pin(1), python="/bin/false")
    with pytest.raises(Problem, match="could not predict with /bin/false"):
        score_version(box.home, pin, spine(tmp_path), {}, tmp_path / "out.parquet")


def test_a_child_that_takes_too_long_is_ended(trained: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = trained
    with pytest.raises(Problem) as caught:
        score_version(box.home, run.pin(1), spine(tmp_path), {}, tmp_path / "out.parquet", timeout=0.05)
    assert caught.value.code == "score_timeout"


def test_a_model_that_predicts_otherwise_than_registered_is_refused(
    trained: tuple[Box, Run], tmp_path: Path
) -> None:
    box, run = trained
    tree = Objects(box.home).checkout(run.trained.tree, tmp_path / "tree")
    load_recipe(tree / "code", read_version(tree).recipe)
    sample = pl.read_parquet(tree / "sample.parquet")
    sample.with_columns(pl.col("__prediction_0") + 1e-6).write_parquet(tree / "sample.parquet")
    with pytest.raises(Problem) as caught:
        load_version(tree)
    assert caught.value.code == "model_changed"


def test_a_damaged_object_is_found_at_checkout(trained: tuple[Box, Run], tmp_path: Path) -> None:
    box, run = trained
    objects = Objects(box.home)
    write_json(tmp_path / "copy.json", {"a": 1})
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "model.skops").write_bytes(b"x")
    digest = objects.put_tree(tmp_path / "damaged")
    path = objects.path(objects.tree(digest)["model.skops"].sha256)
    path.chmod(0o600)
    path.write_bytes(b"y")
    pin = msgspec.structs.replace(run.pin(1), tree=digest)
    with pytest.raises(Problem, match="does not have the bytes"):
        score_version(box.home, pin, spine(tmp_path), {}, tmp_path / "out.parquet")


# --- evaluation ---


def test_a_version_is_judged_by_rows_it_has_not_seen_with_the_difference_to_another(
    trained: tuple[Box, Run],
) -> None:
    box, first = trained
    second = box.run("train", "m", champion=first.pin(1), params={"C": 0.001})
    done = box.run("evaluate", "m", champion=first.pin(1), target_version=second.pin(2))
    assert done.code == 0, done.error
    found = done.outcome.evaluation
    assert found is not None and found.version == 2 and found.baseline_version == 1
    assert found.metrics["roc_auc"]["value"] == pytest.approx(second.trained.metrics["roc_auc"]["value"])
    assert found.difference is not None and found.difference.estimate == pytest.approx(
        found.metrics["roc_auc"]["value"] - found.baseline_metrics["roc_auc"]["value"]
    )
    assert second.trained.gate is not None and found.evaluation_key == second.trained.gate.evaluation_key
    assert found.difference.level == pytest.approx(0.975)
    assert (done.folder.artifacts / "evaluation" / "roc.parquet").is_file()


def test_rows_that_were_all_trained_on_judge_nothing(tmp_path: Path) -> None:
    from test_leakage import month, series

    box = series(tmp_path, 2)
    box.admit("days", month(2), event_time="at")
    newer = box.run("train", "m")
    older = {"days": box.versions["days"][0]}
    done = box.run("evaluate", "m", target_version=newer.pin(1), sources=older)
    assert done.code == 1 and done.error["code"] == "leakage", done.error
    assert "was trained on all" in done.error["message"]
    fair = box.run("evaluate", "m", target_version=newer.pin(1))
    assert fair.outcome.evaluation is not None and fair.outcome.evaluation.evaluation_rows == 120


def test_a_file_that_is_delivered_again_brings_no_rows_that_judge(tmp_path: Path) -> None:
    """Another byte in a training file makes a new batch of rows that the version has long seen."""
    box = lab(tmp_path, "classification", "", "C = 0.1")
    first = box.run("train", "m")
    assert first.code == 0, first.error
    judged = first.trained.gate
    assert judged is not None
    source = next(iter(box.versions))
    rows = frame("classification")
    box.admit(source, rows.with_columns(pl.col("f0") + 1e-6))
    done = box.run("evaluate", "m", target_version=first.pin(1))
    assert done.code == 0, done.error
    found = done.outcome.evaluation
    assert found is not None and found.evaluation_rows == judged.evaluation_rows
