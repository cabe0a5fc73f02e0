"""What is wrong in a home, with the fix beside it. Reads everything, changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from mlops_store.atomic import sha256_file
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import RUN_ID
from mlops_store.index.folder import read_folder
from mlops_store.index.ledger_log import head
from mlops_store.index.rebuild import begun_only
from mlops_store.index.tx import Read
from mlops_store.ledger import Finding, Ledger, verify
from mlops_store.objects import Objects
from mlops_store.records import ENDED, Manifest
from mlops_store.run_folder import RunFolder, run_folders

IsAlive = Callable[[RunFolder, int], bool]

_BACKUP = "restore it from a backup"
_REBUILD = "`mlops-tui rebuild`"


def examine(read: Read, *, deep: bool = False, is_alive: IsAlive | None = None) -> list[Finding]:
    """All findings of a home, errors first. `deep` also hashes every data file and object.

    `is_alive(folder, attempt)` tells whether the process of an unfinished attempt still lives; without it that is not examined.
    """
    home = read.home
    findings = [
        *verify(home.ledger),
        *_set_aside(home),
        *_index_behind(read),
        *_records(read),
        *_journals(read),
        *_manifests(read, deep),
        *_objects(read, deep),
        *_inbox(read),
        *_aliases(read),
    ]
    if is_alive is not None:
        findings += _dead_runs(read, is_alive)
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _set_aside(home: Home) -> Iterator[Finding]:
    folder = home.ledger / "set-aside"
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            yield Finding(
                "warning",
                "ledger_set_aside",
                f"a torn ledger tail of {path.stat().st_size} bytes was set aside; it was never acknowledged",
                home.relative(path),
                "look at it, then delete it",
            )


def _index_behind(read: Read) -> Iterator[Finding]:
    """Ledger and index must stand at the same entry, journals must not be shorter than what was read of them."""
    applied = head(read)
    try:
        ledger = Ledger.open(read.home.ledger, readonly=True)
    except Problem as problem:
        yield Finding("error", "ledger_damaged", problem.message, str(read.home.ledger), problem.hint)
        return
    if applied < ledger.seq:
        yield Finding("warning", "index_behind", f"the index has applied {applied} of {ledger.seq} ledger entries", str(read.home.index),
                      "a daemon that starts catches up; if it does not: " + _REBUILD)  # fmt: skip
    if applied > ledger.seq:
        yield Finding("error", "index_ahead", f"the index has applied {applied} ledger entries, the ledger has {ledger.seq}", str(read.home.index),
                      "restore the ledger from a backup, or " + _REBUILD)  # fmt: skip
    found = read.rows("SELECT run_id, submitted, deleted FROM runs")
    known = {row["run_id"] for row in found}
    deleted = {row["run_id"] for row in found if row["deleted"] is not None}
    there = {path.name for path in run_folders(read.home)}
    there -= begun_only(read.home, [row["run_id"] for row in found if row["submitted"] is not None])
    for run_id in sorted(known - deleted - there):
        yield Finding("error", "run_missing", "the folder of a run is missing", f"run {run_id}", _BACKUP)
    for run_id in sorted(there & deleted):
        yield Finding("warning", "run_deleted", "the folder of a deleted run is in its place", f"run {run_id}",
                      "a daemon that starts moves it to trash/; `mlops-tui run restore` brings the run back")  # fmt: skip
    for run_id in sorted(there - known):
        yield Finding("warning", "run_unread", "a run folder is not in the index", f"run {run_id}",
                      f"`mlops-tui run adopt` takes up one that was brought here; else {_REBUILD}")  # fmt: skip


def _journals(read: Read) -> Iterator[Finding]:
    found = read.rows(
        "SELECT o.*, r.state FROM offsets o LEFT JOIN runs r USING (run_id) ORDER BY o.run_id, o.file"
    )
    for row in found:
        where = f"run {row['run_id']}: {row['file']}"
        if row["bad_lines"]:
            yield Finding("warning", "journal_bad_lines", f"{row['bad_lines']} lines of the journal could not be read (torn or damaged)", where,
                          "each cost one line; a full disk or a power cut does this")  # fmt: skip
        if row["dropped"]:
            yield Finding("warning", "journal_dropped", f"training dropped {row['dropped']} lines because they could not be written", where,
                          "free some space (`df -h`)")  # fmt: skip
        if row["replaced"]:
            yield Finding(
                "error",
                "journal_replaced",
                "the journal is not the file that was read before",
                where,
                _REBUILD + " takes it as it is now",
            )
        try:
            status = (read.home.run_dir(row["run_id"]) / row["file"]).lstat()
        except (FileNotFoundError, NotADirectoryError):
            yield Finding("error", "journal_missing", "a journal that was read is missing", where, _BACKUP)
            continue
        except OSError as error:
            yield _unreadable(where, error)
            continue
        if not stat.S_ISREG(status.st_mode):
            yield Finding(
                "error",
                "journal_missing",
                "what stands in place of a journal that was read is no file",
                where,
                _BACKUP,
            )
            continue
        size = status.st_size
        if size > row["bytes"] and row["state"] in ENDED and not row["replaced"]:
            yield _rest(read.home.run_dir(row["run_id"]) / row["file"], row["bytes"], size, where)
        if size < row["bytes"]:
            yield Finding(
                "error",
                "journal_shrank",
                f"the journal shrank from {row['bytes']} to {size} bytes",
                where,
                _BACKUP,
            )
    yield from _unknown_journals(read, {(row["run_id"], row["file"]) for row in found})


def _unknown_journals(read: Read, known: set[tuple[str, str]]) -> Iterator[Finding]:
    """Journals of ended runs of which nothing was ever read."""
    ended = "SELECT run_id FROM runs WHERE deleted IS NULL AND state IN (SELECT unnest(?::VARCHAR[])) ORDER BY run_id"
    for row in read.rows(ended, [sorted(ENDED)]):
        where = f"run {row['run_id']}"
        try:
            journals = [
                (path, path.lstat()) for path in RunFolder(read.home.run_dir(row["run_id"])).journals()
            ]
        except OSError as error:
            yield _unreadable(where, error)
            continue
        for path, status in journals:
            file = f"journal/{path.name}"
            if (row["run_id"], file) not in known and stat.S_ISREG(status.st_mode) and status.st_size:
                yield _rest(path, 0, status.st_size, f"{where}: {file}")


def _unreadable(where: str, error: OSError) -> Finding:
    return Finding("error", "run_unreadable", f"the system does not let it be read: {error}", where,
                   "give the owner of the home its rights on it; the run is read on then, at the latest by the next daemon")  # fmt: skip


def _rest(path: Path, start: int, size: int, where: str) -> Finding:
    """What is in an ended run's journal beyond what was read: half a line, or lines that nobody read yet."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            whole = any(b"\n" in block for block in iter(lambda: file.read(1 << 20), b""))
    except OSError as error:
        return _unreadable(where, error)
    if whole:
        return Finding("warning", "journal_unread", f"{size - start} bytes of the journal were written after the run had ended, and are not in the index",
                       where, "a daemon that starts reads them")  # fmt: skip
    return Finding("warning", "journal_torn", f"the last {size - start} bytes of the journal are no whole line", where,
                   "its writer died in the middle of it; a daemon that starts has read all else")  # fmt: skip


def _manifests(read: Read, deep: bool) -> Iterator[Finding]:
    """Each version has its manifest, with the snapshot of the ledger; each file is there, whole."""
    hashed: set[str] = set()
    for row in read.rows(
        "SELECT project, source, version, snapshot, manifest FROM data_versions ORDER BY ALL"
    ):
        where = f"data {row['project']}/{row['source']} version {row['version']}"
        if not row["manifest"]:
            continue
        try:
            manifest = msgspec.json.decode(read.home.resolve(row["manifest"]).read_bytes(), type=Manifest)
        except Problem as problem:
            yield Finding("error", "path_escapes", problem.message, where, problem.hint)
            continue
        except (OSError, msgspec.DecodeError) as error:
            yield Finding(
                "error",
                "manifest_unreadable",
                f"the manifest {row['manifest']} cannot be read: {error}",
                where,
                _BACKUP,
            )
            continue
        if manifest.snapshot != row["snapshot"]:
            yield Finding(
                "error",
                "manifest_differs",
                "the manifest is not that of the snapshot in the ledger",
                where,
                _BACKUP,
            )
        yield from _files(read.home, manifest, where, hashed, deep)


def _files(home: Home, manifest: Manifest, where: str, hashed: set[str], deep: bool) -> Iterator[Finding]:
    for file in manifest.files:
        if file.stored in hashed:
            continue
        hashed.add(file.stored)
        try:
            path = home.resolve(file.stored)
            size = path.stat().st_size
        except (Problem, OSError) as error:
            yield Finding(
                "error",
                "data_missing",
                f"the data file {file.stored} is missing or not readable: {error}",
                where,
                _BACKUP,
            )
            continue
        if not size:
            yield Finding("error", "data_damaged", f"the data file {file.stored} is empty", where, _BACKUP)
        elif deep and path.suffix == ".parquet":
            with open(path, "rb") as stream:
                head = stream.read(4)
                stream.seek(max(0, size - 4))
                tail = stream.read(4)
            if (head, tail) != (b"PAR1", b"PAR1"):
                yield Finding(
                    "error",
                    "data_damaged",
                    f"the data file {file.stored} is damaged: not a whole Parquet file",
                    where,
                    _BACKUP,
                )


def _objects(read: Read, deep: bool) -> Iterator[Finding]:
    """The tree of every registered version, and every file of it."""
    objects = Objects(read.home)
    for row in read.rows("SELECT project, model, version, tree FROM model_versions ORDER BY ALL"):
        where = f"model {row['project']}/{row['model']} version {row['version']}"
        if not row["tree"]:
            continue
        try:
            files = objects.tree(row["tree"])
        except (Problem, msgspec.DecodeError) as problem:
            yield Finding(
                "error",
                "model_unreadable",
                f"the content of the version cannot be read: {problem}",
                where,
                _BACKUP,
            )
            continue
        for name, file in sorted(files.items()):
            try:
                path = objects.path(file.sha256)
                size = path.stat().st_size
            except (Problem, OSError):
                yield Finding(
                    "error", "object_missing", f"{name} (object {file.sha256}) is missing", where, _BACKUP
                )
                continue
            if size != file.size or (deep and sha256_file(path) != file.sha256):
                yield Finding(
                    "error", "object_damaged", f"{name} (object {file.sha256}) is damaged", where, _BACKUP
                )


def _inbox(read: Read) -> Iterator[Finding]:
    if not read.home.inbox.is_dir():
        return
    known = {row["run_id"] for row in read.rows("SELECT run_id FROM runs")}
    for path in sorted(read.home.inbox.iterdir()):
        if path.name not in known:
            if RUN_ID.match(path.name):
                yield from _readable(RunFolder(read.home.run_dir(path.name)))
            yield Finding(
                "warning",
                "run_inbox",
                "a run in the inbox was not taken up",
                read.home.relative(path),
                "start the daemon",
            )


def _aliases(read: Read) -> Iterator[Finding]:
    """Alias files are made of the ledger: they must say what it says."""
    wanted: dict[tuple[str, str], dict[str, int]] = {}
    for row in read.rows("SELECT project, model, alias, version FROM aliases ORDER BY ALL"):
        versions = wanted.setdefault((row["project"], row["model"]), {})
        if row["version"] is not None:
            versions[row["alias"]] = row["version"]
    for (project, model), versions in wanted.items():
        try:
            path = read.home.alias_file(project, model)
            written = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        except (Problem, OSError, msgspec.DecodeError) as error:
            yield Finding(
                "warning",
                "alias_file",
                f"the alias file cannot be read: {error}",
                f"model {project}/{model}",
                "a daemon that starts writes it",
            )
            continue
        told = written.get("aliases", written)
        if (
            not isinstance(told, dict)
            or {k: _version(v) for k, v in told.items() if _version(v) is not None} != versions
        ):
            yield Finding("error", "alias_file", f"the alias file says {told}, the ledger says {versions}", read.home.relative(path),
                          "restart the daemon, which writes it anew")  # fmt: skip


def _readable(folder: RunFolder) -> Iterator[Finding]:
    """Whether a run that goes on can be read at all."""
    try:
        read_folder(folder)
        for path in folder.journals():
            if stat.S_ISREG(path.lstat().st_mode):
                os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        yield _unreadable(f"run {folder.run_id}", error)


def _records(read: Read) -> Iterator[Finding]:
    """Records that were damaged when they were read."""
    sql = "SELECT run_id, message FROM errors WHERE code = 'record_damaged' ORDER BY run_id, message"
    for row in read.rows(sql):
        yield Finding(
            "error", "run_damaged", f"a record of the run: {row['message']}", f"run {row['run_id']}", _BACKUP
        )


def _version(value: object) -> int | None:
    """The version in an alias file's value: a number, or an object with one."""
    if isinstance(value, dict):
        value = value.get("version")
    return value if isinstance(value, int) else None


def _dead_runs(read: Read, is_alive: IsAlive) -> Iterable[Finding]:
    rows = read.rows(
        "SELECT run_id, state, attempts FROM runs WHERE state IN ('RUNNING', 'STARTING', 'STOPPING') ORDER BY run_id"
    )
    for row in rows:
        folder = RunFolder(read.home.run_dir(row["run_id"]))
        yield from _readable(folder)
        try:
            dead = not is_alive(folder, row["attempts"])
        except (OSError, msgspec.DecodeError):
            continue  # nobody can say; what is wrong with it was found above, or is a damaged record
        if dead:
            yield Finding("error", "run_dead", f"the run says {row['state']}, but no process of it lives", f"run {row['run_id']}",
                          "a daemon that starts marks it LOST")  # fmt: skip
