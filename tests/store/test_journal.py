"""Run journals: one line a call, torn tails, forks, full disks."""

from __future__ import annotations

import errno
import math
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_store.index.tail import Offset, read_on
from mlops_store.journal import JournalWriter, decode_line


def rows(path: Path) -> list[list[Any] | None]:
    return [decode_line(line) for line in path.read_bytes().splitlines()]


def test_each_call_is_a_line_with_its_kind(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path, 1)
    journal.metric("loss", 0.5, 3, ts=7)
    journal.metric("loss", math.nan, 4, ts=8)
    journal.metric("loss", -math.inf, 5, ts=9)
    journal.param("lr", 0.1)
    journal.tag("who", "ada")
    journal.stage("train", "finished", seconds=1.5)
    journal.close()
    found = rows(journal.path)
    assert found[0] is not None and found[0][0] == "h"
    assert found[1:4] == [["m", "loss", 3, 7, 0.5], ["m", "loss", 4, 8, "nan"], ["m", "loss", 5, 9, "-inf"]]
    assert [row[0] for row in found[4:] if row] == ["p", "t", "s"]


def test_steps_count_by_themselves_when_none_is_given(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path, 1)
    for value in (1.0, 2.0):
        journal.metric("a", value)
    journal.metric("a", 3.0, 10)
    journal.metric("a", 4.0)
    assert [row[2] for row in rows(journal.path) if row and row[0] == "m"] == [0, 1, 10, 11]


def test_half_a_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'["m","a",0,1,2.0]\n["m","a"')
    offset = Offset("r", "j")
    assert read_on(path, offset) == b'["m","a",0,1,2.0]\n'
    assert read_on(path, offset) == b"" and offset.bytes == 18
    with open(path, "ab") as file:
        file.write(b",1,1,3.0]\n")
    assert read_on(path, offset) == b'["m","a",1,1,3.0]\n'


def test_a_line_longer_than_the_block_is_passed_over_as_one_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'["p","k","' + b"x" * 100 + b'"]\n["t","a","b"]\n')
    offset = Offset("r", "j")
    block = read_on(path, offset, limit=16)
    assert block.count(b"\n") == 1 and decode_line(block) is None and offset.bytes > 100
    assert read_on(path, offset, limit=16) == b'["t","a","b"]\n'
    path.write_bytes(b"x" * 100)
    assert read_on(path, Offset("r", "j"), limit=16) == b""


@pytest.mark.parametrize("line", [b"", b"\x00\x00", b'["m"', b"{}", b"[1,2]", b"[]", b"\xff"])
def test_foreign_lines_are_none(line: bytes) -> None:
    assert decode_line(line) is None


def test_a_fork_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path, 1)
    journal.metric("a", 1.0)
    pid = os.fork()
    if pid == 0:
        try:
            journal.metric("a", 2.0)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    journal.metric("a", 3.0)
    files = sorted((tmp_path / "journal").glob("*.jsonl"))
    assert len(files) == 2
    values = {path: [row[4] for row in rows(path) if row and row[0] == "m"] for path in files}
    assert values[journal.path] == [1.0, 3.0]
    assert [2.0] in values.values()


def test_a_full_disk_drops_lines_counts_them_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    journal = JournalWriter(tmp_path, 1)
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if fd == 2:
            return real(fd, data)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    journal.metric("a", 1.0)
    journal.metric("a", 2.0)
    monkeypatch.setattr(os, "write", real)
    journal.metric("a", 3.0)
    journal.close()
    assert journal.dropped == 2
    assert capfd.readouterr().err.count("dropped") == 1
    assert [row for row in rows(journal.path) if row and row[0] == "d"] == [["d", 2, "write failed"]]


def test_what_returned_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mlops_store.journal import JournalWriter\n"
        "j = JournalWriter(Path(sys.argv[1]), 1)\n"
        "i = 0\n"
        "while True:\n"
        "    j.metric('a', float(i), i); print(i, flush=True); i += 1\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seen = -1
    for line in process.stdout:
        seen = int(line)
        if seen == 200:
            process.send_signal(signal.SIGKILL)
            break
    seen = max([seen, *(int(line) for line in process.stdout if line.endswith("\n"))])
    process.wait()
    (path,) = (tmp_path / "journal").glob("*.jsonl")
    steps = [row[2] for row in rows(path) if row and row[0] == "m"]
    assert steps[: seen + 1] == list(range(seen + 1))


def test_of_points_that_are_written_together_only_those_that_the_disk_did_not_take_count_as_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = JournalWriter(tmp_path, 1)
    real, room = os.write, 80

    def filling(fd: int, data: bytes) -> int:
        nonlocal room
        if fd == 2:
            return len(data)
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        data = data[:room]
        room -= len(data)
        return real(fd, data)

    points = {f"m{n}": n / 2 for n in range(4)}
    monkeypatch.setattr(os, "write", filling)
    journal.metrics(points, 0)  # about two lines and a half of four
    first = journal.dropped
    journal.metrics(points, 1)
    room = 80
    journal.metrics(points, 2)
    room = 10_000
    journal.metrics(points, 3)
    journal.close()
    kept = [(row[1], row[2]) for row in rows(journal.path) if row and row[0] == "m"]
    assert 0 < first < 4
    assert len(kept) == 16 - journal.dropped
    assert {("m0", 0), ("m0", 2)} <= set(kept) and [key for key, step in kept if step == 3] == list(points)
    assert sum(row[1] for row in rows(journal.path) if row and row[0] == "d") == journal.dropped


class _Index:
    def __index__(self) -> int:
        return 7


def test_steps_are_whole_numbers_of_any_kind(tmp_path: Path) -> None:
    import numpy as np

    writer = JournalWriter(tmp_path / "r", 1)
    for step in (np.int64(3), np.float32(4.0), 5.0, np.array(6), _Index()):
        writer.metric("loss", np.float32(0.5), step=step)  # type: ignore[arg-type]
    writer.metric("loss", 1)
    writer.close()
    rows = [decode_line(line) for line in writer.path.read_bytes().splitlines()]
    assert [row[2] for row in rows if row and row[0] == "m"] == [3, 4, 5, 6, 7, 8]


def test_an_array_of_one_is_a_step_and_the_last_step_has_none_after_it(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "r", 1)
    writer.metric("loss", 1.0, np.array(3.0))  # type: ignore[arg-type]
    writer.metric("loss", 1.0)
    writer.metric("loss", 1.0, (1 << 63) - 1)
    with pytest.raises(ValueError, match=r"63 bits"):
        writer.metric("loss", 1.0)
    writer.close()
    (path,) = (tmp_path / "r" / "journal").iterdir()
    rows = [decode_line(line) for line in path.read_bytes().splitlines()]
    assert [row[2] for row in rows if row and row[0] == "m"] == [3, 4, (1 << 63) - 1]


@pytest.mark.parametrize(
    ("key", "value", "step", "kind"),
    [
        ("loss", 1, "x", TypeError),
        ("loss", 1, "3", TypeError),
        ("loss", 1, [1], TypeError),
        ("loss", 1, 1.5, ValueError),
        ("loss", 1, float("nan"), ValueError),
        ("loss", 1, float("inf"), ValueError),
        ("loss", 1, 1 << 63, ValueError),
        ("loss", 1, Fraction(10**400), ValueError),
        ("loss", None, 1, TypeError),
        ("loss", "much", 1, ValueError),
        ("loss", 10**400, 1, ValueError),
        ("", 1, 1, ValueError),
        (" ", 1, None, ValueError),
        (7, 1, 1, TypeError),
    ],
)
def test_what_is_no_point_is_refused_at_once_and_spoils_nothing(
    tmp_path: Path, key: Any, value: Any, step: Any, kind: type[Exception]
) -> None:
    writer = JournalWriter(tmp_path / "r", 1)
    writer.metric("loss", 0.5)
    with pytest.raises(kind, match=r"metric"):
        writer.metric(key, value, step)
    with pytest.raises(kind):
        writer.metrics({key: value}, step)
    writer.metric("loss", 0.25)
    writer.close()
    rows = [decode_line(line) for line in writer.path.read_bytes().splitlines()]
    assert [row[2] for row in rows if row and row[0] == "m"] == [0, 1] and writer.dropped == 0
