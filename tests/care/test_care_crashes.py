"""A process that dies at any of its steps: what is named is there, and doing it again finishes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from care_box import Box
from test_bundles import fill, take
from test_gc import age, stage

from mlops_store import gc_sweep
from mlops_store.bundle_write import Choice, write
from mlops_store.gc_find import Keep
from mlops_store.ids import new_run_id, now_ms
from mlops_store.index.apply_care import FOLDER_TABLES
from mlops_store.objects import Objects
from mlops_tui.services import run_trash
from mlops_tui.verbs.run import RunSet

STEPS = ("rename", "link", "replace", "unlink", "utime")


class Killed(BaseException):
    """Nothing may catch this."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the process die just before its n-th change of a name on the disk; 0 lets it live."""
    left = {"steps": 0}

    def wrap(real: Any) -> Any:
        def step(*args: Any, **options: Any) -> Any:
            if left["steps"]:
                left["steps"] -= 1
                if left["steps"] == 0:
                    raise Killed
            return real(*args, **options)

        return step

    for name in STEPS:
        monkeypatch.setattr(os, name, wrap(getattr(os, name)))
    monkeypatch.setattr(Path, "unlink", wrap(Path.unlink))
    monkeypatch.setattr(shutil, "rmtree", wrap(shutil.rmtree))

    def die(steps: int) -> None:
        left["steps"] = steps

    return die


def deaths(
    dying: Callable[[int], None], what: Callable[[], Any], before: Callable[[], None] = lambda: None
) -> Iterator[int]:
    """Does `what` again and again, dying one step later each time, until it gets through."""
    for number in range(1, 400):
        before()
        dying(number)
        try:
            what()
        except Killed:
            dying(0)
            yield number
            continue
        dying(0)
        return
    raise AssertionError("it never got through")


def test_a_collection_may_die_at_every_step(box: Box, dying: Callable[[int], None]) -> None:
    objects = Objects(box.home)
    tree = box.register(box.run(), files={"model.skops": "m" * 9000, "code/recipe.py": "x = 1\n" * 900})
    named = {tree, *(file.sha256 for file in objects.tree(tree).values())}
    copy = box.home.run_dir(box.run()) / "code" / "recipe.py"
    copy.parent.mkdir()

    def litter() -> None:
        for number in range(3):
            objects.put_bytes(b"orphan %d" % number * 500)
        if not (box.home.cache / "flights" / "features" / ("a" * 64)).exists():
            stage(box, "a" * 64, 9000, 9e6)
        copy.unlink(missing_ok=True)
        copy.write_text("x = 1\n" * 900)
        for path in [*box.home.objects.glob("*/*"), copy]:
            age(path)

    def collect() -> None:
        keep = Keep(made=now_ms(), cutoff=now_ms() - 60_000, digests=[tree], cache=0)
        gc_sweep.sweep(box.home, keep, new_run_id())

    rounds = 0
    for rounds in deaths(dying, collect, litter):  # noqa: B007 - the number is what is asked for
        assert all(objects.read(digest) is not None for digest in named)
        assert copy.read_text() == "x = 1\n" * 900 if copy.exists() else True
    assert rounds > 8
    assert not list(box.home.objects.glob("*/.*"))
    assert not (box.home.cache / "flights" / "features" / ("a" * 64)).exists()
    assert box.differences() == []


def test_an_import_may_die_at_every_step(box: Box, tmp_path: Path, dying: Callable[[int], None]) -> None:
    fill(box)
    write(box.home, tmp_path / "b", Choice())
    other = Box(tmp_path / "other")
    other.append(("project.add", {"name": "elsewhere", "dir": "/elsewhere"}))
    rounds = 0
    for rounds in deaths(dying, lambda: take(other, tmp_path / "b")):  # noqa: B007
        assert (
            other.writer.ledger.seq == 1
            or other.rows("SELECT count(*) AS n FROM model_versions")[0]["n"] == 1
        )
    assert rounds > 5
    assert take(other, tmp_path / "b").applied == 0
    sql = "SELECT run_id, name, state, actor, deleted IS NULL AS d FROM runs ORDER BY run_id"
    assert other.rows(sql) == box.rows(sql)
    assert other.differences() == []
    other.close()


def test_a_deletion_may_die_at_every_step(box: Box, dying: Callable[[int], None]) -> None:
    from mlops_tui.daemon import run_folders

    run_id = box.run()

    def there_and_back() -> None:
        row = box.rows("SELECT deleted FROM runs WHERE run_id = ?", [run_id])[0]
        service = run_trash.delete if row["deleted"] is None else run_trash.restore
        box.do(service, RunSet(runs=[run_id]))

    for _ in deaths(dying, there_and_back):
        with box.read() as read:
            run_folders.reconcile(read)
        row = box.rows("SELECT deleted FROM runs WHERE run_id = ?", [run_id])[0]
        assert box.home.run_dir(run_id).is_dir() == (row["deleted"] is None)
        assert box.home.trashed_run(run_id).is_dir() == (row["deleted"] is not None)
    box.writer.ingest([box.home.run_dir(run_id)])
    assert box.differences() == []


def test_every_table_of_what_folders_say_is_cleared_by_a_deletion(box: Box) -> None:
    """A table with a run_id is either made of run folders, and then in FOLDER_TABLES, or of the ledger, or follows the run's rows, and then here."""
    of_ledger = {
        "runs",
        "mark_log",
        "data_versions",
        "batches",
        "model_versions",
        "verdicts",
        "looks",
        "predictions",
        "proposals",
    }
    found = box.rows(
        "SELECT DISTINCT c.table_name AS name FROM duckdb_columns() c JOIN duckdb_tables() t ON t.table_name = c.table_name "
        "WHERE c.column_name = 'run_id' AND NOT t.internal"
    )
    assert {row["name"] for row in found} == of_ledger | {"run_packs"} | set(FOLDER_TABLES)
