"""One run that cannot be read, or says what nobody can take, costs itself and no other run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_box import assert_sound
from index_box import end, journal, new_run, start
from run_box import Box
from test_loop import start as submit

from mlops_store.home import Home
from mlops_store.index.doctor import examine
from mlops_store.index.writer import Writer
from mlops_store.run_folder import RunFolder


def _loop(path: Path) -> None:
    """A name that nothing can be opened by, whoever asks: root reads all else."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def _exit_of(text: str) -> Callable[[RunFolder], None]:
    return lambda folder: (folder.attempt_dir(1) / "exit.json").write_text(text) and None


_HUGE = '{"exit_code": 1%s, "signal": null, "ended": 1}' % ("0" * 30)

SICK: dict[str, tuple[Callable[[RunFolder], object], str]] = {
    "spec that cannot be opened": (lambda folder: _loop(folder.spec_file), "run_unread"),
    "journals that cannot be listed": (lambda folder: _loop(folder.path / "journal"), "run_unread"),
    "spec that is a folder": (lambda folder: (folder.spec_file.unlink(), folder.spec_file.mkdir()), "run_damaged"),
    "spec that is a pipe": (lambda folder: (folder.spec_file.unlink(), os.mkfifo(folder.spec_file)), "run_damaged"),
    "numbers that no column holds": (_exit_of(_HUGE), "run_damaged"),
    "attempts that are none": (lambda folder: [(folder.path / "attempts" / name).mkdir() for name in ("9" * 30, "٣", "0")], ""),
    "a journal without a name": (lambda folder: Path(os.fsdecode(os.fsencode(folder.path) + b"/journal/\xff.jsonl")).touch(), ""),
}  # fmt: skip


def test_each_sick_run_is_named_and_the_others_are_read(home: Home) -> None:
    folders = {kind: new_run(home, kind="sdk") for kind in ("sound", *SICK, "sound too")}
    for folder in folders.values():
        start(folder)
        journal(folder, "1-h-2-x", ["h", {"pid": 2}], ["m", "a", 0, 0, 1.0])
        end(folder)
    for kind, (spoil, _) in SICK.items():
        spoil(folders[kind])
    writer = Writer.open(home)
    for _ in range(2):
        writer.ingest([folder.path for folder in folders.values()])
        assert not writer.more
    with writer.reader() as read:
        found = {row["run_id"] for row in read.rows("SELECT DISTINCT run_id FROM metric_points")}
        named = [(finding.where, finding.code) for finding in examine(read)]
    writer.close()
    assert found >= {folders[kind].run_id for kind, (_, code) in SICK.items() if not code}
    assert found >= {folders["sound"].run_id, folders["sound too"].run_id}
    expected = {(f"run {folders[kind].run_id}", code) for kind, (_, code) in SICK.items() if code}
    assert set(named) >= expected and {where for where, _ in named} == {where for where, _ in expected}
    assert_sound(home)


def test_a_journal_that_may_not_be_read_is_read_on_later(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    sick, sound = new_run(home, kind="sdk"), new_run(home, kind="sdk")
    for folder in (sick, sound):
        start(folder)
        journal(folder, "1-h-2-x", ["h", {"pid": 2}], ["m", "a", 0, 0, 1.0])
    real, refused = os.open, str(sick.journals()[0])

    def refuse(path: object, *arguments: int, **more: int) -> int:
        if str(path) == refused:
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **more)  # type: ignore[arg-type]

    writer = Writer.open(home)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        writer.ingest([sick.path, sound.path])
        journal(sound, "1-h-2-x", ["m", "a", 1, 1, 1.0])
        writer.ingest([sick.path, sound.path])
        assert "run_unreadable" in codes_of(writer)
    writer.ingest([sick.path, sound.path])
    with writer.reader() as read:
        counts = {row["run_id"]: row["count"] for row in read.rows("SELECT run_id, count FROM last_values")}
    assert counts == {sick.run_id: 1, sound.run_id: 2}
    assert "run_unreadable" not in codes_of(writer)
    writer.close()


def codes_of(writer: Writer) -> set[str]:
    with writer.reader() as read:
        return {found.code for found in examine(read, is_alive=lambda _folder, _attempt: True)}


def test_a_queued_run_whose_folder_was_spoilt_fails_and_the_next_one_starts(
    home: Home, tmp_path: Path
) -> None:
    made = Box(home, limit=1)
    try:
        gate = tmp_path / "gate"
        first = submit(
            made, f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)", model="a"
        )
        made.wait(first, "RUNNING")
        damaged, gone, last = (submit(made, model=name) for name in ("b", "c", "d"))
        for run_id in (damaged, gone, last):
            made.wait(run_id, "QUEUED")
        made.folder(damaged).spec_file.write_bytes(b"\xff")
        shutil.rmtree(made.folder(gone).path)
        gate.touch()
        made.wait(last, "FINISHED")
        assert made.wait_settled(damaged)["state"] == made.wait_settled(gone)["state"] == "FAILED"
        assert "spec.json" in made.row(damaged)["reason"]
    finally:
        made.close()
