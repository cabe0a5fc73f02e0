"""`mlops-tui run adopt`: folders of runs from elsewhere are copied into the home by this process; the daemon takes them up.
`mlops-tui run artifacts --to`: files of a run are copied out of it, by this process too."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec

from mlops_store.atomic import copy_file, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home, scratch
from mlops_store.ids import RUN_ID, now_ms
from mlops_store.records import ENDED, ExitRecord, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_store.usage import files
from mlops_tui.cli.commands.disk_errors import told
from mlops_tui.cli.session import Session
from mlops_tui.client.artifacts import Progress, export
from mlops_tui.verbs import find
from mlops_tui.verbs.run import ArtifactList, RunAdopt, RunArtifacts, RunMarks

_WORTH_TELLING = 20_000_000
"""Bytes; less is copied before anybody has read of it."""


def adopt(session: Session, request: RunAdopt) -> RunMarks:
    """Raises Problem for a folder that is no run, or of a run that is not over; nothing is taken over then."""
    home = session.home.create()
    staging = scratch(home, "adopt")
    try:
        places = []
        for path in map(Path, request.paths):
            with told("bad_run", path, "name a folder of a run that you may read"):
                places.append(_bring(home, path, staging, lost=request.lost))
        paths = [str(place) for place in places]
        found: RunMarks = session.client().call("run adopt", RunAdopt(paths=paths, reason=request.reason))
        return found
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def artifacts(session: Session, request: RunArtifacts) -> ArtifactList:
    """The daemon lists them; where `to` is given, this process copies them. Raises Problem."""
    asked = msgspec.structs.replace(request, to=None, force=False)
    found: ArtifactList = session.call(find("run artifacts"), asked)
    if request.to is None:
        if request.force:
            raise Problem("usage", "--force is for --to: it replaces files there", "add --to DIR", status=2)
        return found
    target = Path(request.to)
    if target.exists() and not target.is_dir():
        raise Problem("bad_target", f"{target} is no folder", "name a folder that is there, or a new one", status=2)  # fmt: skip
    with told("bad_target", target, "name a folder that you may write, on a disk that is there"):
        return export(found, target, force=request.force, progress=_progress(session, found))


def _progress(session: Session, found: ArtifactList) -> Progress:
    """A line that is written over, where somebody looks on."""
    total = sum(each.size for each in found.artifacts)
    if not session.interactive or total < _WORTH_TELLING:
        return lambda _files, _bytes: None

    def say(files: int, done: int) -> None:
        end = "\n" if done >= total else ""
        sys.stderr.write(
            f"\r{files:,} of {len(found.artifacts):,} files, {done / 1e6:,.0f} of {total / 1e6:,.0f} MB copied\033[K{end}"
        )
        sys.stderr.flush()

    return say


def _bring(home: Home, path: Path, staging: Path, *, lost: bool) -> Path:
    """The folder where the daemon may take it: in its place in the home already, or a checked copy."""
    spec = spec_of(path)
    try:
        state = RunFolder(path).state()[0]
    except msgspec.DecodeError as error:
        raise Problem("bad_run", f"{path}: its record of the end cannot be read: {error}", "bring another copy", status=2) from error  # fmt: skip
    if state not in ENDED and not lost:
        raise Problem("run_not_over", f"run {spec.run_id} in {path} is {state}: it has left no exit record",
                      "bring it again when it is over; --lost takes one that ended without saying how", status=2)  # fmt: skip
    place = path.resolve()
    if place != home.run_dir(spec.run_id).resolve():
        place = staging / spec.run_id
        if place.exists():
            raise Problem("bad_run", f"run {spec.run_id} is given twice", "name each run once", status=2)
        copy_run(path, place)
    if state not in ENDED:
        folder = RunFolder(place)
        target = folder.attempt_dir(max(1, folder.latest()))
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = "it left no exit record where it came from"
        write_json(target / "exit.json", ExitRecord(exit_code=None, signal=None, ended=now_ms(), lost=True, reason=reason))  # fmt: skip
    return place


def spec_of(path: Path) -> RunSpec:
    """What the folder says that it is. Raises Problem `bad_run`."""
    try:
        spec = RunFolder(path).spec()
    except (OSError, msgspec.DecodeError) as error:
        raise Problem("bad_run", f"{path} is no folder of a run: {error}", "name a folder that has a spec.json, such as runs/2026-01/0192f…", status=2) from error  # fmt: skip
    if not RUN_ID.match(spec.run_id):
        raise Problem("bad_run", f"{path}: its run id {spec.run_id[:80]!r} is none", "do not use this folder", status=2)  # fmt: skip
    return spec


def copy_run(source: Path, target: Path) -> None:
    """Plain files alone: a link or a device could bring in what does not belong to the run. Raises Problem `bad_run`."""
    target.mkdir(mode=0o700)
    for entry in files(source):
        relative = os.path.relpath(entry.path, source)
        if not entry.is_file(follow_symlinks=False):
            raise Problem("bad_run", f"{entry.path} is no plain file", "leave it out, or put the file itself there", status=2)  # fmt: skip
        if not (entry.name.startswith(".") and entry.name.endswith(".tmp")):
            copy_file(Path(entry.path), target / relative)
