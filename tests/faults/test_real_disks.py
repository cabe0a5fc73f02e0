"""File systems of their own, mounted for a test: one that is full, one that is read-only, one that becomes so while it is written to.

Where mounting is not allowed these are skipped; tests/faults/test_disk.py has the kernel refuse the same writes without any privilege.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_box import assert_sound, environment
from ingest_box import make_box, spawn
from run_box import lives, until

from mlops_store.atomic import read_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.records import Identity
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.client import connect
from mlops_tui.client.here import environment as context
from mlops_tui.client.presence import wait_until_free

TRAIN = """
import os, sys, time
import mlops_tui
step = 0
with mlops_tui.start_run() as run:
    while not os.path.exists(sys.argv[1] + "/go"):
        run.log_metric("x", step, step=step)
        step += 1
        time.sleep(0.002)
        if run.dropped == 20:
            os.close(os.open(sys.argv[1] + "/dropping", os.O_CREAT))
with open(sys.argv[1] + "/counts", "w") as file:
    file.write(f"{step} {run.dropped}")
sys.exit(3)
"""


class Disk:
    """A mounted file system below a folder of the test."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.path = path
        self._arguments = arguments
        path.mkdir()
        self.mount()

    def mount(self) -> None:
        self._do("mount", *self._arguments, str(self.path))

    def leave(self) -> None:
        """At the end of a test: nothing of it runs on."""
        home = Home(self.path / "home")
        if home.exists():
            stop_daemon(home, 10.0)
        for shim in home.runs.glob("*/*/attempts/1/shim.json"):
            who = read_json(shim, Identity)
            processes.send(who.pid, who.start_ticks, signal.SIGKILL)
        self.unmount()

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=False, capture_output=True)

    def become(self, how: str) -> None:
        self._do("mount", "-o", f"remount,{how}", str(self.path))

    def fill(self) -> bool:
        """Until not a byte is left; also what was freed since."""
        with open(self.path / "filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        return True

    def _do(self, *command: str) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            pytest.skip(f"no {command[0]} here: {error}")
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Disk]:
    """24 MB of memory as a disk."""
    disk = Disk(tmp_path / "disk", "-t", "tmpfs", "-o", "size=24m", "tmpfs")
    yield disk
    disk.leave()


class Training:
    """A project whose run logs until it is told to end, with 3, and what it says of itself, on a disk that is not the home's."""

    def __init__(self, folder: Path, client: Any) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "train.py").write_text(TRAIN)
        (folder / "mlops.toml").write_text(
            f'[project]\nname = "p"\n[model.m]\ncommand = "{sys.executable} train.py {folder}"\nmetric = "x"\n'
        )
        client.call("home budget", {"floor": 0, "warn": 0})
        client.call("project add", {"dir": str(folder)})
        self.run_id = client.call("run start", {"project": "p", "model": "m", "client": context()}).run_id
        until(lambda: client.call("run show", {"run_id": self.run_id}).metrics.get("x"))

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_error: object) -> None:
        """Also where the test failed."""
        (self.folder / "go").touch()

    def drops(self) -> bool:
        return (self.folder / "dropping").exists()

    def end(self) -> tuple[int, int]:
        """(lines logged, lines dropped)"""
        (self.folder / "go").touch()
        total, dropped = until(lambda: (path := self.folder / "counts").exists() and path.read_text().split())
        return int(total), int(dropped)


def refused(client: Any, folder: Path) -> Callable[[], Problem | None]:
    """Asks for one decision after the other until one is refused: the last page of a full disk may have room for a line."""
    folder.mkdir()
    (folder / "mlops.toml").write_text('[project]\nname = "q"\n')

    def ask() -> Problem | None:
        try:
            client.call("project add", {"dir": str(folder)})
            client.call("project remove", {"name": "q"})
        except Problem as problem:
            return problem
        return None

    return ask


def all_settled(client: Any, home: Home) -> None:
    """Until nothing of an ended run is left to read: also what the reader of its output notes last, when there is room again."""
    until(
        lambda: (
            not client.call(
                "sql", {"query": "SELECT 1 FROM runs WHERE submitted IS NOT NULL AND settled IS NULL"}
            ).rows
        )
    )
    until(lambda: not reading(home))
    until(lambda: {path.stem for path in home.runs.rglob("journal/*-output.jsonl")} <= known(client))


def reading(home: Home) -> list[int]:
    """Shims, and readers of output, of the home's runs."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(home.path) in (entry / "cmdline").read_bytes() and b"shim.py" in (entry / "cmdline").read_bytes():  # fmt: skip
                found.append(int(entry.name))
    return found


def known(client: Any) -> set[str]:
    """The journals that were read."""
    return {Path(file).stem for [file] in client.call("sql", {"query": "SELECT file FROM offsets"}).rows}


def test_a_disk_without_a_byte_left(small: Disk, tmp_path: Path) -> None:
    """Journal, ledger and index at once; when there is room again, all goes on by itself."""
    home = Home(small.path / "home")
    with connect(home) as client, Training(tmp_path / "p", client) as training:
        pid = client.ping().pid
        until(lambda: small.fill() and training.drops())
        ask = refused(client, tmp_path / "q")
        told = until(lambda: small.fill() and ask())
        assert (told.code in ("ledger_unavailable", "disk_refused"), told.status) == (True, 3), (
            "whose page was full first"
        )
        assert "No space left on device" in str(told) and "df -h" in told.hint
        assert client.call("run show", {"run_id": training.run_id}).state == "RUNNING"
        total, dropped = training.end()
        assert total > dropped >= 20
        record = until(lambda: RunFolder(home.run_dir(training.run_id)).exit(1))
        assert record.exit_code == 3, "its room was taken at the start"
        (small.path / "filler").unlink()
        found = until(
            lambda: (run := client.call("run show", {"run_id": training.run_id})).state == "FAILED" and run
        )
        assert (found.exit_code, found.dropped, found.metrics["x"].count) == (3, dropped, total - dropped)
        assert until(lambda: ask() is None)
        assert "journal_dropped" in {finding.code for finding in client.call("doctor").findings}
        assert client.ping().pid == pid
        all_settled(client, home)
        client.shutdown()
        wait_until_free(home, 20)
    assert_sound(home)


def test_an_ingest_on_a_full_disk_makes_no_version_and_the_next_attempt_does(small: Disk) -> None:
    box = make_box(small.path)
    rows = "".join(f"{number},2024-01-01 10:00,1.5,3\n" for number in range(500))
    folder = box.submit(box.write("a.csv", f"id,at,amount,size\n{rows}"))
    first = box.prepare(folder)
    small.fill()
    assert spawn(first).wait(60) == 1
    assert folder.outcome(1) is None and not list(box.home.data.rglob("manifest.json"))
    (small.path / "filler").unlink()
    outcome = box.run(folder, attempt=2)
    assert outcome.manifest is not None and outcome.manifest.rows == 500


def test_a_disk_that_cannot_be_written_is_refused_with_the_reason_and_then_is_a_home(small: Disk) -> None:
    """Scripts, commands and daemons alike, for a new home and for one that is there; nothing has to be mended."""
    home, new = Home(small.path / "home"), Home(small.path / "new")
    script = "import sys, mlops_tui\nwith mlops_tui.start_run('p', home=sys.argv[1]) as run: run.log_metric('x', 1.0)"

    def train(where: Home) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", script, str(where.path)], capture_output=True, text=True, check=False, env=environment())  # fmt: skip

    assert train(home).returncode == 0
    small.become("ro")
    try:
        for where in (home, new):
            done = train(where)
            assert "cannot be written: Read-only file system" in done.stderr, done.stderr
            with pytest.raises(Problem, match="Read-only file system") as told:
                connect(where)
            assert told.value.code == "home_not_writable" and told.value.hint
    finally:
        small.become("rw")
    assert train(home).returncode == 0
    with connect(home) as client:
        assert [run.state for run in client.call("run list").items] == ["FINISHED"] * 2
        client.shutdown()
        wait_until_free(home, 20)
    assert_sound(home)


@pytest.fixture
def breaking(tmp_path: Path) -> Iterator[Disk]:
    """A file as a disk, whose file system turns itself read-only at the first error, whoever has files open on it."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(48 << 20)
    if not shutil.which("mkfs.ext4"):
        pytest.skip("no mkfs.ext4 here")
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True, capture_output=True)
    disk = Disk(tmp_path / "disk", "-o", "loop,errors=remount-ro", str(image))
    (disk.path / "lost+found").rmdir()
    yield disk
    disk.leave()


def break_off(disk: Disk) -> None:
    """An error of the file system, as a bad cable makes it."""
    device = os.stat(disk.path).st_dev
    name = Path(os.readlink(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")).name
    switch = Path(f"/sys/fs/ext4/{name}/trigger_fs_error")
    if not switch.exists():
        pytest.skip("this kernel breaks no file system on demand")
    switch.write_text("1")


def test_a_disk_that_turns_read_only_under_a_run(breaking: Disk, tmp_path: Path) -> None:
    """Training goes on and decisions are refused. Once the machine has its disk again, all that was acknowledged is there."""
    home = Home(breaking.path / "home")
    with connect(home) as client, Training(tmp_path / "p", client) as training:
        pid = client.ping().pid
        folder = RunFolder(home.run_dir(training.run_id))
        shim, child = folder.shim(1), folder.child(1)
        os.sync()
        break_off(breaking)
        until(training.drops)
        told = until(refused(client, tmp_path / "q"))
        assert told.status == 3 and "Read-only file system" in str(told)
        assert client.call("run show", {"run_id": training.run_id}).state == "RUNNING"
        total, dropped = training.end()
        assert total > dropped >= 20
        until(lambda: not lives(child))
        # what a restart of the machine ends
        for end in (pid, shim.pid):
            os.kill(end, signal.SIGKILL)
        until(lambda: processes.read(pid) is None and not lives(shim))
    breaking.unmount()
    breaking.mount()
    with connect(home) as client:
        assert [project.name for project in client.call("project list").items] == ["p"]
        lost = until(lambda: (run := client.call("run show", {"run_id": training.run_id})).ended and run)
        assert (lost.state, lost.exit_code) == ("LOST", None), "nobody could note how it ended"
        assert refused(client, tmp_path / "r")() is None
        all_settled(client, home)
        client.shutdown()
        wait_until_free(home, 20)
    assert_sound(home)
