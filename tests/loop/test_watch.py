"""A file in a watched folder becomes a data version, whatever way it comes."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest
from loop_box import LoopBox

TOML = """
[project]
name = "shop"
[source.orders]
path = "data/orders/*.csv"
key = ["id"]
event_time = "at"
[source.stock]
path = "data/stock/**/*.csv"
key = ["id"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "data" / "orders").mkdir(parents=True)
    (folder / "mlops.toml").write_text(TOML)
    return folder


def orders(start: int, rows: int = 3) -> str:
    return "id,at,amount\n" + "".join(
        f"{i},2024-01-{i % 28 + 1:02d} 10:00,{i * 1.5}\n" for i in range(start, start + rows)
    )


def versions(box: LoopBox, source: str = "orders") -> list[int]:
    return [
        row["version"]
        for row in box.rows("SELECT version FROM data_versions WHERE source = ? ORDER BY version", source)
    ]


def test_files_that_are_there_and_files_that_come(tmp_path: Path, project: Path) -> None:
    (project / "data/orders/a.csv").write_text(orders(0))
    (project / "data/orders/b.csv").write_text(orders(10))
    with LoopBox(tmp_path) as box:
        box.add_project(project)
        assert not box.watcher.project_quiet("shop")
        box.until(lambda: versions(box) == [1])
        box.until(lambda: box.watcher.project_quiet("shop"))
        (project / "data/orders/c.csv.tmp").write_text(orders(20))
        os.rename(project / "data/orders/c.csv.tmp", project / "data/orders/c.csv")
        box.until(lambda: versions(box) == [1, 2])
        (project / "data/orders/bad.csv").write_text("id,at\n1,2024-01-01\n")
        held = box.until(lambda: box.rows("SELECT path, reason FROM quarantine WHERE state = 'HELD'"))
        ((path, reason),) = [(one["path"], one["reason"]) for one in held]
        assert path == "data/orders/bad.csv" and reason.startswith(
            "column 'amount' is missing; where values come later"
        )
        box.until(lambda: box.watcher.project_quiet("shop"))
        runs = len(box.rows("SELECT 1 AS one FROM runs"))
    with LoopBox(tmp_path) as box:
        box.until(lambda: box.watcher.project_quiet("shop"))
        assert len(box.rows("SELECT 1 AS one FROM runs")) == runs


def test_new_folders_below_a_recursive_glob(tmp_path: Path, project: Path) -> None:
    with LoopBox(tmp_path) as box:
        box.add_project(project)
        box.until(lambda: box.watcher.busy())
        new = project / "data/stock/2024/01"
        new.mkdir(parents=True)
        (new / "a.csv").write_text("id,n\n1,2\n")
        box.until(lambda: versions(box, "stock") == [1])


def test_polling_finds_what_no_event_tells(tmp_path: Path, project: Path) -> None:
    with LoopBox(tmp_path, events=False, poll=0.1) as box:
        box.add_project(project)
        (project / "data/orders/a.csv").write_text(orders(0))
        box.until(lambda: versions(box) == [1])


def test_a_slow_writer_is_waited_for(tmp_path: Path, project: Path) -> None:
    with LoopBox(tmp_path) as box:
        box.add_project(project)
        box.until(lambda: box.watcher.busy())
        with open(project / "data/orders/slow.csv", "w") as file:
            lines = orders(0, 40).splitlines(keepends=True)
            for line in lines:
                file.write(line)
                file.flush()
                box.until(lambda: True)
                assert versions(box) == []
        box.until(lambda: versions(box) == [1])
        assert box.rows('SELECT "rows" AS n FROM data_versions') == [{"n": 40}]


def test_the_limit_of_inotify_leads_to_polling(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("watchdog.observers.inotify.InotifyObserver.schedule", full)
    with LoopBox(tmp_path, poll=0.1) as box:
        box.add_project(project)
        (project / "data/orders/a.csv").write_text(orders(0))
        box.until(lambda: versions(box) == [1])
    assert any("is polled: the limit of inotify" in message for message in caplog.messages)


def test_hostile_names_go_all_the_way(tmp_path: Path, project: Path) -> None:
    names = [b"new\nline.csv", b"\x1b[31m.csv", b"caf\xe9.csv", b"'; DROP TABLE runs; --.csv"]
    with LoopBox(tmp_path) as box:
        box.add_project(project)
        for number, name in enumerate(names):
            with open(os.path.join(os.fsencode(project / "data/orders"), name), "w") as file:
                file.write(orders(number * 10))
        box.until(lambda: box.rows("SELECT count(*) AS n FROM batches") == [{"n": 4}])
        box.until(lambda: box.watcher.project_quiet("shop"))
        runs = len(box.rows("SELECT 1 AS one FROM runs"))
    with LoopBox(tmp_path) as box:
        box.until(lambda: box.watcher.project_quiet("shop"))
        assert len(box.rows("SELECT 1 AS one FROM runs")) == runs


def test_files_wait_for_a_configuration_that_is_right(tmp_path: Path, project: Path) -> None:
    with LoopBox(tmp_path) as box:
        box.add_project(project)
        box.until(lambda: box.watcher.busy())
        (project / "mlops.toml").write_text(TOML + "\n[source.orders]\n")
        box.until(lambda: box.watcher.problems())
        (project / "data/orders/a.csv").write_text(orders(0))
        (source,) = [one for one in box.watcher._sources() if one.name == "orders"]
        box.until(lambda: source.arrivals.ready(time.monotonic()))
        assert box.watcher.project_quiet("shop")  # nothing else is held up by it
        source.failures, source.not_before = (
            3,
            float("inf"),
        )  # what is mended is tried at once, whatever failed before
        (project / "mlops.toml").write_text(TOML)
        box.until(lambda: versions(box) == [1], seconds=10)
        assert [row["state"] for row in box.rows("SELECT state FROM runs")] == ["FINISHED"]
