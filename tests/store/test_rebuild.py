"""The index from the truth again: the same one. Migrations, versions from the future, and what the doctor finds."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from index_box import do, end, journal, new_home, new_run, outcome, project, start

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index import points
from mlops_store.index.database import SCHEMA_DIR, Database, migrations
from mlops_store.index.doctor import examine
from mlops_store.index.rebuild import build, compare, rebuild
from mlops_store.index.writer import Writer
from mlops_store.ledger import Finding
from mlops_store.objects import Objects
from mlops_store.records import BatchFile, Column, DriftOutcome, EvaluationOutcome, Manifest, Outcome
from mlops_store.run_folder import RunFolder
from mlops_store.snapshots import Snapshots, snapshot_id


def full_home(tmp_path: Path) -> Home:
    """A home in which every table has something, built in the order of life: a little of each, read in between."""
    home = new_home(tmp_path)
    writer = Writer.open(home)
    do(writer, project(), key="k1")
    manifest = _manifest(home)
    do(writer, ("data.admit", {"project": "flights", "source": "s", "version": 1, "snapshot": manifest.snapshot, "manifest": manifest.path, "rows": 3,
                               "files": msgspec.to_builtins(manifest.files), "schema_version": 1}),
       ("schema.version", {"project": "flights", "source": "s", "version": 1, "columns": [{"name": "a"}], "diff": []}),
       ("data.quarantine", {"project": "flights", "source": "s", "path": "bad", "sha256": "0", "bytes": 1, "reason": "empty"}))  # fmt: skip
    folders = []
    for number, kind in enumerate(["train", "evaluate", "drift"]):
        folder = new_run(home, kind=kind, params={"lr": number}, tags={"a": "b"})
        do(
            writer,
            (
                "run.submit",
                {
                    "run_id": folder.run_id,
                    "kind": kind,
                    "project": "flights",
                    "model": "late",
                    "path": home.relative(folder.path),
                },
            ),
        )
        if number == 1:
            do(writer, ("run.note", {"run_id": folder.run_id, "text": "before its folder was read"}))
        writer.ingest([folder.path])
        start(folder)
        journal(
            folder,
            "1-a",
            *(["m", key, i, i, i / 7] for i in range(20) for key in ("auc", "loss")),
            ["p", "lr", 9],
            b"torn",
        )
        writer.ingest([folder.path])
        journal(folder, "1-a", b"\n", ["s", "x", "started", 1, {}], ["a", "m", 1, "ff"])
        journal(folder, "1-b", ["m", "auc", 3, 3, "nan"], ["t", "a", "c"])
        folders.append(folder)
    marked = {"run_id": folders[0].run_id, "set": {"a": "d"}, "remove": ["b"]}
    do(writer, ("run.tag", marked))
    origin = {"home": "home-1", "seq": 1, "hash": "aa", "time": 5, "actor": "bob", "verb": "policy.set"}
    do(
        writer,
        ("setting.set", {"name": "budget", "value": {"budget": 1}}),
        ("import.entry", {"origin": origin, "data": {}}),
    )
    outcome(
        folders[1],
        Outcome(
            kind="evaluate",
            evaluation=EvaluationOutcome(
                model="late", version=1, metrics={}, evaluation_key="e", evaluation_rows=1, clusters=1
            ),
        ),
    )
    outcome(
        folders[2],
        Outcome(
            kind="drift",
            drift=DriftOutcome(
                source="s",
                version=1,
                model="late",
                champion_version=1,
                batches=["b"],
                new_rows=1,
                mature_labelled_rows=1,
            ),
        ),
    )
    for folder in folders:
        end(folder)
    writer.ingest([folder.path for folder in folders])
    end(folders[0], 2, exit_code=3)
    (folders[0].attempt_dir(2) / "error.json").write_text('{"code": "x", "message": "y"}')
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "model.skops").write_bytes(b"model")
    digest = Objects(home).put_tree(tree)
    do(writer, ("model.register", {"project": "flights", "model": "late", "version": 1, "run_id": folders[0].run_id, "tree": digest, "metric": "loss", "direction": "min"}),
       *(("run.settle", {"run_id": folder.run_id, "state": "FINISHED"}) for folder in folders[:2]),
       ("gate.verdict", {"project": "flights", "model": "late", "version": 1, "verdict_id": "v", "verdict": "PASS", "gate": {"a": 1.5}}),
       ("alias.move", {"project": "flights", "model": "late", "alias": "champion", "from": None, "to": 1}),
       ("gate.look", {"project": "flights", "model": "late", "evaluation_key": "e", "look": 1, "split_by": "time", "batches": ["b"]}),
       ("view.define", {"project": "flights", "view": "w", "version": 1, "definition": "d", "record": {"source": "s"}}),
       ("proposal.open", {"id": "p", "project": "flights", "model": "late"}),
       ("firing.add", {"firing_id": "f", "project": "flights", "model": "late", "rule": "r", "kind": "drift"}),
       ("policy.set", {"project": "flights", "model": "late", "auto_promote": "never"}),
       ("prediction.record", {"run_id": "r", "model": "late", "version": 1, "rows": 3}),
       ("some.day", {"unknown": True}))  # fmt: skip
    write_json(home.alias_file("flights", "late"), {"aliases": {"champion": {"version": 1}}})
    writer.ingest([folder.path for folder in folders])
    writer.close()
    return home


def _manifest(home: Home) -> Manifest:
    snapshots = Snapshots(home)
    stored = snapshots.stored_file("flights", "s", "ab")
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"PAR1....PAR1")
    files = [BatchFile(sha256="ab", rows=3, path="a.csv", stored=home.relative(stored), bytes=5, admitted=1)]
    schema = [Column(name="a", type="int")]
    manifest = Manifest(project="flights", source="s", version=1, snapshot=snapshot_id(files, schema), schema=schema, schema_version=1,
                        files=files, rows=3, created=1)  # fmt: skip
    snapshots.write_manifest(manifest)
    return manifest


def test_a_rebuilt_index_is_the_same_and_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "LONG", 20)
    home = full_home(tmp_path)
    old = tmp_path / "old.duckdb"
    shutil.copy(home.index, old)
    seen: list[str] = []
    result = rebuild(home, lambda what, _count: seen.append(what))
    assert (result.runs, set(seen)) == (3, {"ledger entries", "runs"})
    a, b = Database.open(old), Database.open(home.index)
    assert compare(a, b) == []
    con = b.cursor()
    empty = [t for (t,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
             if not con.execute(f'SELECT count(*) FROM "{t}"').fetchone()[0]]  # fmt: skip
    assert set(empty) <= {"waivers"}, "the comparison says nothing about an empty table"
    con.execute("UPDATE last_values SET last = 5 WHERE key = 'loss'")
    con.close()
    assert [line.split(":")[0] for line in compare(a, b)] == ["last_values"]
    a.close()
    b.close()
    rebuild(home)
    writer = Writer.open(home)
    do(writer, project("after"))
    assert [row["name"] for row in writer.reader().rows("SELECT name FROM projects ORDER BY 1")] == [
        "after",
        "flights",
    ]
    writer.close()


def test_a_script_that_was_stopped_is_the_same_after_a_rebuild(tmp_path: Path) -> None:
    """Nothing of it is in the ledger before the stop, which a rebuild applies before it reads any folder."""
    home = new_home(tmp_path)
    writer = Writer.open(home)
    script = new_run(home, kind="sdk")
    start(script)
    writer.ingest([script.path])
    do(writer, ("run.stop", {"run_id": script.run_id}))
    build(home, tmp_path / "anew.duckdb")
    with closing(Database.open(tmp_path / "anew.duckdb")) as anew:
        assert compare(writer.database, anew) == []
    writer.close()


def test_a_rebuild_mends_a_damaged_index_and_leaves_one_in_use_alone(tmp_path: Path) -> None:
    home = full_home(tmp_path)
    home.index.write_bytes(b"not a database" * 1000)
    with pytest.raises(Problem) as caught:
        Writer.open(home)
    assert caught.value.code == "index_damaged" and "rebuild" in caught.value.hint
    rebuild(home)
    Writer.open(home).close()
    assert not list(home.index.parent.glob("rebuild*"))


def test_migrations_are_numbered_and_each_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    schema = tmp_path / "schema"
    shutil.copytree(SCHEMA_DIR, schema)
    last = migrations(schema)[-1][0]
    path = tmp_path / "i.duckdb"
    Database.open(path, schema=schema).close()
    bad = schema / f"{last + 1:03d}_bad.sql"
    bad.write_text("CREATE TABLE extra (a INTEGER); CREATE TABLE ledger (a INTEGER);")
    with pytest.raises(Exception, match="ledger"):
        Database.open(path, schema=schema)
    bad.write_text("CREATE TABLE extra (a INTEGER); ALTER TABLE projects ADD COLUMN note VARCHAR;")
    database = Database.open(path, schema=schema)
    assert database.version() == last + 1
    database.close()
    with pytest.raises(Problem) as caught:
        Database.open(path)
    assert caught.value.code == "index_newer" and caught.value.status == 3
    reader = Database.open(path, readonly=True)
    con = reader.cursor()
    assert con.execute("SELECT count(*) FROM extra").fetchall() == [(0,)]
    assert (
        "v1.5" in con.execute("SELECT tags::VARCHAR FROM duckdb_databases() WHERE NOT internal").fetchone()[0]
    )
    con.close()
    reader.close()


def findings(home: Home, **options: Any) -> list[Finding]:
    writer = Writer.open(home)
    with writer.reader() as read:
        found = examine(read, **options)
    writer.close()
    return found


def test_the_doctor_finds_only_what_is_there(tmp_path: Path) -> None:
    found = findings(full_home(tmp_path), deep=True, is_alive=lambda _folder, _attempt: False)
    assert [f.what for f in found if f.severity == "error"] == []
    assert {f.what for f in found} == {"1 lines of the journal could not be read (torn or damaged)"}


def test_the_doctor_finds_what_was_broken(tmp_path: Path) -> None:
    home = full_home(tmp_path)
    lost = new_run(home)
    start(lost)
    writer = Writer.open(home)
    writer.ingest([lost.path])
    with writer.reader() as read:
        tree = read.rows("SELECT tree FROM model_versions")[0]["tree"]
        run_ids = [
            row["run_id"]
            for row in read.rows("SELECT run_id FROM runs WHERE kind = 'train' ORDER BY created")
        ]
    writer.close()
    objects = Objects(home)
    model = objects.path(objects.tree(tree)["model.skops"].sha256)
    model.chmod(0o600)
    model.write_bytes(b"other")
    next(home.data.rglob("*.parquet")).write_bytes(b"PAR1")
    (home.inbox / ("e" * 32)).touch()
    home.alias_file("flights", "late").write_text('{"aliases": {"champion": 7}}')
    path = RunFolder(home.run_dir(run_ids[0])).journals()[0]
    path.write_bytes(path.read_bytes()[:100])
    gone = new_run(home)
    found = findings(home, deep=True, is_alive=lambda _folder, _attempt: False)
    text = "\n".join(f"{f.severity} {f.what}" for f in found)
    for expected in ("error model.skops", "a run in the inbox", "the alias file says", "error the journal shrank", "no process of it lives",
                     "a run folder is not in the index"):  # fmt: skip
        assert expected in text
    assert all(f.fix for f in found) and gone.path.exists()
    shutil.rmtree(home.data)
    shutil.rmtree(lost.path)
    text = "\n".join(f.what for f in findings(home))
    assert "manifest" in text and "the folder of a run is missing" in text
