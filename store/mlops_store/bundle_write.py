"""Writes a bundle of a home that is in use.

The ledger comes first. All that an entry names was there before the entry, and stays as it is, grows at its end, or is moved to the
trash: so what is copied afterwards belongs to the entries that were copied before.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from mlops_store.atomic import DISK_FULL, read_json
from mlops_store.bundle import (
    ENTRIES_FILE,
    Bundle,
    Line,
    check_member,
    home_lines,
)
from mlops_store.bundle_sinks import Folder, Sink, Tar
from mlops_store.errors import Problem
from mlops_store.gc_find import marked
from mlops_store.home import Home, HomeFile
from mlops_store.ids import now_ms
from mlops_store.records import RunSpec
from mlops_store.run_folder import run_folders
from mlops_store.scopes import Scope, Scopes
from mlops_store.usage import files

_CHUNK = 1 << 20
_GROWING = (".jsonl",)
Say = Callable[[int, int], None]
"""Gets the files and bytes written so far."""


@dataclass
class Choice:
    """What of a home goes into a bundle; nothing chosen means all."""

    project: str | None = None
    runs: list[str] = field(default_factory=list)
    model: str | None = None

    @property
    def whole(self) -> bool:
        return self.project is None and self.model is None and not self.runs

    @property
    def text(self) -> str:
        parts = [
            f"model {self.model}" if self.model else "",
            f"project {self.project}" if self.project else "",
            *(f"run {r}" for r in self.runs),
        ]
        return ", ".join(part for part in parts if part) or "everything"


@dataclass
class Written:
    """What was written. `problems` names what could not be, or is damaged in the home itself."""

    bundle: Bundle
    files: int = 0
    bytes: int = 0
    reused: int = 0
    problems: list[str] = field(default_factory=list)


def write(home: Home, target: Path, choice: Choice, say: Say = lambda _files, _bytes: None) -> Written:
    """Writes the bundle to a folder (a new one, or an earlier bundle of this home, which is brought up to date) or to a `.tar` file.

    Raises Problem `bad_target`, `nothing_chosen`.
    """
    _check_target(home, target)
    marker = read_json(home.marker, HomeFile)
    part = _Part(home, choice)
    bundle = Bundle(
        home=marker.id, made=now_ms(), whole=choice.whole, what=choice.text, entries=len(part.lines)
    )
    bundle.head = part.lines[-1].entry.hash if part.lines else ""
    if not part.lines and not part.runs:
        raise Problem("nothing_chosen", f"the home has nothing of {choice.text}", "`mlops-tui run list --all` and `mlops-tui project list` show what there is", status=2)  # fmt: skip
    sink: Sink = Tar(target) if target.suffix == ".tar" else Folder(target, marker.id)
    written = Written(bundle)
    try:
        raw = b"".join(line.raw for line in part.lines)
        bundle.files[ENTRIES_FILE] = sink.put(ENTRIES_FILE, io.BytesIO(raw), len(raw), 0)
        for name, path in part.paths():
            _one(sink, name, path, written)
            if written.files % 200 == 0:
                say(written.files, written.bytes)
        sink.finish(bundle)
    except BaseException:
        sink.abandon()
        raise
    say(written.files, written.bytes)
    return written


def _one(sink: Sink, name: str, path: Path, written: Written) -> None:
    """One file; one that has vanished, or whose name is none, is a problem of its own."""
    try:
        check_member(name)
        known = sink.known(name, path)
        if known is not None:
            written.reused += 1
        else:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
                status = os.fstat(file.fileno())
                size = _whole_lines(file, status.st_size) if name.endswith(_GROWING) else status.st_size
                known = sink.put(name, file, size, status.st_mtime_ns)
    except FileNotFoundError:
        return  # a temporary name, or deleted for good since the ledger was read
    except (OSError, Problem, UnicodeEncodeError) as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise  # that is the disk of the bundle: nothing else would fit either
        written.problems.append(f"{name.encode(errors='replace').decode()}: {error}")
        return
    if name.startswith("objects/") and name.rsplit("/", 1)[1] != known.sha256:
        written.problems.append(f"{name}: the object does not have the bytes of its name, and is left out")
        sink.forget(name)
        return
    written.bundle.files[name] = known
    written.files += 1
    written.bytes += known.size


def _whole_lines(file: BinaryIO, size: int) -> int:
    """The bytes of a growing file up to the end of its last whole line."""
    end = size
    while end > 0:
        start = max(0, end - _CHUNK)
        place = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def _check_target(home: Home, target: Path) -> None:
    inside = Path(os.path.realpath(target)).is_relative_to(os.path.realpath(home.path))
    if inside:
        raise Problem("bad_target", f"{target} is inside the home", "name a place outside of it", status=2)
    if not target.absolute().parent.is_dir():
        raise Problem("bad_target", f"there is no folder {target.absolute().parent}", "make it first, or mount the disk that it is on", status=2)  # fmt: skip
    if target.suffix == ".tar":
        if target.exists():
            raise Problem("bad_target", f"{target} is there already", "name a new file", status=2)
    elif target.exists() and not target.is_dir():
        raise Problem(
            "bad_target", f"{target} is no folder", "name a folder, or a new file that ends in .tar", status=2
        )


# --- what goes into it ------------------------------------------------------------------------------------------------


class _Part:
    """The entries and runs that were chosen, and the files that belong to them."""

    def __init__(self, home: Home, choice: Choice) -> None:
        self._home = home
        self._choice = choice
        self._scopes = Scopes()
        everything = [(line, self._scopes.of(line.entry)) for line in home_lines(home)]
        wanted = None if choice.whole else self._wanted(everything)
        self.scopes: set[Scope] = {scope for _, scope in everything} if wanted is None else wanted
        self.lines: list[Line] = [line for line, scope in everything if wanted is None or scope in wanted]
        self.runs: list[Path] = list(self._runs())

    def _wanted(self, everything: list[tuple[Line, Scope]]) -> set[Scope]:
        choice = self._choice
        found: set[Scope] = {("run", run_id) for run_id in choice.runs}
        for line, scope in everything:
            ours = choice.project is None or self._scopes.project(scope) == choice.project
            if choice.model is None:
                if choice.project is not None and ours:
                    found.add(scope)
            elif ours and scope[0] == "model" and scope[2] == choice.model:
                found.add(scope)
                found |= _needed_by(line, scope)
        return found

    def _runs(self) -> Iterator[Path]:
        """Folders of runs, those of scripts too, of which the ledger need not know."""
        ids = {scope[1] for scope in self.scopes if scope[0] == "run"}
        for path in run_folders(self._home):
            if (
                self._choice.whole
                or path.name in ids
                or (self._choice.model is None and self._of_project(path))
            ):
                yield path

    def _of_project(self, path: Path) -> bool:
        if self._choice.project is None:
            return False
        try:
            return read_json(path / "spec.json", RunSpec).project == self._choice.project
        except (OSError, msgspec.DecodeError):
            return False

    def paths(self) -> Iterator[tuple[str, Path]]:
        """(name in the bundle, file), objects and data before the runs that read them."""
        yield from self._objects()
        for top in (self._home.data, self._home.quarantine):
            if self._choice.whole:
                yield from self._below(top)
            else:
                for scope in sorted(scope for scope in self.scopes if scope[0] == "source"):
                    yield from self._below(top / scope[1] / scope[2])
        for folder in self.runs:
            # one that was deleted meanwhile is in the trash, which the entries of this bundle know nothing of
            there = folder if folder.is_dir() else self._home.trashed_run(folder.name)
            yield from self._below(there, self._home.relative(folder))
        for scope in sorted(scope for scope in self.scopes if scope[0] == "run"):
            trashed = self._home.trashed_run(scope[1])
            if trashed.is_dir() and not any(folder.name == scope[1] for folder in self.runs):
                yield from self._below(trashed)

    def _objects(self) -> Iterator[tuple[str, Path]]:
        if self._choice.whole:
            yield from self._below(self._home.objects)
            return
        text = b"".join(line.raw for line in self.lines)
        for digest in sorted(marked(self._home, _digests(text))):
            path = self._home.objects / digest[:2] / digest
            if path.is_file():
                yield self._home.relative(path), path

    def _below(self, folder: Path, name: str = "") -> Iterator[tuple[str, Path]]:
        """Regular files, in a fixed order; unfinished ones of writers are left out."""
        base = name or self._home.relative(folder)
        for entry in sorted(files(folder), key=lambda entry: entry.path):
            if entry.is_file(follow_symlinks=False) and not (
                entry.name.startswith(".") and entry.name.endswith(".tmp")
            ):
                yield f"{base}/{Path(entry.path).relative_to(folder).as_posix()}", Path(entry.path)


def _digests(text: bytes) -> list[str]:
    return [found.decode() for found in set(re.findall(rb"[0-9a-f]{64}", text))]


def _needed_by(line: Line, scope: Scope) -> set[Scope]:
    """What a version stands on: the run that made it, and the sources that it was trained on."""
    data = line.entry.data
    found: set[Scope] = set()
    if isinstance(data.get("run_id"), str):
        found.add(("run", data["run_id"]))
    pins = data.get("pins")
    if isinstance(pins, dict):
        found |= {("source", scope[1], str(source)) for source in pins}
    return found
