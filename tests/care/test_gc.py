"""Collecting: what goes, what stays, and what happens in between."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from care_box import Box

from mlops_store import gc_sweep
from mlops_store.atomic import read_json, write_json
from mlops_store.errors import Problem
from mlops_store.gc_find import KEEP_FILE, Keep, find
from mlops_store.ids import new_run_id, now_ms
from mlops_store.index.writer import Command
from mlops_store.objects import Objects
from mlops_store.records import GcOutcome
from mlops_tui.services import home as homes
from mlops_tui.services import run_trash
from mlops_tui.verbs.home import HomeGc, HomeRestore
from mlops_tui.verbs.run import RunSet

OLD = 400 * 86_400


def age(path: Path, seconds: float = OLD) -> Path:
    """Makes a file or folder look as if it was last used that long ago."""
    then = now_ms() / 1000 - seconds
    for item in [path, *(path.rglob("*") if path.is_dir() else [])]:
        os.utime(item, (then, then))
    return path


def age_runs(box: Box) -> None:
    for folder in box.home.runs.glob("*/*"):
        age(folder)


def keep_of(box: Box, request: HomeGc) -> Keep:
    """What the verb writes down for the process that collects."""
    run = box.do(homes.gc, request)
    keep = read_json(box.home.run_dir(run.run_id) / KEEP_FILE, Keep)
    finish(box, run.run_id)
    return keep


def finish(box: Box, run_id: str) -> None:
    """The run of the verb is over, as its shim would say."""
    from mlops_store.records import ExitRecord

    write_json(
        box.home.run_dir(run_id) / "attempts" / "1" / "exit.json",
        ExitRecord(exit_code=0, signal=None, ended=now_ms()),
    )
    box.writer.ingest([box.home.run_dir(run_id)])
    box.append(("run.settle", {"run_id": run_id, "state": "FINISHED"}))


def collect(box: Box, **options: Any) -> GcOutcome:
    return gc_sweep.sweep(box.home, keep_of(box, HomeGc(**options)), new_run_id())


def stage(box: Box, key: str, size: int, used: float) -> Path:
    folder = box.home.cache / "flights" / "features" / key
    folder.mkdir(parents=True)
    (folder / "train.parquet").write_bytes(os.urandom(size))
    (folder / "stage.json").write_text("{}")
    return age(folder, used)


def test_only_objects_that_nothing_names_go_and_come_back(box: Box) -> None:
    objects = Objects(box.home)
    code = {"model.skops": "m" * 5000, "code/recipe.py": "x = 1\n" * 1000}
    tree = box.register(box.run(), 1, files=code)  # no alias: a registered version stays all the same
    orphan = objects.put_bytes(b"orphan" * 1000)
    fresh = objects.put_bytes(b"fresh" * 1000)
    for path in box.home.objects.glob("*/*"):
        if path.name != fresh:
            age(path)
    plan = box.ask(homes.plan_gc, HomeGc())
    assert any(step.startswith("objects: 1 of") for step in plan.steps)
    run_id = new_run_id()
    outcome = gc_sweep.sweep(box.home, keep_of(box, HomeGc()), run_id)
    assert outcome.swept["objects"]["items"] == 1
    assert not objects.has(orphan) and objects.has(fresh)
    assert all(objects.has(file.sha256) for file in objects.tree(tree).values())
    assert gc_sweep.put_back(box.home, run_id) == {"objects": 1, "logs": 0}
    assert objects.read(orphan) == b"orphan" * 1000
    assert box.differences() == []


def test_nothing_used_since_the_oldest_open_run_began_is_touched(box: Box) -> None:
    objects = Objects(box.home)
    begun = now_ms() - 10 * 86_400_000
    running = box.run(state="RUNNING", created=begun)
    before, since = objects.put_bytes(b"before" * 1000), objects.put_bytes(b"since" * 1000)
    age(objects.path(before), 11 * 86_400)
    age(objects.path(since), 9 * 86_400)
    keep = keep_of(box, HomeGc())
    assert keep.cutoff == begun and running in keep.because
    gc_sweep.sweep(box.home, keep, new_run_id())
    assert not objects.has(before) and objects.has(since)


def test_what_an_unsettled_outcome_names_stays(box: Box) -> None:
    objects = Objects(box.home)
    digest = objects.put_bytes(b"a tree to be" * 100)
    age(objects.path(digest))
    run_id = box.run()
    box.writer.execute(
        [Command(lambda tx: tx.append("run.resume", run_id, {"run_id": run_id, "attempt": 1}), "ann")]
    )
    with box.writer._con.cursor() as con:
        con.execute("INSERT INTO outcomes VALUES (?, 1, 'train', ?)", [run_id, f'{{"tree": "{digest}"}}'])
    assert digest in keep_of(box, HomeGc()).digests


def test_an_object_taken_into_use_between_look_and_rename_goes_back(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = Objects(box.home)
    data = b"wanted again" * 1000
    digest = objects.put_bytes(data)
    age(objects.path(digest))
    keep = keep_of(box, HomeGc())
    rename = os.rename

    def meanwhile(source: Any, target: Any) -> None:
        if Path(source).name == digest:
            assert objects.put_bytes(data) == digest  # a training finds it, and relies on it
        rename(source, target)

    monkeypatch.setattr(os, "rename", meanwhile)
    outcome = gc_sweep.sweep(box.home, keep, new_run_id())
    assert outcome.kept == {"in use after all": 1}
    assert objects.read(digest) == data

    def too_late(source: Any, target: Any) -> None:
        rename(source, target)
        if Path(source).name == digest:
            assert objects.put_bytes(data) == digest  # it finds nothing, and writes it anew

    age(objects.path(digest))
    monkeypatch.setattr(os, "rename", too_late)
    gc_sweep.sweep(box.home, keep, new_run_id())
    assert objects.read(digest) == data


def test_writers_and_collections_at_once_lose_nothing(box: Box) -> None:
    """Trainings put the same trees again and again while they are collected: what a put returned is there when it is named."""
    objects, stop, failures = Objects(box.home), threading.Event(), []
    keep = Keep(made=now_ms(), cutoff=now_ms() - 3_600_000)

    def train(number: int) -> None:
        while not stop.is_set():
            data = b"%d" % number * 5000
            digest = objects.put_bytes(data)
            try:
                objects.read(digest)
            except Problem as problem:
                failures.append(problem)
            with contextlib.suppress(FileNotFoundError):  # for a moment a collection has it in its hands
                age(objects.path(digest))

    threads = [threading.Thread(target=train, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        gc_sweep.sweep(box.home, keep, new_run_id())
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_named_objects_that_an_earlier_collection_took_come_back(box: Box) -> None:
    objects = Objects(box.home)
    digest = objects.put_bytes(b"late reference" * 100)
    age(objects.path(digest))
    collect(box)
    assert not objects.has(digest)
    outcome = gc_sweep.sweep(box.home, Keep(made=now_ms(), cutoff=now_ms(), digests=[digest]), new_run_id())
    assert outcome.kept["objects brought back from the trash"] == 1
    assert objects.has(digest)


def test_the_cache_shrinks_to_its_room_least_recently_used_first(box: Box) -> None:
    oldest, middle, newest = (
        stage(box, name * 64, 50_000, used) for name, used in [("a", 9e6), ("b", 8e6), ("c", 7e6)]
    )
    young = stage(box, "d" * 64, 50_000, 60)
    keep = keep_of(box, HomeGc())
    keep.cache = 120_000
    gc_sweep.sweep(box.home, keep, new_run_id())
    assert [folder.is_dir() for folder in (oldest, middle, newest, young)] == [False, False, True, True]
    keep.cache = 0
    gc_sweep.sweep(box.home, keep, new_run_id())
    assert young.is_dir(), "it was used since the cutoff"
    assert not newest.exists()


def test_a_budget_shrinks_the_cache_and_nothing_else(box: Box) -> None:
    kept = stage(box, "a" * 64, 50_000, 9e6)
    box.run()
    outcome = collect(box, budget=1)
    assert not kept.exists()
    assert set(outcome.swept) == {"cache"}


def test_logs_of_long_ago_go_but_not_those_that_something_stands_on(box: Box) -> None:
    plain, champion, recent = box.run(), box.run(model="late"), box.run()
    box.register(champion, alias="champion")
    for run_id in (plain, champion):
        age(box.home.run_dir(run_id))
    run_id = new_run_id()
    gc_sweep.sweep(box.home, keep_of(box, HomeGc()), run_id)
    logs = {run: (box.home.run_dir(run) / "log.txt").exists() for run in (plain, champion, recent)}
    assert logs == {plain: False, champion: True, recent: True}
    assert box.differences() == []
    assert gc_sweep.put_back(box.home, run_id)["logs"] == 1
    assert (box.home.run_dir(plain) / "log.txt").read_text() == "it began\nit ended\n"


def test_code_copies_become_names_of_the_objects(box: Box) -> None:
    text = "x = 1\n" * 2000
    run_id, other = box.run(), box.run(state="RUNNING", created=now_ms())
    for name in (run_id, other):
        folder = box.home.run_dir(name) / "code"
        folder.mkdir()
        (folder / "recipe.py").write_text(text)
        (folder / "own.py").write_text("y" * len(text))
    box.register(run_id, files={"code/recipe.py": text})
    age_runs(box)
    keep = keep_of(box, HomeGc())
    outcome = gc_sweep.sweep(box.home, keep, new_run_id())
    assert outcome.swept["code copies"]["items"] == 1
    copy = box.home.run_dir(run_id) / "code" / "recipe.py"
    assert copy.read_text() == text and copy.stat().st_nlink == 2
    assert (box.home.run_dir(other) / "code" / "recipe.py").stat().st_nlink == 1
    assert gc_sweep.sweep(box.home, keep, new_run_id()).swept == {}


def test_the_trash_is_emptied_by_age_and_the_ledger_says_so_first(box: Box) -> None:
    run_id, kept = box.run(), box.run()
    box.do(run_trash.delete, RunSet(runs=[run_id]))
    assert collect(box).swept == {}
    assert box.home.trashed_run(run_id).is_dir()
    keep = keep_of(box, HomeGc(keep_days=0))
    assert box.rows("SELECT purged FROM runs WHERE run_id = ?", [run_id])[0]["purged"] is not None
    assert box.home.trashed_run(run_id).is_dir(), "a process that dies here leaves it to the next"
    with pytest.raises(Problem, match="emptied"):
        box.do(run_trash.restore, RunSet(runs=[run_id]))
    gc_sweep.sweep(box.home, keep, new_run_id())
    assert not box.home.trashed_run(run_id).exists()
    assert box.home.run_dir(kept).is_dir()
    assert box.differences() == []


def test_a_sweep_that_died_is_finished_by_the_next(box: Box) -> None:
    left = box.home.trash / "gc" / new_run_id() / "drop" / "x"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"x" * 9000)
    assert collect(box).swept["trash"]["items"] == 1
    assert not left.exists()


def test_beginnings_of_dead_writers_go(box: Box) -> None:
    dead = box.home.tmp / "checkout-abc"
    dead.mkdir()
    (dead / "half").write_bytes(b"x" * 9000)
    age(dead)
    half = box.home.objects / "ab" / ".abc.12.0123abcd.tmp"
    half.parent.mkdir()
    half.write_bytes(b"x" * 9000)
    age(half)
    alive = box.home.tmp / "checkout-new"
    alive.mkdir()
    assert collect(box).swept["tmp"]["items"] == 2
    assert alive.is_dir() and not dead.exists() and not half.exists()


def test_one_collection_at_a_time(box: Box) -> None:
    first = box.do(homes.gc, HomeGc())
    with pytest.raises(Problem, match="is collecting") as caught:
        box.do(homes.gc, HomeGc())
    assert caught.value.status == 3
    finish(box, first.run_id)
    box.do(homes.gc, HomeGc())


def test_only_a_collection_is_undone(box: Box) -> None:
    with pytest.raises(Problem, match="of kind train"):
        box.do(homes.restore, HomeRestore(run_id=box.run()))


def test_a_plan_touches_nothing(box: Box) -> None:
    objects = Objects(box.home)
    age(objects.path(objects.put_bytes(b"orphan" * 1000)))
    stage(box, "a" * 64, 50_000, 9e6)
    before = sorted(str(path) for path in box.home.path.rglob("*"))
    keep = Keep(made=now_ms(), cutoff=now_ms(), cache=0)
    assert {found.kind for found in find(box.home, keep)} == {"objects", "cache"}
    box.ask(homes.plan_gc, HomeGc())
    assert sorted(str(path) for path in box.home.path.rglob("*")) == before
