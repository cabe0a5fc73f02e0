"""Exported, backed up, imported: what comes over, what is kept apart, and what is refused."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from care_box import Box

from mlops_store.bundle import BUNDLE_FILE, Bundle, read_bundle
from mlops_store.bundle_write import Choice, Written, write
from mlops_store.errors import Problem
from mlops_store.ledger import verify
from mlops_store.objects import Objects
from mlops_tui.cli.commands import home as commands
from mlops_tui.daemon import inbox
from mlops_tui.daemon.run_table import open_runs
from mlops_tui.services import home as homes
from mlops_tui.services import home_import, run_trash
from mlops_tui.verbs.home import HomeBackup, HomeImport, HomeImported
from mlops_tui.verbs.run import RunSet


class Client:
    """A daemon's answers, without a daemon."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def call(self, key: str, request: Any) -> Any:
        assert key == "home import"
        return self._box.do(homes.import_, request, actor="importer")

    def ping(self) -> None:
        """What the loop does once in a while."""
        with self._box.read() as read:
            found = inbox.take(self._box.home, read, inbox.waiting(self._box.home))
        self._box.writer.ingest([self._box.home.run_dir(run_id) for run_id in found])
        inbox.done(self._box.home, found)


class Session:
    interactive = False
    project_option = None

    def __init__(self, box: Box) -> None:
        self.home, self._box = box.home, box

    def client(self) -> Client:
        return Client(self._box)


def take(box: Box, source: Path, **options: Any) -> HomeImported:
    return commands.import_(Session(box), HomeImport(source=str(source), **options))  # type: ignore[arg-type]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Box]:
    """Another home, with a decision of its own, so that it is not empty."""
    made = Box(tmp_path / "other")
    made.append(("project.add", {"name": "elsewhere", "dir": "/elsewhere"}))
    yield made
    made.close()


def fill(box: Box) -> dict[str, str]:
    """A project with data, a model with a champion, runs of every sort."""
    sha = "a" * 64
    stored = box.home.data / "flights" / "flights" / "files" / f"{sha}.parquet"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"PAR1 rows PAR1")
    manifest = box.home.data / "flights" / "flights" / "v000001" / "manifest.json"
    manifest.parent.mkdir()
    file = {
        "sha256": sha,
        "rows": 1,
        "path": "a.csv",
        "stored": box.home.relative(stored),
        "bytes": 14,
        "admitted": 1,
    }
    manifest.write_bytes(msgspec.json.encode({
        "project": "flights", "source": "flights", "version": 1, "snapshot": "s", "schema": [], "schema_version": 1, "files": [file], "rows": 1, "created": 1,
    }))  # fmt: skip
    ingest, train, script = box.run("ingest"), box.run(model="late"), box.run("sdk")
    box.append(
        ("project.add", {"name": "flights", "dir": "/flights"}),
        (
            "data.admit",
            {
                "project": "flights",
                "source": "flights",
                "version": 1,
                "snapshot": "s",
                "rows": 1,
                "files": [file],
                "run_id": ingest,
                "manifest": box.home.relative(manifest),
            },
        ),
    )
    tree = box.register(train, alias="champion", pins={"flights": 1})
    gone = box.run(project="flights", state="FAILED")
    box.do(run_trash.delete, RunSet(runs=[gone]))
    return {"ingest": ingest, "train": train, "script": script, "gone": gone, "tree": tree}


def state(box: Box) -> tuple[int, list[str]]:
    """All that an import could change."""
    paths = [
        p for p in box.home.path.rglob("*") if p.is_file() and not p.is_relative_to(box.home.index.parent)
    ]
    return box.writer.ledger.seq, sorted(f"{p} {p.stat().st_size}" for p in paths)


def test_a_merge_brings_everything_with_its_ids_times_and_authors(
    box: Box, other: Box, tmp_path: Path
) -> None:
    made = fill(box)
    write(box.home, tmp_path / "all.tar", Choice())
    plan = take(other, tmp_path / "all.tar", dry_run=True)
    assert plan.dry_run and plan.applied > 8 and other.writer.ledger.seq == 1
    found = take(other, tmp_path / "all.tar")
    assert (found.recorded, found.conflicts, found.projects) == (1, [], ["flights"])
    assert (found.runs, found.objects, found.data) == (4, 2, 2)
    assert verify(other.home.ledger) == []
    for table, key in [
        ("model_versions", "version"),
        ("aliases", "alias"),
        ("data_versions", "version"),
        ("last_values", "run_id"),
        ("verdicts", "verdict_id"),
    ]:
        columns = [
            row["name"] for row in box.rows(f"PRAGMA table_info('{table}')") if row["name"] not in ("seq",)
        ]
        sql = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {key}"
        assert other.rows(sql) == box.rows(sql), table  # times and authors too
    sql = "SELECT run_id, name, state, actor, created, archived IS NULL AS a, deleted IS NULL AS d FROM runs ORDER BY run_id"
    assert other.rows(sql) == box.rows(sql)
    assert other.home.trashed_run(made["gone"]).is_dir()
    assert Objects(other.home).tree(made["tree"])
    assert not other.rows("SELECT 1 FROM projects WHERE name = 'flights'"), (
        "whose code runs here is for somebody here to say"
    )
    assert other.differences() == []
    origin = other.rows("SELECT data FROM ledger WHERE verb = 'model.register'")[0]["data"]
    assert msgspec.json.decode(origin)["origin"]["actor"] == "ann"


def test_between_two_pieces_nothing_is_ours_to_launch_or_to_settle(
    box: Box, other: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(box)
    write(box.home, tmp_path / "b", Choice())
    monkeypatch.setattr(home_import, "_PIECE", 1)
    call, pieces = Client.call, []

    def looked_at(self: Client, key: str, request: Any) -> Any:
        found = call(self, key, request)
        with other.read() as read:
            pieces.append(open_runs(read))
        return found

    monkeypatch.setattr(Client, "call", looked_at)
    take(other, tmp_path / "b")
    assert len(pieces) > 8 and not any(pieces)
    assert other.differences() == []


def test_importing_twice_changes_nothing_and_later_brings_what_is_new(
    box: Box, other: Box, tmp_path: Path
) -> None:
    fill(box)
    write(box.home, tmp_path / "b", Choice())
    take(other, tmp_path / "b")
    before = state(other)
    again = take(other, tmp_path / "b")
    assert (again.applied, again.recorded, again.runs) == (0, 0, 0)
    assert state(other) == before
    new = box.run()
    box.do(run_trash.archive, RunSet(runs=[new]))
    write(box.home, tmp_path / "b", Choice())
    later = take(other, tmp_path / "b")
    assert (later.applied, later.runs) == (3, 1)
    assert other.rows("SELECT run_id FROM runs WHERE archived IS NOT NULL") == [{"run_id": new}]
    assert take(box, tmp_path / "b").applied == 0, "a home's own backup is nothing new to it"
    assert other.differences() == []


def test_two_truths_ours_holds_theirs_is_recorded(box: Box, other: Box, tmp_path: Path) -> None:
    theirs = fill(box)
    own = other.run(model="late")
    other.register(own, alias="champion", files={"model.skops": "ours"})
    write(box.home, tmp_path / "b.tar", Choice())
    found = take(other, tmp_path / "b.tar")
    assert found.conflicts == ["model flights late: decided about here too; theirs is recorded, ours holds"]
    assert other.rows("SELECT run_id FROM model_versions") == [{"run_id": own}]
    recorded = other.rows(
        "SELECT data FROM ledger WHERE verb = 'import.entry' AND data ->> '$.origin.verb' = 'model.register'"
    )
    assert msgspec.json.decode(recorded[0]["data"])["data"]["run_id"] == theirs["train"]
    assert verify(other.home.ledger) == []
    before = state(other)
    take(other, tmp_path / "b.tar")
    assert state(other) == before
    assert other.differences() == []


def test_what_was_deleted_here_does_not_come_back(box: Box, other: Box, tmp_path: Path) -> None:
    run_id = box.run("sdk")
    box.run()
    write(box.home, tmp_path / "b", Choice())
    take(other, tmp_path / "b")
    other.do(run_trash.delete, RunSet(runs=[run_id]))
    found = take(other, tmp_path / "b")
    assert found.conflicts == [f"run {run_id}: decided about here; left as it is"]
    assert not other.home.run_dir(run_id).exists()


def test_another_run_under_the_same_id_is_named(box: Box, other: Box, tmp_path: Path) -> None:
    run_id = box.run("sdk")
    other.run("sdk", run_id=run_id, name="mine")
    write(box.home, tmp_path / "b", Choice())
    assert take(other, tmp_path / "b").conflicts == [
        f"run {run_id}: another run has this id here; left as it is"
    ]


def test_runs_under_way_come_when_they_are_over(box: Box, other: Box, tmp_path: Path) -> None:
    running, queued = box.run(state="RUNNING"), box.run(state="QUEUED")
    box.run()
    write(box.home, tmp_path / "b", Choice())
    found = take(other, tmp_path / "b")
    assert found.unfinished == sorted([running, queued])
    assert found.runs == 1 and not other.home.run_dir(queued).exists()
    assert {row["state"] for row in other.rows("SELECT state FROM runs")} == {"FINISHED"}


def test_part_of_a_command_comes_over_where_only_part_of_it_was_chosen(
    box: Box, other: Box, tmp_path: Path
) -> None:
    fill(box)
    policy = {"project": "flights", "model": "late", "auto_approve": False, "auto_promote": "never"}
    box.append(("policy.set", policy), ("project.add", {"name": "clinic", "dir": "/clinic"}))
    written = write(box.home, tmp_path / "m.tar", Choice(project="flights", model="late"))
    found = take(other, tmp_path / "m.tar")
    assert (found.applied, found.recorded) == (written.bundle.entries, 0)
    assert other.rows("SELECT model FROM policies") == [{"model": "late"}]
    assert take(other, tmp_path / "m.tar").applied == 0
    assert other.differences() == []


def test_only_what_was_chosen(box: Box, tmp_path: Path) -> None:
    made = fill(box)
    foreign = box.run(project="clinic")
    for name, choice, runs in [
        ("p", Choice(project="flights"), {made["ingest"], made["train"], made["script"]}),
        ("m", Choice(project="flights", model="late"), {made["train"]}),
        ("r", Choice(runs=[foreign]), {foreign}),
    ]:
        bundle = write(box.home, tmp_path / name, choice).bundle
        assert {file.split("/")[2] for file in bundle.files if file.startswith("runs/")} == runs
        assert any(file.startswith("objects/") for file in bundle.files) == (name != "r")
        assert any(file.startswith("data/") for file in bundle.files) == (name != "r")
    with pytest.raises(Problem, match="nothing of"):
        write(box.home, tmp_path / "n", Choice(project="nobody"))


# --- while it is in use -----------------------------------------------------------------------------------------------


def test_a_backup_holds_whole_lines_and_only_what_its_ledger_names(box: Box, tmp_path: Path) -> None:
    run_id = box.run(state="RUNNING")
    journal = box.home.run_dir(run_id) / "journal" / "1-host-1-abcd.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'["m","loss",2,6,0.')
    write(box.home, tmp_path / "b", Choice())
    assert (tmp_path / "b" / box.home.relative(journal)).read_bytes() == whole
    journal.write_bytes(whole + b'["m","loss",2,6,0.4]\n')
    write(box.home, tmp_path / "b", Choice())
    assert (tmp_path / "b" / box.home.relative(journal)).read_bytes() == journal.read_bytes()


def test_a_run_that_is_deleted_meanwhile_is_whole_all_the_same(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = box.run()

    def meanwhile(files: int, size: int) -> None:
        if box.home.run_dir(run_id).is_dir():
            box.do(run_trash.delete, RunSet(runs=[run_id]))

    box.register(
        box.run(), files={f"f{number}": str(number) for number in range(200)}
    )  # enough files to be told of before the runs
    written = write(box.home, tmp_path / "b", Choice(), meanwhile)
    assert box.home.trashed_run(run_id).is_dir()
    assert (tmp_path / "b" / "runs" / box.home.run_dir(run_id).parent.name / run_id / "spec.json").exists()
    assert written.problems == []


def test_the_next_backup_copies_what_has_changed_and_drops_what_is_gone(box: Box, tmp_path: Path) -> None:
    made = fill(box)
    first = write(box.home, tmp_path / "b", Choice())
    second = write(box.home, tmp_path / "b", Choice())
    assert (first.reused, second.reused) == (0, first.files)
    box.do(run_trash.delete, RunSet(runs=[made["script"]]))
    write(box.home, tmp_path / "b", Choice())
    assert not (tmp_path / "b" / box.home.relative(box.home.run_dir(made["script"])) / "spec.json").exists()
    assert (tmp_path / "b" / "trash" / "runs" / made["script"] / "spec.json").exists()


def test_a_damaged_object_is_named_and_left_out(box: Box, tmp_path: Path) -> None:
    made = fill(box)
    path = Objects(box.home).path(made["tree"])
    path.chmod(0o600)
    path.write_bytes(b"rot")
    for target in (tmp_path / "b", tmp_path / "b.tar"):
        written: Written = write(box.home, target, Choice())
        assert len(written.problems) == 1 and made["tree"] in written.problems[0]
        assert box.home.relative(path) not in written.bundle.files


def test_a_place_that_is_something_else_is_refused(box: Box, other: Box, tmp_path: Path) -> None:
    box.run()
    other.run()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    write(other.home, tmp_path / "others", Choice())
    (tmp_path / "there.tar").write_text("")
    for target in (tmp_path / "mine", tmp_path / "others", tmp_path / "there.tar", box.home.path / "backup"):
        with pytest.raises(Problem) as caught:
            write(box.home, target, Choice())
        assert caught.value.code == "bad_target"
    assert (tmp_path / "mine" / "letter.txt").exists()
    with pytest.raises(Problem, match="a backup is a folder"):
        commands.backup(Session(box), HomeBackup(target="x.tar"))  # type: ignore[arg-type]


# --- what nobody should believe -----------------------------------------------------------------------------------------


def member(name: str, data: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


RUN = "runs/2026-01/" + "0" * 32
HOSTILE: dict[str, tuple[tarfile.TarInfo, bytes]] = {
    "absolute": member("/etc/cron.d/evil"),
    "parent": member("runs/../../evil"),
    "inside a known place": member("data/flights/flights/../../../evil"),
    "a place of no kind of ours": member("daemon.lock"),
    "index": member("index/metadata.duckdb"),
    "link": member("objects/aa/" + "a" * 64, b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard link": member("objects/aa/" + "a" * 64, b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "device": member("objects/aa/" + "a" * 64, b"", type=tarfile.CHRTYPE),
    "pipe": member("objects/aa/" + "a" * 64, b"", type=tarfile.FIFOTYPE),
    "another month": member("runs/2031-01/" + "0" * 32 + "/spec.json"),
    "bad project": member("data/..x/flights/files/a.parquet"),
    "long": member("quarantine/p/s/" + "n" * 300),
    "twice": member("ledger/entries.jsonl"),
}


def test_archives_cannot_leave_their_places(box: Box, other: Box, tmp_path: Path) -> None:
    box.run()
    write(box.home, tmp_path / "good.tar", Choice())
    before = state(other)
    for case, (info, data) in HOSTILE.items():
        bad = tmp_path / "bad.tar"
        with tarfile.open(tmp_path / "good.tar") as good, tarfile.open(bad, "w") as archive:
            for part in good:
                archive.addfile(part, good.extractfile(part))
            archive.addfile(info, io.BytesIO(data))
        with pytest.raises(Problem) as caught:
            take(other, bad)
        assert caught.value.code == "bundle_unsafe", case
        assert state(other) == before, case
        assert not list(other.home.tmp.iterdir()), case


def rewrite(source: Path, change: Any) -> None:
    """Changes what a bundle in a folder says, consistently."""
    bundle = read_bundle(source / BUNDLE_FILE)
    change(bundle, source)
    (source / BUNDLE_FILE).write_bytes(msgspec.json.encode(bundle))


def _wrong_bytes(bundle: Bundle, source: Path) -> None:
    path = source / next(name for name in bundle.files if name.startswith("objects/"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def _missing(bundle: Bundle, source: Path) -> None:
    (source / next(name for name in bundle.files if name.startswith("runs/"))).unlink()


def _link(bundle: Bundle, source: Path) -> None:
    path = source / next(name for name in bundle.files if name.startswith("objects/"))
    shutil.copy(path, source / "copy")
    path.unlink()
    os.symlink(source / "copy", path)


def _changed_entry(bundle: Bundle, source: Path) -> None:
    from mlops_store.atomic import sha256_file

    path = source / "ledger" / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"actor":"ann"', b'"actor":"bob"', 1))
    bundle.files["ledger/entries.jsonl"].sha256 = sha256_file(path)


def _lacking_entry(bundle: Bundle, source: Path) -> None:
    from mlops_store.atomic import sha256_file

    path = source / "ledger" / "entries.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    bundle.files["ledger/entries.jsonl"].sha256, bundle.files["ledger/entries.jsonl"].size = (
        sha256_file(path),
        path.stat().st_size,
    )


def _huge(bundle: Bundle, source: Path) -> None:
    next(iter(bundle.files.values())).size = 10**18


def test_what_was_tampered_with_is_refused_whole(box: Box, other: Box, tmp_path: Path) -> None:
    fill(box)
    before = state(other)
    for change, code in [
        (_wrong_bytes, "bundle_damaged"), (_missing, "bundle_damaged"), (_link, "bundle_damaged"), (_changed_entry, "bundle_damaged"),
        (_lacking_entry, "bundle_damaged"), (_huge, "disk_full"),
    ]:  # fmt: skip
        folder = tmp_path / change.__name__
        write(box.home, folder, Choice())
        rewrite(folder, change)
        with pytest.raises(Problem) as caught:
            take(other, folder)
        assert caught.value.code == code, change
        assert state(other) == before, change


def test_archives_that_are_none(other: Box, tmp_path: Path) -> None:
    cases = {"text": b"hello" * 300, "empty": b"", "gzip": b"\x1f\x8b" + b"\0" * 600}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Problem) as caught:
            take(other, tmp_path / name)
        assert caught.value.code == "no_bundle", name
    header = tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 7 << 30
    (tmp_path / "bomb").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + header + b"\0" * 1024)
    with pytest.raises(Problem):
        take(other, tmp_path / "bomb")


def test_pipes_in_the_place_of_files_are_refused_at_once(other: Box, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / BUNDLE_FILE)
    os.mkfifo(tmp_path / "pipe.tar")
    for source in (
        folder,
        tmp_path / "pipe.tar",
        tmp_path / "nowhere.tar",
        Path("nowhere"),
        Path("/dev/zero"),
    ):
        with pytest.raises(Problem) as caught:
            take(other, source)
        assert (caught.value.code, caught.value.status) == ("no_bundle", 2), source


def test_a_dry_run_says_what_the_import_says(box: Box, other: Box, tmp_path: Path) -> None:
    fill(box)
    write(box.home, tmp_path / "b", Choice())
    for _ in range(2):
        foreseen, done = take(other, tmp_path / "b", dry_run=True), take(other, tmp_path / "b")
        assert msgspec.structs.replace(foreseen, dry_run=False) == done


def test_a_disk_that_takes_no_bundle_is_named(box: Box, tmp_path: Path) -> None:
    """By the limit for the size of a file, which the system refuses as it does a full disk."""
    import resource

    box.register(box.run(), files={"model.skops": "m" * 400_000})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for target in (tmp_path / "b", tmp_path / "b.tar"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(Problem) as caught:
                commands._write(Session(box), target, Choice())  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert (caught.value.code, caught.value.status) == ("disk_refused", 3), target
    assert not (tmp_path / "b.tar").exists() and not (tmp_path / "b" / BUNDLE_FILE).exists()
    commands._write(Session(box), tmp_path / "b", Choice())  # type: ignore[arg-type]


def test_only_the_last_folder_of_a_target_is_made(box: Box, tmp_path: Path) -> None:
    """What is below a disk that is not mounted must not be filled."""
    box.run()
    for target in (tmp_path / "not" / "mounted", tmp_path / "not" / "mounted.tar"):
        with pytest.raises(Problem) as caught:
            commands._write(Session(box), target, Choice())  # type: ignore[arg-type]
        assert caught.value.code == "bad_target"
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem) as caught:
        commands._write(Session(box), tmp_path / "file" / "x", Choice())  # type: ignore[arg-type]
    assert caught.value.code == "bad_target"
