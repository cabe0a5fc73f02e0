"""Runs wait for the capture of what they depend on, and no longer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mlops_store.run_folder import RunFolder
from mlops_tui.daemon import captures


def test_a_run_that_waits_no_more_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "_capture", lambda _folder: None)
    told = threading.Event()
    beside = captures.Captures(told.set)
    folder = RunFolder(tmp_path / "01a209818aa36ded4b8f4d4d58e970c8")
    folder.path.mkdir()
    try:
        assert not beside.ready(folder, "train")
        beside.keep({folder.run_id})
        assert folder.run_id in beside._running
        assert told.wait(10)
        beside.keep(set())
        assert not beside._running
    finally:
        beside.close()


@pytest.mark.parametrize("fails", [False, True])
def test_the_loop_is_told_when_a_capture_ends(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, told = threading.Event(), threading.Event()

    def stub(_folder: RunFolder) -> None:
        assert go.wait(10)
        if fails:
            raise ValueError("no spec")

    monkeypatch.setattr(captures, "_capture", stub)
    beside = captures.Captures(told.set)
    folder = RunFolder(tmp_path / "01a209818aa36ded4b8f4d4d58e970c8")
    folder.path.mkdir()
    try:
        assert beside.ready(folder, "ingest"), "it depends on nothing that is captured"
        assert not beside.ready(folder, "train")
        assert not told.is_set()
        go.set()
        assert told.wait(10)
        assert beside.ready(folder, "train"), "who is told finds it done"
        assert folder.capture.exists() is fails, "a failed capture says so, and holds nothing up"
    finally:
        beside.close()
