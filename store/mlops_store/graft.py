"""A bundle merged into a home: which entries are new, which may take effect, and the files put in their places.

Entries about one thing belong together. Where this home knows nothing of a thing but what the bundle says too, the bundle's entries
take effect. Where it has entries of its own about it, there are two truths: ours holds, and theirs are recorded with their origin.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import fsync_dir, sha256_file, touch, write_json
from mlops_store.bundle import Bundle, Line, home_lines
from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_store.ledger import Ledger, ledger_files
from mlops_store.records import ENDED, ExitRecord, LedgerEntry
from mlops_store.run_folder import RunFolder
from mlops_store.scopes import HOME, Scope, Scopes

RECORDED = "import.entry"
"""The verb of an entry of another home that stands here without effect."""


MERGE_FILE = "todo.json"
_DECIDED = "run {}: decided about here; left as it is"


class Item(msgspec.Struct):
    """An entry to be taken over, what it is about, and whether it takes effect."""

    entry: LedgerEntry
    applied: bool
    scope: Scope


class Todo(msgspec.Struct):
    """`todo.json` of an unpacked bundle: the next entries; `head` is the last one of this home that the decision knew."""

    home: str
    head: int
    items: list[Item]


@dataclass
class Graft:
    """What is to be done with the entries of a bundle. `todo`: those that are new."""

    todo: list[Item] = field(default_factory=list)
    known: int = 0
    conflicts: set[Scope] = field(default_factory=set)
    head: int = 0
    """The last entry of this home that was looked at."""


def plan(home: Home, bundle: Bundle, lines: Sequence[Line], unended: set[str]) -> Graft:
    """Compares the bundle's entries with this home's."""
    theirs = {line.entry.hash for line in lines} | {
        hash for line in lines if (hash := origin_hash(line.entry.data))
    }
    graft, ours, known, scopes = Graft(), set[Scope](), set[str](), Scopes()
    for line in home_lines(home):
        entry, graft.head = line.entry, line.entry.seq
        hashes = {entry.hash, origin_hash(entry.data)} - {""}
        known |= hashes
        scope = scopes.of(entry)
        if not hashes & theirs and entry.verb != RECORDED:
            ours.add(scope)
    scopes = Scopes()
    for line in lines:
        scope = scopes.of(line.entry)
        if scope == HOME or line.entry.verb == RECORDED or (scope[0] == "run" and scope[1] in unended):
            continue
        if {line.entry.hash, origin_hash(line.entry.data)} & known:
            graft.known += 1
            continue
        if scope in ours:
            graft.conflicts.add(scope)
        # a project is a folder whose code runs here: that is for somebody here to say
        graft.todo.append(Item(line.entry, scope not in ours and scope[0] != "project", scope))
    graft.conflicts |= {("run", name) for name in _run_ids(bundle) if ("run", name) in ours}
    return graft


def origin_hash(data: dict[str, Any]) -> str:
    """The hash that an imported entry had where it came from; '' for one that was not imported."""
    origin = data.get("origin")
    return str(origin.get("hash", "")) if isinstance(origin, dict) else ""


def _run_ids(bundle: Bundle) -> set[str]:
    return {name.split("/")[2] for name in bundle.files if name.startswith(("runs/", "trash/runs/"))}


def unended_runs(staging: Path) -> set[str]:
    """The runs of an unpacked bundle that were under way when it was made."""
    return {path.name for path in staging.glob("runs/*/*") if not _over(RunFolder(path))}


def _over(folder: RunFolder) -> bool:
    """Also one whose record of the end is damaged: the index tells of that."""
    try:
        return folder.state()[0] in ENDED
    except msgspec.DecodeError:
        return True


def close_unended(home: Home, run_ids: set[str]) -> None:
    """For a restored home: what was under way when it was copied is not, here."""
    for run_id in sorted(run_ids):
        folder = RunFolder(home.run_dir(run_id))
        waited = folder.state()[0] == "QUEUED"
        place = folder.attempt_dir(max(1, folder.latest()))
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = (
            "it waited when this home was copied" if waited else "it was under way when this home was copied"
        )
        record = ExitRecord(
            exit_code=None, signal=None, ended=now_ms(), stopped=waited, lost=not waited, reason=reason
        )
        write_json(place / "exit.json", record)


def active_projects(lines: Sequence[Line]) -> list[str]:
    """The projects that were added and not removed, by name."""
    found: set[str] = set()
    for line in lines:
        if line.entry.verb == "project.add":
            found.add(line.entry.subject)
        elif line.entry.verb == "project.remove":
            found.discard(line.entry.subject)
    return sorted(found)


def without_projects(staging: Path, lines: Sequence[Line], actor: str) -> bytes:
    """The ledger of a bundle, in which its projects are taken out by entries of `actor`: of a restored home nothing may start by itself
    before somebody says so, least of all beside the home that it is a copy of."""
    folder = staging / "ledger"
    (folder / "entries.jsonl").rename(folder / "000001.jsonl")
    ledger = Ledger.open(folder)
    try:
        why = "a restored home starts nothing by itself"
        ledger.append([
            LedgerEntry(seq=0, time=0, actor=actor, verb="project.remove", subject=name, data={"name": name}, why=why)
            for name in active_projects(lines)
        ])  # fmt: skip
    finally:
        ledger.close()
    return b"".join(path.read_bytes() for path in ledger_files(folder))


# --- files ----------------------------------------------------------------------------------------------------------------


@dataclass
class Placed:
    """What became of the files. `conflicts` says, one line each, where this home has something else; ours stays."""

    objects: int = 0
    data: int = 0
    runs: list[str] = field(default_factory=list)
    there: int = 0
    conflicts: list[str] = field(default_factory=list)


def place(
    home: Home, staging: Path, bundle: Bundle, *, but: Set[Scope] = frozenset(), skip: Set[str] = frozenset()
) -> Placed:
    """Moves the files of an unpacked bundle to their places, never onto anything. `but`: things that are in conflict; `skip`: runs.

    Objects and data first, then runs, so that a process that dies has left nothing that names what is not there.
    """
    placed = Placed()
    for name, file in sorted(bundle.files.items()):
        parts = name.split("/")
        if parts[0] == "objects":
            placed.objects += _object(home.path / name, staging / name)
        elif parts[0] in ("data", "quarantine") and ("source", parts[1], parts[2]) not in but:
            placed.data += _data(home.path / name, staging / name, file.sha256, name, placed)
    for top in ("runs", "trash"):
        for folder in sorted(staging.glob(f"{top}/*/*")):
            if folder.name in skip:
                continue
            if ("run", folder.name) in but:
                placed.conflicts.append(_DECIDED.format(folder.name))
                continue
            place_run(home, folder, placed, trashed=top == "trash")
    return placed


def foresee(
    home: Home, staging: Path, bundle: Bundle, *, but: Set[Scope] = frozenset(), skip: Set[str] = frozenset()
) -> Placed:
    """What `place` would do; nothing is touched."""
    found = Placed()
    for name in bundle.files:
        parts = name.split("/")
        new = (staging / name).is_file() and not (home.path / name).exists()
        if parts[0] == "objects":
            found.objects += new
        elif parts[0] in ("data", "quarantine") and ("source", parts[1], parts[2]) not in but:
            found.data += new
    for folder in sorted([*staging.glob("runs/*/*"), *staging.glob("trash/*/*")]):
        if folder.name in skip:
            continue
        if ("run", folder.name) in but:
            found.conflicts.append(_DECIDED.format(folder.name))
        elif not _is_here(home, folder, found):
            found.runs.append(folder.name)
    return found


def _is_here(home: Home, folder: Path, placed: Placed) -> bool:
    """Whether the home has a run under this id, noted as known or as another one."""
    run_id = folder.name
    here = home.run_dir(run_id) if home.run_dir(run_id).is_dir() else home.trashed_run(run_id)
    if not here.is_dir():
        return False
    conflict = differs(here, folder)
    if conflict:
        placed.conflicts.append(f"run {run_id}: {conflict}; left as it is")
    else:
        placed.there += 1
    return True


def place_run(home: Home, folder: Path, placed: Placed, *, trashed: bool = False) -> None:
    """One run folder. The same run is nothing; another one under the same id is a conflict."""
    run_id = folder.name
    if _is_here(home, folder, placed):
        return
    target = home.trashed_run(run_id) if trashed else home.run_dir(run_id)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not trashed:
        tell(home, run_id)  # first: a folder of which there is no word is never read
    os.rename(folder, target)
    fsync_dir(target.parent)
    placed.runs.append(run_id)


def differs(here: Path, other: Path) -> str:
    """How two folders of one run id differ, in words; '' where the other has nothing that ours has not."""
    specs = [
        sha256_file(path / "spec.json") if (path / "spec.json").is_file() else "" for path in (here, other)
    ]
    if specs[0] != specs[1]:
        return "another run has this id here"
    for path in sorted(other.rglob("*")):
        mine = here / path.relative_to(other)
        if (
            path.is_file()
            and path.name != "log.txt"
            and not (mine.is_file() and mine.stat().st_size == path.stat().st_size)
        ):
            return f"{path.relative_to(other).as_posix()} is not the same here"
    return ""


def tell(home: Home, run_id: str) -> None:
    """Word for the daemon of a folder that is brought here."""
    home.inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home.inbox / run_id).touch(mode=0o600)


def _object(target: Path, source: Path) -> int:
    if touch(target) or not source.is_file():
        return 0
    source.chmod(0o400)
    return _put(target, source)


def _data(target: Path, source: Path, digest: str, name: str, placed: Placed) -> int:
    if not target.exists():
        return _put(target, source)
    # the stored copy of a delivery is named by the delivery: either copy will do
    if not name.endswith(".parquet") and sha256_file(target) != digest:
        placed.conflicts.append(f"{name}: another one is here; left as it is")
    return 0


def _put(target: Path, source: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.link(source, target)
    except FileExistsError:
        return 0
    except OSError:  # no hard links here
        shutil.move(source, target)
    return 1
