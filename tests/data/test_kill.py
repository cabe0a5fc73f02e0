"""An ingest that is killed at any moment is simply run again: same version, nothing twice, nothing half."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from ingest_box import Box, make_box, spawn

from mlops_store.atomic import sha256_file
from mlops_store.snapshots import snapshot_id


def rows(start: int, count: int) -> str:
    return "id,at,amount,size,note\n" + "".join(
        f"{i},2024-01-01 10:00,{i}.5,3,n{i}\n" for i in range(start, start + count)
    )


def written(box: Box) -> int:
    """How many files there are below the home: the worker's progress, as far as anyone can see it."""
    return sum(len(files) for _, _, files in os.walk(box.home.path))


@pytest.mark.parametrize("files_more", [1, 4, 9, 14])
def test_killed_anywhere_and_run_again(tmp_path: Path, files_more: int) -> None:
    box = make_box(tmp_path)
    paths = [box.write(f"{n}.csv", rows(n * 1000, 300)) for n in range(6)] + [
        box.write("bad.csv", "id,at\n1,2024-01-01\n")
    ]
    folder = box.submit(*paths)
    command = box.prepare(folder)
    before = written(box)
    child = spawn(command)
    try:
        while child.poll() is None and written(box) < before + files_more:
            continue
        os.kill(child.pid, signal.SIGKILL) if child.poll() is None else None
    finally:
        child.wait()
    outcome = box.run(folder, attempt=2)
    assert outcome.manifest is not None and outcome.manifest.rows == 1800
    assert [r.path for r in outcome.rejected] == ["data/bad.csv"]
    assert outcome.manifest.snapshot == snapshot_id(outcome.admitted, outcome.manifest.schema)
    box.version = 1
    assert box.frame().height == 1800
    assert not list(box.home.tmp.iterdir())
    for path, file in zip(sorted(paths[:6]), sorted(outcome.admitted, key=lambda f: f.path), strict=True):
        assert sha256_file(path) == file.sha256


def test_the_worker_as_a_process(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    folder = box.submit(box.write("a.csv", rows(0, 10)))
    done = subprocess.run(box.prepare(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "'data/a.csv' admitted: 10 rows" in done.stdout
