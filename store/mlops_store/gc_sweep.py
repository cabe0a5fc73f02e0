"""Takes away what `gc_find` found: by renames, each of which can be the last thing that this process does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from mlops_store.atomic import sha256_file
from mlops_store.gc_find import KINDS, Keep, Sweep, children, find, marked, ms
from mlops_store.home import Home
from mlops_store.records import GcOutcome


def sweep(home: Home, keep: Keep, run_id: str, say: Callable[[str], None] = lambda _text: None) -> GcOutcome:
    """Collects. What cannot be collected is named in `problems`, and the rest goes on. Missing objects that the trash has come back first."""
    outcome = GcOutcome(swept={kind: {"items": 0, "bytes": 0} for kind in KINDS})
    place = home.trash / "gc" / run_id
    back = rescue(home, keep)
    if back:
        outcome.kept["objects brought back from the trash"] = back
    for found in find(home, keep):
        try:
            done = _link(home, found) if found.act == "link" else _take(home, found, place, keep.cutoff)
        except OSError as error:
            outcome.problems.append(f"{home.relative(found.path)}: {error.strerror or error}")
            continue
        if not done:
            outcome.kept["in use after all"] = outcome.kept.get("in use after all", 0) + 1
            continue
        count = outcome.swept[found.kind]
        count["items"] += 1
        count["bytes"] += found.bytes
        if found.act == "move":
            outcome.trashed += found.bytes
        else:
            outcome.freed += found.bytes
        if count["items"] % 1000 == 0:
            say(f"{found.kind}: {count['items']} so far")
    shutil.rmtree(place / "drop", ignore_errors=True)
    outcome.swept = {kind: count for kind, count in outcome.swept.items() if count["items"]}
    return outcome


def rescue(home: Home, keep: Keep) -> int:
    """Brings objects that are named but missing back from the trash, where an earlier collection put them. Returns how many."""
    count = 0
    for digest in marked(home, keep.digests):
        target = home.objects / digest[:2] / digest
        if target.exists():
            continue
        for folder in children(home.trash / "gc"):
            source = folder / "objects" / digest
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.link(source, target)
                count += 1
                break
    return count


def put_back(home: Home, run_id: str) -> dict[str, int]:
    """Undoes what is left of a collection: objects and logs that it moved to the trash go back. Returns how many of each."""
    place = home.trash / "gc" / run_id
    counts = {"objects": 0, "logs": 0}
    for source in children(place / "objects"):
        target = home.objects / source.name[:2] / source.name
        counts["objects"] += _return(source, target)
    for source in children(place / "logs"):
        target = home.run_dir(source.stem) / "log.txt"
        counts["logs"] += _return(source, target) if target.parent.is_dir() else 0
    return counts


def _return(source: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.utime(source)
    try:
        os.link(source, target)
    except FileExistsError:
        source.unlink()
        return 0
    source.unlink()
    return 1


def _take(home: Home, found: Sweep, place: Path, cutoff: int) -> bool:
    """Renames a thing away; back where it was taken into use meanwhile, which gives False."""
    if found.act == "drop":
        target = place / "drop" / os.urandom(8).hex()
    elif found.kind == "logs":
        target = place / "logs" / f"{found.path.parent.name}.txt"
    else:
        target = place / "objects" / found.path.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.rename(found.path, target)
    except FileNotFoundError:
        return False
    stamp = target if found.stamp in (None, found.path) else target / str(found.stamp and found.stamp.name)
    if found.kind in ("objects", "cache") and ms(stamp.stat()) >= cutoff:
        _return_used(target, found.path)
        return False
    if found.act == "drop":
        _remove(target)
    return True


def _return_used(source: Path, target: Path) -> None:
    """Puts it back; where its user has already made another, that one stays."""
    if source.is_dir():
        try:
            os.rename(source, target)
        except OSError:
            shutil.rmtree(source)
        return
    with contextlib.suppress(FileExistsError):  # written anew meanwhile: the same bytes
        os.link(source, target)
    source.unlink()


def _link(home: Home, found: Sweep) -> bool:
    """Makes a file a second name of the object with its bytes. The copy cannot be written to any more: the object's name is its content."""
    digest = sha256_file(found.path)
    temporary = found.path.with_name(f".{found.path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        source = home.objects / digest[:2] / digest
        source.chmod(0o400)
        os.link(source, temporary)
    except FileNotFoundError:
        return False
    os.replace(temporary, found.path)
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
