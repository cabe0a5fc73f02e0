"""Alias files follow the ledger, and are put right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from registry_box import Box

from mlops_tui.services import alias_files


def content(box: Box, project: str = "air") -> dict[str, object]:
    found: dict[str, object] = msgspec.json.decode(box.home.alias_file(project, "late").read_bytes())
    return found


def test_a_file_has_all_that_serving_needs(box: Box) -> None:
    box.register()
    move = box.promote("late@1")
    with box.read() as read:
        assert alias_files.write(box.home, read, "air", "late")
        assert not alias_files.write(box.home, read, "air", "late")
        row = read.one("SELECT digest, tree FROM model_versions")
    assert row is not None
    assert content(box) == {
        "project": "air", "model": "late",
        "aliases": {"champion": {"version": 1, **row, "python": "/usr/bin/python3", "seq": move.seq}},
    }  # fmt: skip
    assert box.home.alias_file("air", "late").stat().st_mode & 0o777 == 0o600


def test_reconcile(box: Box) -> None:
    for project in ("air", "rail"):
        box.register(project=project)
        box.promote("late@1", project=project)
    box.register(project="sea")
    with box.read() as read:
        assert alias_files.reconcile(box.home, read) == ["aliases/air/late.json", "aliases/rail/late.json"]
        assert alias_files.reconcile(box.home, read) == []
    before = content(box)
    box.home.alias_file("air", "late").write_text("{torn")
    box.home.alias_file("rail", "late").unlink()
    stale = box.home.aliases / "gone" / "old.json"
    stale.parent.mkdir()
    stale.write_text("{}")
    (stale.parent / "notes.txt").write_text("mine")
    with box.read() as read:
        assert alias_files.reconcile(box.home, read) == [
            "aliases/air/late.json",
            "aliases/rail/late.json",
            "aliases/gone/old.json",
        ]
    assert content(box) == before and (stale.parent / "notes.txt").exists() and not stale.exists()


def test_an_alias_that_names_nothing_has_no_file(box: Box) -> None:
    box.register()
    box.promote("late@1")
    with box.read() as read:
        alias_files.write(box.home, read, "air", "late")
    box.append("alias.move", {"project": "air", "model": "late", "alias": "champion", "from": 1, "to": None})
    with box.read() as read:
        assert alias_files.write(box.home, read, "air", "late")
        assert not alias_files.write(box.home, read, "air", "late")
    assert not box.home.alias_file("air", "late").exists()


def test_a_full_disk_is_not_hidden(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.register()
    box.promote("late@1")

    def full(path: Path, value: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(alias_files, "write_json", full)
    with box.read() as read, pytest.raises(OSError, match="No space"):
        alias_files.reconcile(box.home, read)
