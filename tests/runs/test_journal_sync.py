"""Journals become durable once a second, whoever writes them, and what has not grown costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from run_box import Box, environment, until

from mlops_store.home import Home
from mlops_tui.journal_sync import JournalSync


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the journals that this process has synced."""
    found: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        name = os.readlink(f"/proc/self/fd/{handle}")
        if name.endswith(".jsonl") and "/journal/" in name:
            found.append(os.path.basename(name))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")


def test_only_what_has_grown(tmp_path: Path, synced: list[str]) -> None:
    folder = tmp_path / "journal"
    sync = JournalSync(str(folder))
    sync.sync()
    folder.mkdir()
    (folder / "1-a.jsonl").write_text("x\n")
    (folder / "note.txt").write_text("x\n")
    os.mkfifo(folder / "1-pipe.jsonl")
    (folder / "1-link.jsonl").symlink_to(folder / "note.txt")
    for _ in range(3):
        sync.sync()
    assert synced == ["1-a.jsonl"]
    (folder / "1-a.jsonl").write_text("x\ny\n")
    sync.sync()
    assert synced == ["1-a.jsonl", "1-a.jsonl"]


SCRIPT = """
import sys, mlops_tui
run = mlops_tui.start_run(project='p', home=sys.argv[1])
for line in sys.stdin:
    run.log_metric('loss', float(line))
    print(run.run_id, flush=True)
"""


def test_the_loop_syncs_a_live_script_of_ones_own(box: Box, home: Home, synced: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(home.path)], text=True, env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as script:  # fmt: skip
        assert script.stdin is not None and script.stdout is not None
        for count in (1, 2):
            script.stdin.write("1\n")
            script.stdin.flush()
            run_id = script.stdout.readline().strip()
            (journal,) = box.folder(run_id).journals()
            wanted = [journal.name] * count
            until(lambda wanted=wanted: wanted <= synced, "the journal is synced")  # type: ignore[misc]
        assert box.row(run_id)["state"] == "RUNNING"
        script.stdin.close()
    box.wait(run_id, "FINISHED")


def test_runs_under_a_shim_are_left_to_it(box: Box, synced: list[str]) -> None:
    from test_loop import SLEEP, ask_stop, start

    run_id = start(box, SLEEP)
    box.wait(run_id, "RUNNING")
    until(lambda: box.writer.read(lambda r: r.rows("SELECT * FROM last_values WHERE run_id = ?", [run_id])))
    ask_stop(box, run_id)
    box.wait_settled(run_id)
    assert not synced
