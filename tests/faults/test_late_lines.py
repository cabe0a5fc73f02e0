"""Points that came after the end of their run: they are read, by the daemon that runs and by the next one, and named until then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fault_box import assert_sound, codes, environment
from run_box import Box, until

from mlops_store.home import Home
from mlops_store.index.writer import Writer
from mlops_store.journal import JournalWriter
from mlops_tui.sdk import start_run

# the parent ends the run; its child writes when it is told to, by a file: at once, or in the journal that it began before the end
_FORKED = """
import os, sys, time
from mlops_tui.sdk import start_run
home, go, early = sys.argv[1], sys.argv[2], sys.argv[3] == "early"
run = start_run("p", home=home)
run.log_metric("loss", 1.0)
began, begun = os.pipe()
if os.fork() == 0:
    if early:
        run.log_metric("before", 1.0)
    os.write(begun, b"1")
    while not os.path.exists(go):
        time.sleep(0.01)
    run.log_metric("after", 2.0)
    os._exit(0)
os.read(began, 1)
run.finish()
print(run.run_id, flush=True)
os.wait()
"""


def _keys(box: Box, run_id: str) -> list[Any]:
    found = box.writer.read(
        lambda read: read.rows("SELECT key FROM last_values WHERE run_id = ? ORDER BY key", [run_id])
    )
    return [row["key"] for row in found]


@pytest.mark.parametrize("first", ["early", "late"])
def test_what_a_forked_child_logs_after_the_end_is_read(home: Home, tmp_path: Path, first: str) -> None:
    """Also where its journal was known before the end, so that nothing in the inbox tells of the line."""
    box = Box(home)
    go = tmp_path / "go"
    script = subprocess.Popen(
        [sys.executable, "-c", _FORKED, str(home.path), str(go), first],
        stdout=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    try:
        assert script.stdout is not None
        run_id = script.stdout.readline().strip()
        box.wait(run_id, "FINISHED")
        until(lambda: not list(home.inbox.iterdir()))
        go.touch()
        until(lambda: "after" in _keys(box, run_id), "the point is in the index")
    finally:
        go.touch()
        script.communicate(timeout=30)
        box.close()
    assert codes(home) == []
    assert_sound(home)


def test_lines_appended_while_no_daemon_was_there_are_named_and_read(home: Home) -> None:
    """In a journal that was read to its end, and in one that is new."""
    with start_run("p", home=home.path) as run:
        run.log_metric("loss", 1.0)
    box = Box(home)
    box.wait(run.run_id, "FINISHED")
    box.close()
    assert codes(home) == []
    [journal] = (run.path / "journal").iterdir()
    with journal.open("a") as file:
        file.write('["m","appended",0,1,2.0]\n["m","torn"')
    writer = JournalWriter(run.path, 1)
    writer.metric("new", 3.0)
    writer.close()
    assert codes(home) == ["journal_unread", "journal_unread"]
    box = Box(home)
    try:
        until(lambda: _keys(box, run.run_id) == ["appended", "loss", "new"])
    finally:
        box.close()
    assert codes(home) == ["journal_torn"]
    assert_sound(home)


def test_what_was_written_before_the_end_is_read_with_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line and the end, both between the look at the journals and the look at the records."""
    from mlops_store.index.ingest import Ingest

    run = start_run("p", home=home.path)
    look = Ingest._due

    def then_it_ends(self: Ingest, folder: Any) -> Any:
        found = look(self, folder)
        if not run._ended:
            run.log_metric("last", 1.0)
            run.finish()
        return found

    monkeypatch.setattr(Ingest, "_due", then_it_ends)
    writer = Writer.open(home)
    writer.ingest([run.path])
    with writer.reader() as read:
        assert read.rows("SELECT state, key FROM runs JOIN last_values USING (run_id)") == [
            {"state": "FINISHED", "key": "last"}
        ]
    writer.close()


def test_a_run_that_is_shown_as_ended_is_shown_whole(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends between the two questions of which an answer is made."""
    from mlops_tui.services import run_detail

    writer = Writer.open(home)
    run = start_run("p", home=home.path)
    run.log_metric("loss", 1.0)
    writer.ingest([run.path])

    def then_it_ends(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            found = real(*arguments)
            if not run._ended:
                run._journal.lost(7)
                run.finish()
                writer.ingest([run.path])
            return found

        return call

    monkeypatch.setattr(run_detail, "evidence", then_it_ends(run_detail.evidence))
    monkeypatch.setattr(run_detail.run_rows, "runs_of", then_it_ends(run_detail.run_rows.runs_of))
    with writer.reader() as read:
        shown = run_detail.detail(read, run.run_id)
        assert not shown.ended or shown.dropped == 7
        assert run_detail.detail(read, run.run_id).dropped == 7
    writer.close()
