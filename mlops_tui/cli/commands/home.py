"""`mlops-tui home export|backup|import`: files are read and written by this process, beside whatever runs; the daemon takes entries over."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from mlops_store.atomic import write_atomic, write_json
from mlops_store.bundle import Bundle, Line, home_lines
from mlops_store.bundle_read import staged_lines, unpack
from mlops_store.bundle_write import Choice, write
from mlops_store.errors import Problem
from mlops_store.graft import (
    MERGE_FILE,
    Graft,
    Placed,
    Todo,
    active_projects,
    close_unended,
    foresee,
    place,
    plan,
    unended_runs,
    without_projects,
)
from mlops_store.home import FORMAT, Home, HomeFile, scratch
from mlops_store.run_folder import run_folders
from mlops_tui.cli.commands.daemon import stop_daemon
from mlops_tui.cli.commands.disk_errors import told
from mlops_tui.cli.commands.offline import offline
from mlops_tui.cli.session import Session
from mlops_tui.verbs.home import HomeBackup, HomeExport, HomeImport, HomeImported, HomeWritten
from mlops_tui.verbs.top import Rebuilt

_STOP_SECONDS = 30.0
_PIECE = 2000
"""Entries that are handed over in one file."""


def export(session: Session, request: HomeExport) -> HomeWritten:
    """Raises Problem where the target is none, or nothing is chosen."""
    runs = [session.client().call("run show", {"run_id": text}).run_id for text in request.runs]
    project = session.project_option
    if request.model is not None and project is None:
        project = session.project()[0]
    return _write(session, Path(request.target), Choice(project=project, runs=runs, model=request.model))


def backup(session: Session, request: HomeBackup) -> HomeWritten:
    """Raises Problem where the target is none."""
    if request.target.endswith(".tar"):
        raise Problem("bad_target", "a backup is a folder", "`mlops-tui home export FILE.tar` writes one file", status=2)  # fmt: skip
    return _write(session, Path(request.target), Choice())


def _write(session: Session, target: Path, choice: Choice) -> HomeWritten:
    _require_home(session.home)
    start = time.monotonic()
    with told("bad_target", target, "name a folder that you may write, on a disk that is there"):
        written = write(session.home, target, choice, _progress(session, "written"))
    bundle = written.bundle
    runs = {name.split("/")[2] for name in bundle.files if name.startswith("runs/")}
    return HomeWritten(
        path=str(target), what=choice.text, entries=bundle.entries, runs=len(runs), files=written.files, bytes=written.bytes,
        reused=written.reused, seconds=round(time.monotonic() - start, 3), problems=written.problems, ok=not written.problems,
    )  # fmt: skip


def import_(session: Session, request: HomeImport) -> HomeImported:
    """Raises Problem for a bundle that is damaged, unsafe or newer; nothing of it is taken over then."""
    home = session.home.create()
    staging = scratch(home, "import")
    try:
        source = Path(request.source)
        with told(
            "no_bundle",
            source,
            "name a bundle that you may read: a folder with a bundle.json, or a .tar file",
        ):
            bundle = unpack(home, source, staging, _progress(session, "unpacked"))
        lines = staged_lines(staging, bundle)
        if bundle.whole and _is_empty(home):
            return _restore(session, home, staging, bundle, lines, dry_run=request.dry_run)
        return _merge(session, home, staging, bundle, lines, dry_run=request.dry_run)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _merge(
    session: Session, home: Home, staging: Path, bundle: Bundle, lines: list[Line], *, dry_run: bool
) -> HomeImported:
    """Files first, then the entries that name them, then word of the run folders."""
    unended = unended_runs(staging)
    graft = plan(home, bundle, lines, unended)
    found = _told(graft, unended)
    if dry_run:
        found.dry_run = True
        return _with_files(found, foresee(home, staging, bundle, but=graft.conflicts, skip=unended))
    placed = place(home, staging, bundle, but=graft.conflicts, skip=unended)
    found.applied = found.recorded = 0
    for start in range(0, len(graft.todo), _PIECE):
        _graft(session, staging, Todo(bundle.home, graft.head, graft.todo[start : start + _PIECE]), found)
    if placed.runs:
        session.client().ping()
    return _with_files(found, placed)


def _with_files(found: HomeImported, placed: Placed) -> HomeImported:
    found.runs, found.runs_known = len(placed.runs), placed.there
    found.objects, found.data = placed.objects, placed.data
    found.conflicts += placed.conflicts
    return found


def _graft(session: Session, staging: Path, todo: Todo, found: HomeImported) -> None:
    """Lets the daemon take entries over, command by command: others write in between."""
    write_json(staging / MERGE_FILE, todo)
    left = len(todo.items)
    while left:
        piece: HomeImported = session.client().call("home import", HomeImport(source=str(staging)))
        found.applied, found.recorded = found.applied + piece.applied, found.recorded + piece.recorded
        left = piece.left


def _told(graft: Graft, unended: set[str]) -> HomeImported:
    """What the entries come to."""
    applied = sum(item.applied for item in graft.todo)
    projects = {item.entry.data["name"] for item in graft.todo if item.entry.verb == "project.add"}
    return HomeImported(
        applied=applied, recorded=len(graft.todo) - applied, known=graft.known, unfinished=sorted(unended),
        conflicts=[f"{' '.join(scope)}: decided about here too; theirs is recorded, ours holds" for scope in sorted(graft.conflicts) if scope[0] != "run"],
        projects=sorted(str(name) for name in projects),
    )  # fmt: skip


def _restore(
    session: Session, home: Home, staging: Path, bundle: Bundle, lines: list[Line], *, dry_run: bool
) -> HomeImported:
    """An empty home becomes the one of the bundle: same id, same ledger. What was under way there is over here."""
    unended = unended_runs(staging)
    runs = {name.split("/")[2] for name in bundle.files if name.startswith("runs/")}
    found = HomeImported(
        applied=len(lines), runs=len(runs), unfinished=sorted(unended), projects=active_projects(lines), restored=True
    )  # fmt: skip
    if dry_run:
        return msgspec.structs.replace(found, dry_run=True)
    session.close()
    stop_daemon(home, _STOP_SECONDS)
    if not _is_empty(home):
        raise Problem("home_changed", "something was written into this home meanwhile", "import the bundle again: it is merged then", status=3)  # fmt: skip
    raw = without_projects(staging, lines, _user())
    placed = place(home, staging, bundle)
    close_unended(home, unended)
    write_json(home.marker, HomeFile(format=FORMAT, id=bundle.home))
    write_atomic(home.ledger / "000001.jsonl", raw)  # last: until it is there, the home is as good as empty
    offline(home, "rebuild", Rebuilt)
    session.client().ping()  # a daemon puts alias files and trash as the ledger says
    found.objects, found.data = placed.objects, placed.data
    return found


def _is_empty(home: Home) -> bool:
    """No decision was made in it, and no run is in it: what a restore that died left behind is not in the way."""
    if next(iter(home_lines(home)), None) is not None:
        return False
    return home.index.exists() is False or next(iter(run_folders(home)), None) is None


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _require_home(home: Home) -> None:
    if not home.exists():
        raise Problem("no_home", f"there is no home at {home.path}", "set MLOPS_TUI_HOME or --home", status=2)


def _progress(session: Session, what: str) -> Callable[[int, int], None]:
    """A line that is written over, where somebody looks on."""
    if not session.interactive:
        return lambda _files, _bytes: None

    def say(files: int, size: int) -> None:
        sys.stderr.write(f"\r{files:,} files, {size / 1e6:,.1f} MB {what}\033[K")
        sys.stderr.flush()

    return say
