"""The ledger: order, chain, torn tails, full disks."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from effort import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_store import ledger as ledger_module
from mlops_store.errors import Problem
from mlops_store.ledger import FatalStoreError, Ledger, ledger_files, read_entries, verify
from mlops_store.records import LedgerEntry


def draft(verb: str, more: bool = False, time: int = 0, data: dict[str, Any] | None = None) -> LedgerEntry:
    return LedgerEntry(seq=0, time=time, actor="ada", verb=verb, subject="s", data=data or {}, more=more)


def test_entries_come_back_in_order_and_the_chain_holds(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a"), draft("b")])
    book.append([draft("c", data={"x": 0.1, "ü": [None, True]})])
    assert [entry.verb for entry in book.entries()] == ["a", "b", "c"]
    assert [entry.verb for entry in book.entries(after=2)] == ["c"]
    assert verify(tmp_path) == []


def test_reopening_continues_the_chain(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path)
    first.append([draft("a")])
    first.close()
    second = Ledger.open(tmp_path)
    assert (second.seq, second.head) == (1, first.head)
    second.append([draft("b")])
    assert verify(tmp_path) == []


def test_time_never_goes_back(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("late", time=2_000)])
    book.append([draft("clock stepped back", time=1_000)])
    assert [entry.time for entry in book.entries()] == [2_000, 2_000]


@pytest.mark.parametrize("tail", [b'{"seq":2,"ti', b"\x00\x00\x00\x00", b"garbage\n", b"\xff\xfe\n"])
def test_a_torn_tail_is_set_aside_and_nothing_else_is_lost(tmp_path: Path, tail: bytes) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a")])
    book.close()
    with open(tmp_path / "000001.jsonl", "ab") as file:
        file.write(tail)
    again = Ledger.open(tmp_path)
    assert again.seq == 1
    assert Path(again.set_aside[0]).read_bytes() == tail
    again.append([draft("b")])
    assert [entry.verb for entry in again.entries()] == ["a", "b"]
    assert verify(tmp_path) == []


def test_half_a_command_is_no_command(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a"), draft("first half", more=True), draft("second half")])
    book.close()
    path = tmp_path / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    again = Ledger.open(tmp_path)
    assert [entry.verb for entry in again.entries()] == ["a"]
    assert again.seq == 1


def test_damage_in_the_middle_is_named_and_stops_the_start(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a"), draft("b"), draft("c")])
    book.close()
    path = tmp_path / "000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"not json\n" + lines[2])
    with pytest.raises(Problem, match=r"000001\.jsonl:2"):
        Ledger.open(tmp_path)
    assert any(finding.where == "000001.jsonl:2" for finding in verify(tmp_path))


def test_a_changed_entry_is_found(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a", data={"to": 1}), draft("b")])
    path = tmp_path / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"to":1', b'"to":2'))
    assert [finding.what for finding in verify(tmp_path)] == ["entry 1 was changed after it was written"]


def test_a_full_disk_refuses_and_leaves_no_half_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a")])
    real = os.write

    def full(fd: int, data: Any) -> int:
        if fd == book._fd:
            real(fd, bytes(data)[:7])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Problem) as caught:
        book.append([draft("b")])
    assert caught.value.code == "ledger_unavailable"
    monkeypatch.undo()
    book.append([draft("c")])
    assert [entry.verb for entry in book.entries()] == ["a", "c"]
    assert verify(tmp_path) == []


def test_a_failed_sync_is_never_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Ledger.open(tmp_path)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(ledger_module, "_datasync", broken)
    with pytest.raises(FatalStoreError):
        book.append([draft("a")])
    monkeypatch.undo()
    with pytest.raises(Problem, match="read-only"):
        book.append([draft("b")])


def test_files_rotate_and_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "ROTATE_AT", 2_000)
    book = Ledger.open(tmp_path)
    for number in range(40):
        book.append([draft(f"v{number}")])
    assert len(ledger_files(tmp_path)) > 2
    assert [entry.verb for entry in read_entries(tmp_path)] == [f"v{n}" for n in range(40)]
    assert verify(tmp_path) == []
    assert Ledger.open(tmp_path).seq == 40


def test_readonly_neither_writes_nor_cuts(tmp_path: Path) -> None:
    book = Ledger.open(tmp_path)
    book.append([draft("a")])
    book.close()
    path = tmp_path / "000001.jsonl"
    with open(path, "ab") as file:
        file.write(b"{torn")
    before = path.read_bytes()
    reader = Ledger.open(tmp_path, readonly=True)
    with pytest.raises(Problem):
        reader.append([draft("b")])
    assert path.read_bytes() == before


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=examples(15), deadline=None)
@given(
    groups=st.lists(
        st.lists(st.dictionaries(st.text(), json_values, max_size=3), min_size=1, max_size=3), max_size=4
    ),
    cut=st.integers(0, 400),
)
def test_any_cut_costs_whole_commands_from_the_end_only(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[dict[str, Any]]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    book = Ledger.open(folder)
    for group in groups:
        book.append([draft("v", more=i + 1 < len(group), data=data) for i, data in enumerate(group)])
    book.close()
    path = folder / "000001.jsonl"
    size = path.stat().st_size
    os.truncate(path, max(0, size - cut))
    kept = [entry.data for entry in Ledger.open(folder).entries()]
    flat = [data for group in groups for data in group]
    ends = {0}
    for group in groups:
        ends.add(max(ends) + len(group))
    assert len(kept) in ends
    assert msgspec.json.encode(kept) == msgspec.json.encode(flat[: len(kept)])
    assert verify(folder) == []
