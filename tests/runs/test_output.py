"""Between a program and its log: no secret gets through, and no death holds the program up."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_box import Box, Shims, environment, lives, until

from mlops_store.masking import Masker
from mlops_store.records import ExitRecord, Identity, LaunchContext
from mlops_store.run_folder import RunFolder
from mlops_tui import processes
from mlops_tui.daemon.spawn import LocalLauncher
from mlops_tui.output_pipe import HINT, hide, pipe_of, unread
from mlops_tui.sdk.run import Run
from mlops_tui.services import known_secrets
from mlops_tui.services.submit import submit
from mlops_tui.verbs._shapes import ClientContext
from mlops_tui.worker.log_cap import LogCap
from mlops_tui.worker.output import Output, Stream, read_output

GITHUB = "ghp_" + "a8Zk3Qw9Lr5Tn2Xc7Vb1Mj6Hd4Gf0Sy2Pe8U"


def ended(folder: RunFolder, attempt: int = 1) -> ExitRecord:
    found = until(lambda: folder.exit(attempt), "exit.json")
    assert isinstance(found, ExitRecord)
    return found


def gone(folder: RunFolder, attempt: int = 1) -> bool:
    return not os.path.exists(pipe_of(str(folder.path), attempt) + ".lock")


def reader_of(folder: RunFolder) -> int:
    """The pid of the process that holds the reader's lock, by the kernel's table of locks."""
    inode = os.stat(pipe_of(str(folder.path), 1) + ".lock").st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return 0


def kill(who: Identity | None) -> None:
    assert who is not None
    os.kill(who.pid, signal.SIGKILL)
    until(lambda: not lives(who))


PRINTS = """
import os, sys, time, mlops_tui
go = os.environ['MLOPS_TUI_RUN_DIR'] + '/'
with mlops_tui.start_run() as run:
    for step in range(3):
        for number in range(400):
            print(f"step {step} line {number} token={'x' * 300}", flush=True)
            run.log_metric('m', number)
        open(go + f'printed-{step}', 'w').close()
        while not os.path.exists(go + f'go-{step}'): time.sleep(0.005)
"""
LINES = [f"step {step} line {number} token=[redacted]" for step in range(3) for number in range(400)]


def printed(folder: RunFolder, step: int) -> None:
    until(lambda: (folder.path / f"printed-{step}").exists(), f"step {step} is printed")


def go(folder: RunFolder, step: int) -> None:
    (folder.path / f"go-{step}").touch()


def points(folder: RunFolder) -> int:
    return sum(path.read_text().count('["m","m"') for path in folder.journals())


def test_kill_of_the_shim_stalls_and_loses_nothing(shims: Shims) -> None:
    folder = shims.python(PRINTS)
    until(lambda: folder.log.exists() and folder.log.read_text().count("\n") > 10, "it prints")
    kill(folder.shim(1))
    for step in range(3):
        printed(folder, step)
        go(folder, step)
    until(lambda: gone(folder), "the reader has read all")
    assert folder.log.read_text().splitlines() == LINES
    assert points(folder) == 1200
    until(lambda: not lives(folder.child(1)))


def test_kill_of_the_reader_stalls_nothing_and_the_shim_reads_on(shims: Shims) -> None:
    folder = shims.python(PRINTS)
    printed(folder, 0)
    until(lambda: folder.log.read_text().count("\n") == 400, "it is read")
    os.kill(until(lambda: reader_of(folder)), signal.SIGKILL)
    for step in range(3):
        go(folder, step)
        printed(folder, step)
    assert ended(folder).exit_code == 0
    assert folder.log.read_text().splitlines() == LINES and gone(folder)


def test_kill_of_both_stalls_until_someone_reads_on(shims: Shims) -> None:
    """Nobody reads: the program lives, and waits once its pipe is full. A new reader, as a daemon starts it, finds all."""
    folder = shims.python(PRINTS.replace("* 300", "* 3000"))
    printed(folder, 0)
    until(lambda: folder.log.read_text().count("\n") == 400, "it is read")
    os.kill(folder.shim(1).pid, signal.SIGSTOP)  # type: ignore[union-attr]
    os.kill(reader_of(folder), signal.SIGKILL)
    kill(folder.shim(1))
    go(folder, 0)
    go(folder, 1)
    until(lambda: points(folder) > 600, "it goes on as far as the pipe goes")
    assert lives(folder.child(1))
    LocalLauncher().read_output(folder, 1)
    LocalLauncher().read_output(folder, 1)  # one is enough
    go(folder, 2)
    until(lambda: gone(folder), "the reader has read all")
    assert folder.log.read_text().splitlines() == LINES


def test_a_daemon_starts_another_reader(box: Box) -> None:
    """Of values, too, that only the daemon's memory holds."""
    secret = "zebras under water"
    client = ClientContext(cwd="/", python=sys.executable, env=environment(VAULT_SECRET=secret))
    command = [sys.executable, "-c", PRINTS.replace("token=", f"{secret} token=")]
    run_id = box.writer.call(
        lambda tx: submit(tx, kind="train", project="p", model="m", command=command, client=client).run_id
    )
    box.loops.wake()
    folder = box.folder(run_id)
    printed(folder, 0)
    os.kill(folder.shim(1).pid, signal.SIGSTOP)  # type: ignore[union-attr]
    reader = until(lambda: reader_of(folder))
    os.kill(reader, signal.SIGKILL)
    kill(folder.shim(1))
    until(lambda: reader_of(folder) not in (0, reader), "another one reads")
    for step in range(3):
        go(folder, step)
    box.wait_settled(run_id)
    until(lambda: gone(folder), "the reader has read all")
    lines = folder.log.read_text().splitlines()
    assert lines[-400:] == [line.replace("token=", "[redacted] token=") for line in LINES[-400:]]
    until(lambda: secret not in known_secrets.of_run(run_id), "forgotten when it has ended")


def test_kill_of_all_at_once_costs_the_last_moment(shims: Shims) -> None:
    folder = shims.python(PRINTS)
    until(lambda: folder.log.exists() and folder.log.read_text().count("\n") > 10, "it prints")
    reader, shim, child = reader_of(folder), folder.shim(1), folder.child(1)
    for pid in (reader, shim.pid, child.pid):  # type: ignore[union-attr]
        os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(shim) and not lives(child))
    lines = folder.log.read_text().split("\n")[:-1]
    assert lines == LINES[: len(lines)] and lines
    LocalLauncher().read_output(folder, 1)
    until(lambda: gone(folder), "what is left of the pipe is taken away")


CRASH = """
import ctypes, faulthandler, os, sys
faulthandler.enable()
os.write(1, b'raw password=hunter2222\\n')
os.system('echo from a shell with password=hunter2222')
print('%s')
sys.stdout.flush()
ctypes.string_at(0)
"""


def test_the_last_words_of_a_crash_arrive(shims: Shims) -> None:
    folder = shims.python(CRASH % GITHUB)
    assert ended(folder).signal == signal.SIGSEGV
    text = folder.log.read_text()
    assert "hunter" not in text and GITHUB not in text and text.count("[redacted]") == 3
    assert "Fatal Python error: Segmentation fault" in text and text.rstrip().endswith(", line 8 in <module>")


def test_a_traceback_and_an_unfinished_line(shims: Shims) -> None:
    folder = shims.python(f"print('half', end=''); raise RuntimeError('{GITHUB}')")
    assert ended(folder).exit_code == 1
    assert folder.log.read_text().startswith("halfTraceback") or folder.log.read_text().endswith("half")
    assert "RuntimeError: [redacted]\n" in folder.log.read_text()


def test_a_question_is_in_the_log_while_it_waits(shims: Shims) -> None:
    folder = shims.python(
        "import sys, time; sys.stdout.write('Continue? password: hun'); sys.stdout.flush(); time.sleep(600)"
    )
    until(lambda: folder.log.exists() and folder.log.read_text() == "Continue? password: ")
    folder.request_stop(1, "me", grace=0.1)
    ended(folder)
    assert folder.log.read_text() == "Continue? password: hun"


def test_binary_and_no_line_end(shims: Shims) -> None:
    code = (
        "import os, sys; out = sys.stdout.buffer; out.write(bytes(range(256)) * 40); "
        f"[out.write(b'x y, ' * 2000 + b'{GITHUB} ') for _ in range(200)]"
    )
    folder = shims.python(code)
    assert ended(folder).exit_code == 0
    data = folder.log.read_bytes()
    assert data.startswith(bytes(range(256)) * 40)
    assert data.count(b"[redacted]") == 200 and b"ghp_" not in data
    assert len(data) == 10240 + 200 * (10_000 + len("[redacted] "))


def test_values_that_the_daemon_knows_are_masked(shims: Shims) -> None:
    folder = shims.folder([sys.executable, "-c", "print('to', 'be or', 'not to be')"])
    context = LaunchContext(
        run_id=folder.run_id, attempt=1, home="", project="p", project_dir="", code_dir="", launched=0
    )
    LocalLauncher().launch(folder, context, ["be or not", "short"])
    ended(folder)
    assert folder.log.read_text() == "to [redacted] to be\n"


LOGS = """
import sys, mlops_tui
with mlops_tui.start_run(params={'db': {'password': 'zebras under water'}, 'lr': 0.25}) as run:
    sys.stdout.write('half ')
    run.log_params({'api_key': 'another one'})
    print('zebras under water, another one, 0.25')
"""


def test_what_the_program_logs_as_secret_is_masked_in_what_it_prints_then(shims: Shims) -> None:
    folder = shims.python(LOGS)
    assert ended(folder).exit_code == 0
    assert folder.log.read_text() == "half [redacted], [redacted], 0.25\n"


def test_a_secret_is_sent_once_and_waited_for_once(shims: Shims) -> None:
    folder = shims.folder(["true"])
    os.mkfifo(pipe_of(str(folder.path), 1))
    read = os.open(pipe_of(str(folder.path), 1), os.O_RDONLY | os.O_NONBLOCK)
    run = Run(folder, 1, owner=False)
    for number in range(3):
        run.log_params({"password": "zebras under water", "n": 1, "long": "x" * 10_000})
        run.log_params({f"password{number}": "zebras under water"})
    assert os.read(read, 1 << 20) == HINT + b"zebras under water".hex().encode() + b"\n"
    write = os.open(pipe_of(str(folder.path), 1), os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 4096)
    run._patience = 0.1  # seconds; 1 in a run
    started = time.monotonic()
    for number in range(20):
        run.log_params({f"token{number}": f"another secret {number}"})
    assert 0.1 <= time.monotonic() - started < 0.8
    with contextlib.suppress(BlockingIOError):
        while os.read(read, 1 << 20):
            pass
    run.log_params({"again": {"token": "another secret 7"}})
    assert os.read(read, 1 << 20) == HINT + b"another secret 7".hex().encode() + b"\n"
    run.finish()
    os.close(read)
    os.close(write)


def test_a_pipe_that_breaks_does_not_reach_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Output(str(tmp_path), 1, ())

    def broken(*_: object) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(os, "write", broken)
    assert not hide(str(tmp_path), 1, "zebras under water")
    pipe.close_writer()


@pytest.mark.parametrize("size", [1, 2, 7, 16, 60, 1000])
def test_lines_for_the_reader_are_taken_out_however_they_arrive(tmp_path: Path, size: int) -> None:
    os.mkfifo(pipe_of(str(tmp_path), 1))
    read = os.open(pipe_of(str(tmp_path), 1), os.O_RDONLY | os.O_NONBLOCK)
    write = os.open(pipe_of(str(tmp_path), 1), os.O_WRONLY)
    os.write(write, b"one \0\0 ")
    hide(str(tmp_path), 1, "two words")
    hide(str(tmp_path), 1, "long" * 2000)  # no: it would not be one write
    os.write(write, HINT + b"no digits\n" + b"\0 two words " + HINT[:5] + b"\n" + HINT[:-1])
    os.close(write)
    data = os.read(read, 1 << 16)
    os.close(read)
    read, write = os.pipe()
    stream = Stream(read, os.open(tmp_path / "log.txt", os.O_WRONLY | os.O_CREAT))
    for place in range(0, len(data), size):
        stream._write(stream._masker.feed(stream._heard(data[place : place + size])))
    os.close(write)
    stream.run()
    shown = b"one \0\0 " + HINT + b"no digits\n" + b"\0 [redacted] " + HINT[:5] + b"\n" + HINT[:-1]
    assert (tmp_path / "log.txt").read_bytes() == shown


@pytest.mark.parametrize(
    "rest", [b"", b"\n" + HINT + b"zebras under water".hex().encode() + b"\nzebras under water\n"]
)
def test_what_looks_like_a_line_for_the_reader_and_does_not_end_is_printed(
    tmp_path: Path, rest: bytes
) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    text = HINT + b"a" * 5001
    os.write(write, text + rest)
    os.close(write)
    log = tmp_path / "log.txt"

    def too_long(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_long)  # it was a loop without end: fail, do not hang
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        Stream(read, os.open(log, os.O_WRONLY | os.O_CREAT)).run()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert log.read_bytes() == text + (b"\n[redacted]\n" if rest else b"")


def test_a_process_that_outlives_the_program_prints_to_its_end(shims: Shims) -> None:
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid(); time.sleep(0.3); print('later password=hunter2222'); sys.exit()\n"
        "print('first')"
    )
    folder = shims.python(code)
    assert ended(folder).exit_code == 0
    assert folder.log.read_text() == "first\nlater password=[redacted]\n"


def test_who_closes_its_output_is_not_taken_for_ended(shims: Shims) -> None:
    folder = shims.python(
        "import os, time; print('one', flush=True); os.close(1); os.close(2); time.sleep(1.3)"
    )
    record = ended(folder)
    assert record.exit_code == 0 and record.duration_ms is not None and record.duration_ms >= 1300
    assert folder.log.read_text() == "one\n" and gone(folder)


def test_nothing_is_left_of_a_run_that_did_not_start(shims: Shims) -> None:
    folder = shims.start(["no-such-program"])
    ended(folder)
    assert gone(folder) and not os.path.exists(pipe_of(str(folder.path), 1))


def test_a_disk_that_refuses_costs_output_and_not_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    log = os.open(tmp_path / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    real, refused = os.write, [0]

    def refuse(handle: int, block: bytes) -> int:
        if handle == log and b"lost" in bytes(block):
            refused[0] += 1
            raise OSError(28, "No space left on device")
        return real(handle, block)

    monkeypatch.setattr(os, "write", refuse)
    stream = Stream(read, log)
    for line in (b"kept\n", b"lost\n", b"lost too\n", b"kept again\n"):
        stream._write(line)
    os.close(write)
    stream.run()
    assert (tmp_path / "log.txt").read_text() == (
        "kept\n\nmlops-tui: 14 bytes of output are missing here: No space left on device\nkept again\n"
    )
    assert refused[0] == 2 and stream.lost == 2


def test_lost_lines_are_counted_in_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Output(str(tmp_path), 1, ())
    os.write(pipe.writer, b"lost\nlost\n")
    pipe.close_writer()
    real = os.write

    def refuse(handle: int, block: bytes) -> int:
        if os.readlink(f"/proc/self/fd/{handle}").endswith("log.txt") and b"missing" not in bytes(block):
            raise OSError(28, "No space left on device")
        return real(handle, block)

    monkeypatch.setattr(os, "write", refuse)
    assert read_output(str(tmp_path), 1) and read_output(str(tmp_path), 1)
    (journal,) = (tmp_path / "journal").iterdir()
    assert journal.read_text().splitlines()[1:] == ['["d",2,"output"]']
    assert "10 bytes of output are missing here" in (tmp_path / "log.txt").read_text()


def refusing(
    monkeypatch: pytest.MonkeyPatch, name: str, number: int, write: bool = False
) -> Callable[[], None]:
    """Opening a file of this name fails (only to write, where asked) until the answer is called."""
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if os.fspath(path).endswith(name) and (not write or flags & (os.O_WRONLY | os.O_RDWR)):
            raise OSError(number, os.strerror(number), path)
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    return lambda: monkeypatch.setattr(os, "open", real)


def test_a_disk_that_turns_read_only_is_no_end_of_the_shim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = Output(str(tmp_path), 1, ())
    refusing(monkeypatch, ".lock", errno.EROFS, write=True)
    os.write(pipe.writer, b"one\n")
    pipe.close_writer()
    assert pipe.finish(5.0) and (tmp_path / "log.txt").read_text() == "one\n"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_a_lock_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    pipe = Output(str(tmp_path), 1, ())
    allow = refusing(monkeypatch, ".lock", number)
    os.write(pipe.writer, b"one\n")
    pipe.close_writer()
    assert not pipe.look_after() and not pipe.finish(0.01) and not unread(str(tmp_path), 1)
    allow()
    assert pipe.finish(5.0) and (tmp_path / "log.txt").read_text() == "one\n"


def test_a_reader_that_fails_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Output(str(tmp_path), 1, ())
    pipe.close_writer()
    before = len(os.listdir("/proc/self/fd"))
    allow = refusing(monkeypatch, "log.txt", errno.EIO)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output error"):
            read_output(str(tmp_path), 1)
    allow()
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(Stream, "run", lambda _: 1 / 0)
        read_output(str(tmp_path), 1)
    assert len(os.listdir("/proc/self/fd")) == before
    assert read_output(str(tmp_path), 1)
    assert len(os.listdir("/proc/self/fd")) == before


CAPPED = """
import functools, sys
sys.path += sys.argv[2:]
from mlops_tui.worker import log_cap, output, supervise
mb = 1 << 20
output.LogCap = functools.partial(log_cap.LogCap, cap=3 * mb, head=mb, tail=mb)
sys.exit(supervise.launch(sys.argv[1], 1))
"""
FILLS = """
import os, sys, time
print('first', flush=True)
while not os.path.exists(os.environ['MLOPS_TUI_RUN_DIR'] + '/go-0'): time.sleep(0.005)
for _ in range(2 * 60): sys.stdout.write(('plain ' * 1000 + chr(10)) * 10)
print('last')
"""


@pytest.mark.parametrize("killed", [False, True])
def test_the_log_is_capped_by_who_writes_it(shims: Shims, killed: bool) -> None:
    """The shim itself, with a lower cap; killed, there is only the reader left."""
    folder = shims.folder([sys.executable, "-c", FILLS])
    done = subprocess.run([sys.executable, "-S", "-c", CAPPED, str(folder.path), *sys.path], check=False)
    assert done.returncode == 0
    until(lambda: folder.log.exists() and folder.log.read_bytes() == b"first\n", "it prints")
    if killed:
        kill(folder.shim(1))
    go(folder, 0)
    until(lambda: gone(folder), "the reader has read all")
    size, used = folder.log.stat().st_size, folder.log.stat().st_blocks * 512
    if not LogCap(str(folder.log), cap=0, head=4096, tail=4096).check():
        pytest.skip("this file system cannot punch holes")
    assert size == len(b"first\nlast\n") + 1200 * 6001 and used <= 5 << 20
    data = folder.log.read_bytes()
    assert data.startswith(b"first\n") and data.endswith(b"plain \nlast\n")


def test_a_fault_of_the_mask_is_said_and_nothing_leaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.write(write, b"a secret that cannot be masked\n")
    os.close(write)
    os.set_blocking(read, False)
    monkeypatch.setattr(Masker, "feed", lambda *_: 1 / 0)
    Stream(read, os.open(tmp_path / "log.txt", os.O_WRONLY | os.O_CREAT)).run()
    text = (tmp_path / "log.txt").read_text()
    assert (
        "mlops-tui: output is missing here: it could not be masked (ZeroDivisionError)\n" in text
        and "secret" not in text
    )


def test_the_reader_is_no_part_of_the_run(shims: Shims) -> None:
    folder = shims.python("import time; time.sleep(600)")
    until(lambda: folder.child(1))
    reader = until(lambda: reader_of(folder))
    shim = folder.shim(1)
    assert shim is not None and reader != shim.pid
    below = processes.descendants(shim.pid, processes.table(), folder.child(1).pid)  # type: ignore[union-attr]
    assert reader not in [row.pid for row in below]
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(reader, number)
    assert reader_of(folder) == reader
    folder.request_stop(1, "me", grace=0)
    ended(folder)
    until(lambda: (row := processes.read(reader)) is None or row.dead)
