"""Run folders from another box: taken up with their ids, once, and never over another."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from care_box import Box
from test_bundles import Client

from mlops_store.errors import Problem
from mlops_tui.cli.commands import run as commands
from mlops_tui.services import run as runs
from mlops_tui.services import run_trash
from mlops_tui.verbs.run import RunAdopt, RunMarks, RunRef, RunSet


class Caller(Client):
    """The daemon's side of `run adopt`, and a turn of its loop."""

    def call(self, key: str, request: Any) -> Any:
        assert key == "run adopt"
        found = self._box.do(runs.adopt, request)
        self.ping()
        return found


class Session:
    def __init__(self, box: Box) -> None:
        self.home, self._box = box.home, box

    def client(self) -> Caller:
        return Caller(self._box)


def adopt(box: Box, *paths: Path, lost: bool = False) -> RunMarks:
    request = RunAdopt(paths=[str(path) for path in paths], lost=lost)
    return commands.adopt(Session(box), request)  # type: ignore[arg-type]


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """Where rsync put runs of another box: the folders of a finished and of a running one."""
    far = Box(tmp_path / "far")
    far.run("sdk", name="far")
    far.run(state="RUNNING")
    far.close()
    shutil.copytree(far.home.runs, tmp_path / "away", ignore=shutil.ignore_patterns(".inbox"))
    return tmp_path / "away"


def folders(away: Path) -> tuple[Path, Path]:
    """(finished, running)"""
    first, second = sorted(path for path in away.glob("*/*"))
    return first, second


def test_a_folder_from_anywhere_is_copied_and_read(box: Box, away: Path) -> None:
    done, _ = folders(away)
    assert [run.name for run in adopt(box, done).changed] == ["far"]
    shown = box.ask(runs.show, RunRef(run_id=done.name))
    assert (shown.state, shown.metrics["loss"].count) == ("FINISHED", 1)
    assert done.is_dir(), "what was brought is left where it was"
    assert box.differences() == []
    seq = box.writer.ledger.seq
    again = adopt(box, done)
    assert (again.changed, [run.run_id for run in again.unchanged], box.writer.ledger.seq) == (
        [],
        [done.name],
        seq,
    )


def test_a_folder_that_was_put_in_its_place_is_taken_up_there(box: Box, away: Path) -> None:
    done, _ = folders(away)
    place = box.home.run_dir(done.name)
    shutil.copytree(done, place)
    adopt(box, place)
    assert box.ask(runs.show, RunRef(run_id=done.name)).name == "far"
    assert box.differences() == []


def test_a_run_under_way_waits_unless_it_is_lost(box: Box, away: Path) -> None:
    done, running = folders(away)
    with pytest.raises(Problem, match="RUNNING") as caught:
        adopt(box, done, running)
    assert "--lost" in caught.value.hint
    assert box.rows("SELECT 1 FROM runs") == []
    adopt(box, running, lost=True)
    assert box.ask(runs.show, RunRef(run_id=running.name)).state == "LOST"
    assert not (running / "attempts" / "1" / "exit.json").exists(), "the copy alone was closed"
    assert box.differences() == []


def test_another_run_under_the_same_id_is_refused(box: Box, away: Path) -> None:
    done, _ = folders(away)
    box.run("sdk", run_id=done.name, name="mine")
    with pytest.raises(Problem, match="another run has this id") as caught:
        adopt(box, done)
    assert caught.value.code == "run_conflict"
    assert box.ask(runs.show, RunRef(run_id=done.name)).name == "mine"
    box.do(run_trash.delete, RunSet(runs=[done.name]))
    with pytest.raises(Problem, match="was deleted here"):
        adopt(box, done)


def test_folders_that_are_none(box: Box, away: Path, tmp_path: Path) -> None:
    done, _ = folders(away)
    (tmp_path / "empty").mkdir()
    wrong = tmp_path / "wrong"
    shutil.copytree(done, wrong)
    (wrong / "spec.json").write_bytes(
        (done / "spec.json").read_bytes().replace(done.name.encode(), b"../../../etc/x")
    )
    pipe, torn = tmp_path / "pipe", tmp_path / "torn"
    pipe.mkdir()
    os.mkfifo(pipe / "spec.json")
    shutil.copytree(done, torn)
    (torn / "attempts" / "1" / "exit.json").write_bytes(b"\0" * 40)
    os.symlink("/etc/passwd", done / "artifacts" / "secrets")
    for path in (tmp_path / "empty", tmp_path / "nowhere", wrong, done, pipe, torn):
        with pytest.raises(Problem) as caught:
            adopt(box, path)
        assert caught.value.code == "bad_run", path
    assert list(box.home.tmp.iterdir()) == [] and box.rows("SELECT 1 FROM runs") == []


def test_the_daemon_takes_only_what_lies_in_the_home(box: Box, away: Path) -> None:
    done, _ = folders(away)
    with pytest.raises(Problem, match="not in the home"):
        box.do(runs.adopt, RunAdopt(paths=[str(done)]))
