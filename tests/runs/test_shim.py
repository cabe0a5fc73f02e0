"""The shim: every end has its evidence, and nothing of a run outlives its stop."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from run_box import Shims, environment, lives, until

from mlops_store.errors import Problem
from mlops_store.records import ExitRecord
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.daemon.spawn import LocalLauncher
from mlops_tui.worker import artifact_list


def ended(folder: RunFolder, attempt: int = 1) -> ExitRecord:
    found = until(lambda: folder.exit(attempt), "exit.json")
    assert isinstance(found, ExitRecord)
    return found


def points(folder: RunFolder) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for path in folder.journals():
        for line in path.read_bytes().splitlines():
            row = msgspec.json.decode(line)
            if row[0] == "m":
                found.setdefault(row[1], []).append(row[4])
    return found


def test_exit_code_log_and_identity(shims: Shims) -> None:
    folder = shims.python(
        "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(7)"
    )
    record = ended(folder)
    assert (record.exit_code, record.signal, record.stopped, record.lost) == (7, None, False, False)
    assert folder.log.read_text() == "out\nerr\n"
    assert folder.log.stat().st_mode & 0o777 == 0o600
    assert record.duration_ms is not None and 0 <= record.duration_ms < 60_000
    child, shim = folder.child(1), folder.shim(1)
    assert child is not None and shim is not None and child.pid != shim.pid
    assert folder.state()[0] == "FAILED"
    until(lambda: not lives(shim), "the shim ends")


def test_success(shims: Shims) -> None:
    folder = shims.python("pass")
    assert ended(folder).exit_code == 0
    assert folder.state()[0] == "FINISHED"


def test_a_worker_that_ends_itself_with_0_has_not_finished(shims: Shims) -> None:
    """A recipe may call os._exit(0); a program of the user's own needs no outcome."""
    ends = ["-c", "import os; os._exit(0)", "mlops_tui.worker.main"]
    folder = shims.start([sys.executable, *ends])
    record = ended(folder)
    assert folder.state()[0] == "FAILED" and record.exit_code == 0 and record.incomplete
    assert "before its work was done" in record.reason and record.reason in folder.log.read_text()


def test_identity_is_on_disk_before_the_program_runs(shims: Shims) -> None:
    code = "import os, json; d = os.environ['MLOPS_TUI_RUN_DIR'] + '/attempts/1/'; print(json.load(open(d + 'child.json'))['pid'] == os.getpid())"
    folder = shims.python(code)
    ended(folder)
    assert folder.log.read_text() == "True\n"


def test_signal_not_asked_for_is_a_failure(shims: Shims) -> None:
    folder = shims.python("import time; time.sleep(600)")
    child = until(lambda: folder.child(1))
    os.kill(child.pid, signal.SIGKILL)
    record = ended(folder)
    assert (record.exit_code, record.signal, record.stopped) == (None, 9, False)
    assert folder.state()[0] == "FAILED"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["no-such-program-here"], 127, "No such file"),
        (["/etc/passwd"], 126, "Permission denied"),
        (["/tmp"], 126, "Permission denied"),
        ([], 127, "names no command"),
        (["a\0b"], 127, "NUL"),
    ],
)
def test_program_that_cannot_run(shims: Shims, command: list[str], code: int, said: str) -> None:
    folder = shims.start(command)
    record = ended(folder)
    assert record.exit_code == code and said in record.reason
    assert said in folder.log.read_text() and folder.log.read_text().startswith("mlops-tui: cannot ")


def test_working_folder_that_is_gone(shims: Shims) -> None:
    folder = shims.start(["true"], cwd="/no/such/folder")
    record = ended(folder)
    assert record.exit_code == 127 and "/no/such/folder" in record.reason


def test_spec_that_cannot_be_read(shims: Shims) -> None:
    folder = shims.folder(["true"])
    folder.spec_file.write_bytes(b'{"command": [')
    shims.launch(folder)
    assert ended(folder).exit_code == 127


def test_environment_folder_umask_and_standard_input(shims: Shims, tmp_path: Path) -> None:
    code = (
        "import os, sys, json; m = os.umask(0); print(json.dumps([os.getcwd(), m, sys.stdin.read(), sorted(os.environ), os.environ['A'],"
        " sys.argv[1:], os.getsid(0) == os.getpid(), sorted(int(f) for f in os.listdir('/proc/self/fd'))[:3]]))"
    )
    command = [sys.executable, "-c", code, "{attempt}", "{run_dir}/x", "; rm -rf ~", "$(id)", "ü\n"]
    folder = shims.start(
        command, cwd=str(tmp_path), umask=0o027, env=environment(A="1 'ü' \n $B", MLOPS_TUI_HOME="/wrong")
    )
    ended(folder)
    cwd, umask, stdin, names, value, argv, leader, fds = json.loads(folder.log.read_text())
    assert (cwd, umask, stdin, value, leader, fds) == (
        str(tmp_path),
        0o027,
        "",
        "1 'ü' \n $B",
        True,
        [0, 1, 2],
    )
    assert argv == ["1", f"{folder.path}/x", "; rm -rf ~", "$(id)", "ü\n"]
    assert {"MLOPS_TUI_HOME", "MLOPS_TUI_RUN_ID", "MLOPS_TUI_RUN_DIR", "MLOPS_TUI_ATTEMPT"} <= set(names)
    assert "HOME" not in names, "only what the spec says"


def test_home_of_the_child_is_the_runs_home(shims: Shims) -> None:
    folder = shims.python("import os; print(os.environ['MLOPS_TUI_HOME'])")
    ended(folder)
    assert folder.log.read_text().strip() == str(shims.home.path)


def test_nothing_leaks_into_the_child(shims: Shims) -> None:
    """No handle of the shim (its claim, its pipes) and no signal that it ignores."""
    code = (
        "import os, signal; print(sorted(os.listdir('/proc/self/fd'))[3:][:-1], signal.getsignal(signal.SIGINT) is signal.default_int_handler,"
        " [l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))])"
    )
    folder = shims.python(code)
    ended(folder)
    # Python itself ignores SIGPIPE and SIGXFSZ: 0x1001000
    assert folder.log.read_text().split("[", 2)[1].startswith("]")
    assert "SigBlk:\\t0000000000000000" in folder.log.read_text()
    assert "SigIgn:\\t0000000001001000" in folder.log.read_text()


def test_limits_and_nice(shims: Shims) -> None:
    code = "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0))"
    before = os.nice(0)
    folder = shims.python(code, limits={"RLIMIT_NOFILE": [100, 200], "RLIMIT_NONSENSE": [1, 1]}, nice=3)
    ended(folder)
    assert folder.log.read_text() == f"(100, 200) {before + 3}\n"


def test_two_shims_one_claim(shims: Shims) -> None:
    folder = shims.start([sys.executable, "-c", "print('once')"])
    shims.launch(folder)
    ended(folder)
    assert folder.log.read_text() == "once\n"


def test_launch_that_cannot_happen(shims: Shims) -> None:
    folder = shims.folder(["true"])
    with pytest.raises(Problem) as caught:
        LocalLauncher(python="/no/python").launch(folder, _context(folder))
    assert caught.value.code == "launch_failed"
    with pytest.raises(Problem):
        LocalLauncher(shim=Path("/no/shim.py")).launch(folder, _context(folder))


def _context(folder: RunFolder):  # type: ignore[no-untyped-def]
    from mlops_store.records import LaunchContext

    return LaunchContext(
        run_id=folder.run_id, attempt=1, home="", project="p", project_dir="", code_dir="", launched=0
    )


# --- stopping -----------------------------------------------------------------------------------------

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def leave(name):
    with open(os.environ['MLOPS_TUI_RUN_DIR'] + '/' + name, 'w') as f:
        f.write(str(os.getpid()))
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:            # an orphan in a session of its own, deaf to SIGTERM
        leave('orphan.tmp'); os.rename(os.environ['MLOPS_TUI_RUN_DIR'] + '/orphan.tmp', os.environ['MLOPS_TUI_RUN_DIR'] + '/orphan')
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""


def test_stop_ends_the_whole_tree(shims: Shims) -> None:
    folder = shims.python(STUBBORN)
    orphan = int(until(lambda: (folder.path / "orphan").exists() and (folder.path / "orphan").read_text()))
    assert processes.read(orphan) is not None
    folder.request_stop(1, "me", grace=0.3)
    record = ended(folder)
    assert record.stopped and record.signal == 9 and record.exit_code is None
    left = processes.read(orphan)
    assert left is None or left.dead
    assert folder.state()[0] == "KILLED"


def test_stop_lets_a_program_finish_in_its_grace(shims: Shims) -> None:
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(0)))\n"
        "open(os.environ['MLOPS_TUI_RUN_DIR'] + '/ready', 'w').close()\n"
        "time.sleep(600)"
    )
    folder = shims.python(code)
    until(lambda: (folder.path / "ready").exists())
    folder.request_stop(1, "me")
    record = ended(folder)
    assert record.stopped and record.exit_code == 0 and folder.log.read_text() == "saved\n"
    assert folder.state()[0] == "KILLED"


def test_stop_before_the_start(shims: Shims) -> None:
    folder = shims.folder([sys.executable, "-c", "print('ran')"])
    folder.attempt_dir(1).mkdir(parents=True)
    folder.request_stop(1, "me")
    shims.launch(folder)
    record = ended(folder)
    assert record.stopped and not folder.log.read_text() and folder.child(1) is None


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"signal": "x"}', b'{"signal": 9999, "grace": 1e9}', b"\0\xff"]
)
def test_any_stop_file_is_a_stop(shims: Shims, text: bytes) -> None:
    folder = shims.python("import time; time.sleep(600)")
    until(lambda: folder.child(1))
    (folder.attempt_dir(1) / "stop").write_bytes(text)
    assert ended(folder).stopped


def test_signal_to_the_shim_is_a_stop(shims: Shims) -> None:
    folder = shims.python("import time; time.sleep(600)")
    until(lambda: folder.child(1))
    shim = folder.shim(1)
    assert shim is not None
    os.kill(shim.pid, signal.SIGTERM)
    record = ended(folder)
    assert record.stopped and record.signal == signal.SIGTERM


def test_what_outlives_the_program_is_ended(shims: Shims) -> None:
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); open(os.environ['MLOPS_TUI_RUN_DIR'] + '/left', 'w').write(str(os.getpid())); time.sleep(600)\n"
        "while not os.path.exists(os.environ['MLOPS_TUI_RUN_DIR'] + '/left'): time.sleep(0.01)\n"
        "os._exit(5)"
    )
    folder = shims.python(code)
    left = int(until(lambda: (folder.path / "left").exists() and (folder.path / "left").read_text()))
    until(lambda: (child := processes.read(folder.child(1).pid)) is None or child.dead)  # type: ignore[union-attr]
    folder.request_stop(1, "me", grace=0)  # instead of the ten seconds of grace
    record = ended(folder)
    assert record.exit_code == 5 and not record.stopped and "outlived" in record.reason
    gone = processes.read(left)
    assert gone is None or gone.dead


# --- use ----------------------------------------------------------------------------------------------


def test_use_of_the_tree_is_sampled(shims: Shims) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "busy = 'import time; e = time.process_time() + 1.0\\nx = bytearray(50_000_000)\\nwhile time.process_time() < e: pass'\n"
        "with open(os.environ['MLOPS_TUI_RUN_DIR'] + '/big', 'wb') as f: f.write(os.urandom(8 << 20)); f.flush(); os.fsync(f.fileno())\n"
        "subprocess.run([sys.executable, '-c', busy])"
    )
    folder = shims.python(code)
    assert ended(folder).exit_code == 0
    found = points(folder)
    assert set(found) == {"system/cpu_percent", "system/rss_bytes", "system/read_bytes", "system/write_bytes"}
    assert max(found["system/cpu_percent"]) > 10
    assert max(found["system/rss_bytes"]) > 50_000_000
    assert found["system/write_bytes"][-1] >= 8 << 20
    assert found["system/write_bytes"] == sorted(found["system/write_bytes"])


def test_full_disk_costs_samples_not_evidence(shims: Shims) -> None:
    """The journal folder cannot be written: the run ends with its record all the same."""
    folder = shims.folder([sys.executable, "-c", "pass"])
    (folder.path / "journal").rmdir()
    (folder.path / "journal").write_text("in the way")
    shims.launch(folder)
    assert ended(folder).exit_code == 0


def test_a_deleted_run_keeps_no_shim(shims: Shims) -> None:
    import shutil

    folder = shims.python("import time; time.sleep(600)")
    child = until(lambda: folder.child(1))
    shim = folder.shim(1)
    until(folder.journals)
    until(lambda: shutil.rmtree(folder.path, ignore_errors=True) or not folder.path.exists())
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: not lives(shim), "the shim ends")


def artifacts(folder: RunFolder) -> list[list[object]]:
    rows = [
        msgspec.json.decode(line) for path in folder.journals() for line in path.read_bytes().splitlines()
    ]
    return sorted(row[1:] for row in rows if row[0] == "a")


LEAVES = """
import os, pathlib, mlops_tui
root = pathlib.Path(os.environ['MLOPS_TUI_RUN_DIR'], 'artifacts')
(root / 'deep').mkdir(parents=True)
(root / 'deep' / "it's [bold].txt").write_text('abc')
(root / 'empty').write_text('')
(root / '.half.1.tmp').write_text('x')
(root / 'link').symlink_to('/etc/passwd')
os.mkfifo(root / 'pipe')
open(os.fsencode(root) + b'/\\xff', 'w').close()
own = pathlib.Path('own.txt').absolute()
own.write_text('logged')
with mlops_tui.start_run() as run:
    run.log_artifact(own)
"""


def test_files_left_among_the_artifacts_are_listed(shims: Shims, tmp_path: Path) -> None:
    folder = shims.python(LEAVES, cwd=str(tmp_path))
    assert ended(folder).exit_code == 0, folder.log.read_text()
    found = artifacts(folder)
    assert [(path, size) for path, size, _ in found] == [
        ("deep/it's [bold].txt", 3),
        ("empty", 0),
        ("own.txt", 6),  # once: it had told of that itself
    ]
    assert found[0][2] == hashlib.sha256(b"abc").hexdigest()
    assert "1 files in the artifacts folder are not listed" in folder.log.read_text()


def test_no_more_than_so_many_files_are_listed_and_none_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "artifacts"
    root.mkdir()
    for number in range(12):
        (root / f"{number:02}").write_text("x")
    monkeypatch.setattr(artifact_list, "MAX_FILES", 10)
    assert artifact_list.list_artifacts(str(tmp_path), 1) == 2
    (journal,) = (tmp_path / "journal").iterdir()
    assert len(journal.read_text().splitlines()) == 11
    assert artifact_list.list_artifacts(str(tmp_path), 1) == 0  # the two that were left
    monkeypatch.setattr(artifact_list, "MAX_SECONDS", 0.0)
    assert artifact_list.list_artifacts(str(tmp_path), 2) == 12
