"""Disks that are full, read-only or broken: training goes on, what is lost is counted, what cannot be done says why, and nobody has
to mend anything afterwards.

A limit on file size, set on a living process and lifted again, stands in for the full disk: the kernel refuses each write the same
way, those of DuckDB too, and no privileges are needed.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fault_box import assert_sound, codes, spoilt_daemon
from index_box import end, new_run, start
from ingest_box import make_box, spawn
from run_box import until

from mlops_store import journal as journal_module
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.writer import Command, Writer
from mlops_store.journal import JournalWriter
from mlops_store.ledger import Ledger, read_entries
from mlops_tui.client import connect
from mlops_tui.client.here import environment
from mlops_tui.client.presence import held, wait_until_free

linux_only = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process: Linux")

TRAIN = """
import os, resource, signal, sys, time
import mlops_tui
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
step = 0
with mlops_tui.start_run() as run:
    while not os.path.exists(sys.argv[1] + "/go"):
        run.log_metric("x", step, step=step)
        step += 1
        time.sleep(0.002)
        if run.dropped == 20:
            os.close(os.open(sys.argv[1] + "/dropping", os.O_CREAT))
counts = f"{step} {run.dropped}"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
open(sys.argv[1] + "/counts", "w").write(counts)
sys.exit(3)
"""


def fill(pid: int) -> None:
    """No file of the process can grow any more."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def free(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def project(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "mlops.toml").write_text(
        f'[project]\nname = "{name}"\n[model.m]\ncommand = "python train.py {folder}"\nmetric = "x"\n'
    )
    return folder


def refusal(call: Callable[[], Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        call()
    assert caught.value.status == 3 and caught.value.hint
    return caught.value


@linux_only
def test_a_disk_that_is_full_while_a_run_goes_on(
    served_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Journal, ledger and index at once. The run ends while the disk is full, the daemon dies, and another one starts on it."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    first, second = project(tmp_path / "p", "p"), project(tmp_path / "q", "q")
    with connect(served_home) as client:
        client.call("project add", {"dir": str(first)})
        run = client.call("run start", {"project": "p", "model": "m", "client": environment()})
        until(lambda: client.call("run show", {"run_id": run.run_id}).metrics.get("x"))
        folder = served_home.run_dir(run.run_id)
        pid = client.ping().pid
        child = int((folder / "attempts/1/child.json").read_text().split('"pid":')[1].split(",")[0])
        for each in (pid, child):
            fill(each)
        told = refusal(lambda: client.call("project add", {"dir": str(second)}))
        assert told.code == "ledger_unavailable" and "File too large" in str(told)
        until(lambda: (first / "dropping").exists())
        assert client.call("run show", {"run_id": run.run_id}).state == "RUNNING"
        assert refusal(
            lambda: client.call("run start", {"project": "p", "model": "m", "client": environment()})
        )
        (first / "go").touch()
        total, dropped = map(
            int, until(lambda: (first / "counts").exists() and (first / "counts").read_text()).split()
        )
        assert total > dropped > 10
        os.kill(pid, signal.SIGKILL)
        assert wait_until_free(served_home, 20)
    mark = tmp_path / "still-full"
    mark.touch()
    how = f"if os.path.exists({str(mark)!r}): resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))"
    monkeypatch.setattr("mlops_tui.client.spawn.daemon_command", spoilt_daemon(how))
    with connect(served_home) as client:
        assert [found.run_id for found in client.call("run list").items] == [run.run_id]
        assert refusal(lambda: client.call("project add", {"dir": str(second)})).code == "ledger_unavailable"
        free(client.ping().pid)
        found = until(
            lambda: (shown := client.call("run show", {"run_id": run.run_id})).state == "FAILED" and shown
        )
        assert (found.exit_code, found.dropped, found.metrics["x"].count) == (3, dropped, total - dropped)
        assert client.call("project add", {"dir": str(second)}).name == "q"
        until(lambda: not client.call("sql", {"query": "SELECT 1 FROM runs WHERE settled IS NULL"}).rows)
        health = client.call("doctor")
        assert "journal_dropped" in {finding.code for finding in health.findings}
        client.shutdown()
        wait_until_free(served_home, 20)
    assert_sound(served_home)


def test_a_sync_that_fails_ends_the_daemon_and_the_next_one_knows(
    served_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed fdatasync nobody can say what is on the disk: no second try, the outcome is unknown, the daemon ends."""
    mark = tmp_path / "broken"
    how = f"""
real = ledger._datasync
def broken(fd):
    if os.path.exists({str(mark)!r}):
        raise OSError(5, "Input/output error")
    real(fd)
ledger._datasync = broken
"""
    monkeypatch.setattr("mlops_tui.client.spawn.daemon_command", spoilt_daemon(how))
    with connect(served_home) as client:
        pid = client.ping().pid
        mark.touch()
        told = refusal(lambda: client.call("project add", {"dir": str(project(tmp_path / "p", "p"))}))
        assert told.code == "outcome_unknown" and "fdatasync" in str(told)
        assert wait_until_free(served_home, 20) and not held(served_home)
        mark.unlink()
        assert client.ping().pid != pid
        # what had been written is in the ledger after all, and is applied once
        assert [found.name for found in client.call("project list").items] == ["p"]
    assert Ledger.open(served_home.ledger, readonly=True).seq == 1


class FullIndex:
    """The connection of a writer whose next commit finds no room, once the ledger has its line."""

    def __init__(self, con: Any) -> None:
        self._con = con
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, sql: str, *rest: Any) -> Any:
        if sql == "COMMIT" and self.full:
            self.full = False
            self._con.execute("ROLLBACK")
            raise duckdb.TransactionException(
                "Failed to commit: Could not write all bytes to file: No space left on device"
            )
        return self._con.execute(sql, *rest)


def test_what_the_index_cannot_keep_is_taken_back_from_the_ledger(home: Home) -> None:
    """Nobody was told of it, so nothing was changed; the same again, with room, is done once."""
    writer = Writer.open(home)
    con = writer._con
    command = Command(
        lambda tx: tx.append("project.add", "p", {"name": "p", "dir": str(home.path)}), "me", "a-key"
    )
    writer._con = FullIndex(con)  # type: ignore[assignment]
    told = refusal(writer.execute([command])[0].unwrap)
    assert told.code == "disk_refused" and "No space left on device; nothing was changed" in str(told)
    assert (writer.ledger.seq, list(read_entries(home.ledger))) == (0, [])
    assert writer.execute([command])[0].unwrap() == 1
    writer._con = con
    writer.close()
    assert [entry.seq for entry in read_entries(home.ledger)] == [1]
    assert_sound(home)


# --- journals ---------------------------------------------------------------------------------------------


class Disk:
    """Stands in for `os.write` of the journals: refuses while `error` is set, takes only `part` bytes of the next write."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error = 0
        self.part = 0
        self._write = os.write
        monkeypatch.setattr(journal_module.os, "write", self)

    def __call__(self, fd: int, data: bytes) -> int:
        if fd <= 2:
            return len(data)
        if self.part:
            data, self.part = data[: self.part], 0
        elif self.error:
            raise OSError(self.error, os.strerror(self.error))
        return self._write(fd, data)


def raising(error: OSError) -> Callable[..., None]:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "to_the_end"),
    [(errno.ENOSPC, False), (errno.ENOSPC, True), (errno.EIO, False), (errno.EROFS, True)],
)
def test_each_line_that_the_disk_refused_is_counted(
    home: Home, monkeypatch: pytest.MonkeyPatch, error: int, to_the_end: bool
) -> None:
    """The number is in the journal with the next line that it takes, or in the name of a mark where it never takes one again."""
    writer = Writer.open(home)
    folder = new_run(home, kind="sdk")
    start(folder)
    disk = Disk(monkeypatch)
    journal = JournalWriter(folder.path, 1)
    for step in range(5):
        journal.metric("x", step, step=step)
    disk.part, disk.error = 7, error  # a line of which the disk takes 7 bytes, then nothing at all
    for step in range(5, 25):
        journal.metric("x", step, step=step)
    if not to_the_end:
        disk.error = 0
        journal.metric("x", 25, step=25)
        writer.ingest([folder.path])
        with writer.reader() as read:
            assert read.one("SELECT sum(dropped)::BIGINT AS n FROM offsets") == {"n": 20}, (
                "before the writer has ended"
            )
        disk.error = error
        journal.metric("x", 26, step=26)
    journal.close()
    disk.error = 0
    end(folder)
    writer.ingest([folder.path])
    with writer.reader() as read:
        steps = [row["step"] for row in read.rows("SELECT step FROM metric_points ORDER BY step")]
        dropped = read.one("SELECT sum(dropped)::BIGINT AS n FROM offsets")
    writer.close()
    assert steps == ([0, 1, 2, 3, 4] if to_the_end else [0, 1, 2, 3, 4, 25])
    assert dropped == {"n": journal.dropped} == {"n": 20 if to_the_end else 21}
    assert "journal_dropped" in codes(home)
    assert_sound(home)


def test_a_helper_that_cannot_begin_its_own_journal_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forked process needs a file of its own, and the disk makes none: its lines are counted, and told of when there is room."""
    folder = new_run(home, kind="sdk")
    start(folder)
    journal = JournalWriter(folder.path, 1)
    journal._forked = True  # what a fork does to it in the child
    Disk(monkeypatch)  # its complaint is heard by nobody
    with monkeypatch.context() as full:
        full.setattr(journal_module.os, "open", raising(OSError(errno.ENOSPC, "No space left on device")))
        for step in range(3):
            journal.metric("x", step, step=step)
    journal.metric("x", 3, step=3)
    journal.close()
    end(folder)
    assert journal.dropped == 3
    writer = Writer.open(home)
    writer.ingest([folder.path])
    with writer.reader() as read:
        assert read.rows("SELECT step FROM metric_points") == [{"step": 3}]
        assert read.one("SELECT sum(dropped)::BIGINT AS n FROM offsets") == {"n": 3}
    writer.close()


# --- snapshots --------------------------------------------------------------------------------------------


def test_a_full_disk_in_an_ingest_leaves_no_version_and_no_litter_that_counts(tmp_path: Path) -> None:
    """The run fails, and the next attempt makes the version as if nothing had been."""
    box = make_box(tmp_path)
    folder = box.submit(box.write("a.csv", "id,at,amount,size\n" + "".join(f"{n},2024-01-01 10:00,1.5,3\n" for n in range(500))))  # fmt: skip

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))

    assert spawn(box.prepare(folder), preexec_fn=full).wait(60) == 1
    assert folder.outcome(1) is None
    outcome = box.run(folder, attempt=2)
    assert outcome.manifest is not None and outcome.manifest.rows == 500
    assert not list(box.home.tmp.iterdir())


# --- read-only --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES])
def test_a_home_that_cannot_be_written_is_refused_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr("pathlib.Path.mkdir", raising(OSError(error, os.strerror(error))))
    with pytest.raises(Problem) as caught:
        Home(tmp_path / "home").create()
    assert (caught.value.code, caught.value.status) == ("home_not_writable", 2)
    assert os.strerror(error) in str(caught.value) and "MLOPS_TUI_HOME" in caught.value.hint
