"""When a file is whole, and which names are deliveries."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlops_tui.daemon.arrivals import (
    DEBOUNCE,
    HOLD,
    OPEN_PATIENCE,
    PATIENCE,
    STEADY,
    Arrivals,
    being_written,
    mark_of,
)
from mlops_tui.project.arrivals import Matcher, is_temporary


def test_a_closed_file_waits_for_silence_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    arrivals = Arrivals()
    arrivals.notice(path, 0.0, closed=True)
    assert arrivals.ready(DEBOUNCE - 0.01) == []
    assert arrivals.ready(DEBOUNCE) == [str(path)]


def test_an_open_file_is_whole_when_two_looks_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    arrivals = Arrivals()
    arrivals.notice(path, 0.0)
    path.write_text("xy")
    arrivals.look_again(STEADY + 1)
    assert arrivals.ready(STEADY + 1) == []
    assert arrivals.ready(STEADY + 1 + DEBOUNCE) == [str(path)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")
def test_a_file_that_is_held_open_for_writing_is_not_whole(tmp_path: Path) -> None:
    path, arrivals = tmp_path / "slow.csv", Arrivals()
    with open(path, "w") as file:
        file.write("half of a row")
        file.flush()
        assert being_written(str(path))
        arrivals.notice(path, 0.0)
        assert arrivals.ready(30.0) == [] and arrivals.holding(30.0)
        assert arrivals.ready(OPEN_PATIENCE) == [str(path)] and not arrivals.holding(HOLD)
    assert not being_written(str(path)) and arrivals.ready(30.0) == [str(path)]
    with open(path):
        assert not being_written(str(path))


def test_a_whole_file_does_not_wait_for_ever(tmp_path: Path) -> None:
    whole, growing = tmp_path / "a.csv", tmp_path / "b.csv"
    whole.write_text("x")
    arrivals = Arrivals()
    arrivals.notice(whole, 0.0, closed=True)
    for step in range(12):
        growing.write_text("y" * (step + 1))
        arrivals.notice(growing, step * 0.5)
        if step * 0.5 < PATIENCE:
            assert arrivals.ready(step * 0.5) == []
    assert arrivals.ready(5.6) == [str(whole)]


def test_known_files_come_again_only_with_other_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    arrivals = Arrivals()
    mark = mark_of(path)
    assert mark is not None
    arrivals.learn(str(path), mark)
    arrivals.notice(path, 0.0, closed=True)
    assert arrivals.coming == {}
    path.write_text("other")
    arrivals.notice(path, 1.0, closed=True)
    assert list(arrivals.coming) == [str(path)]
    path.unlink()
    arrivals.look_again(2.0)
    assert arrivals.coming == {}


@pytest.mark.parametrize(
    "name", [".a.csv", "a.csv.tmp", "a.csv.part", "a.csv~", "A.CSV.TMP", ".#a.csv", "a.crdownload"]
)
def test_temporary_names(name: str) -> None:
    assert is_temporary(name)


@pytest.mark.parametrize(("pattern", "path", "matches"), [
    ("data/*.csv", "data/a.csv", True), ("data/*.csv", "data/x/a.csv", False), ("data/*.csv", "data/.a.csv", False),
    ("data/**/*.csv", "data/a.csv", True), ("data/**/*.csv", "data/x/y/a.csv", True), ("data/**/*.csv", "data/.git/a.csv", False),
    ("data/20[0-9][0-9]/*.csv", "data/2024/a.csv", True), ("data/a.csv", "data/a.csv", True), ("data/a.csv", "data/b.csv", False),
    ("*.csv", "a.csv", True), ("data/*", "data/a.csv.part", False),
])  # fmt: skip
def test_globs(tmp_path: Path, pattern: str, path: str, matches: bool) -> None:
    matcher = Matcher(tmp_path, pattern)
    assert matcher.matches(tmp_path / path) is matches
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text("")
    assert ([*matcher.find()] == [tmp_path / path]) is matches
