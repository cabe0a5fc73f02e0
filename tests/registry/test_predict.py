"""What a scoring run is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from registry_box import Box

from mlops_store.errors import Problem
from mlops_store.run_folder import RunFolder
from mlops_tui.services.predict import plan_predict, predict
from mlops_tui.verbs.top import Predict


@pytest.mark.parametrize("force", [False, True])
def test_the_run_hears_whether_it_may_replace_the_output(box: Box, tmp_path: Path, force: bool) -> None:
    box.append("project.add", {"name": "air", "dir": str(tmp_path)})
    box.register()
    source = tmp_path / "in.csv"
    source.write_text("a\n1\n")
    asked = Predict(
        model="late@1", project="air", input=str(source), output=str(tmp_path / "o.csv"), force=force
    )
    (done,) = box.do(lambda tx: predict(tx, asked))
    spec = RunFolder(box.home.run_dir(done.unwrap().run_id)).spec()
    assert spec.request["force"] is force


def test_what_is_wrong_with_the_files_is_said_before_there_is_a_run(box: Box, tmp_path: Path) -> None:
    box.append("project.add", {"name": "air", "dir": str(tmp_path)})
    box.register()
    for name, text in (("in.csv", "a\n1\n"), ("empty.csv", ""), ("there.csv", "old")):
        (tmp_path / name).write_text(text)
    seq = box.writer.ledger.seq
    for source, target, code in (
        ("in.csv", "there.csv", "output_exists"),
        ("empty.csv", "o.csv", "empty_input"),
        ("none.csv", "o.csv", "no_input"),
    ):
        asked = Predict(
            model="late@1", project="air", input=str(tmp_path / source), output=str(tmp_path / target)
        )
        (done,) = box.do(lambda tx, asked=asked: predict(tx, asked))
        assert done.problem is not None and (done.problem.code, done.problem.status) == (code, 2)
        assert done.problem.hint
    assert box.writer.ledger.seq == seq


def test_predictions_do_not_go_where_a_source_takes_its_data_from(box: Box, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "mlops.toml").write_text(
        '[project]\nname = "air"\n[source.rows]\npath = "data/*.csv"\nkey = ["id"]\n'
        '[model.late]\nspine = "rows"\ntarget = "y"\ntask = "classification"\nmetric = "roc_auc"\n'
    )
    box.append("project.add", {"name": "air", "dir": str(tmp_path)})
    box.register()
    source = tmp_path / "in.csv"
    source.write_text("id\n1\n")
    asked = Predict(model="late@1", project="air", input=str(source), output=str(tmp_path / "data" / "o.csv"))
    (done,) = box.do(lambda tx: predict(tx, asked))
    assert done.problem is not None and (done.problem.code, done.problem.status) == ("bad_output", 2)
    assert "rows" in done.problem.message


def test_the_plan_says_what_is_read_what_is_written_and_for_how_long(box: Box, tmp_path: Path) -> None:
    box.append("project.add", {"name": "air", "dir": str(tmp_path)})
    box.register()
    source, target = tmp_path / "in.csv", tmp_path / "o.csv"
    source.write_text("a\n1\n")
    seq = box.writer.ledger.seq
    steps = {}
    for force in (False, True):
        asked = Predict(model="late@1", project="air", input=str(source), output=str(target), force=force)
        with box.read() as read:
            steps[force] = plan_predict(read, asked).steps
        target.write_text("old")
    assert steps[False] == [
        f"score {source} (4 B) by version 1, in a process of its own",
        f"write {target}",
        "nothing is known of its time yet",
    ]
    assert steps[True][1] == f"replace {target}"
    with box.read() as read:
        unforced = Predict(model="late@1", project="air", input=str(source), output=str(target))
        assert plan_predict(read, unforced).steps[1].startswith("fail:")
        with pytest.raises(Problem, match="neither"):
            plan_predict(
                read,
                Predict(model="late@1", project="air", input=str(source), output=str(tmp_path / "o.txt")),
            )
    assert box.writer.ledger.seq == seq
