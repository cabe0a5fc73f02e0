"""Stage outputs that are kept: `cache/<project>/<stage>/<key>/`, whole or not at all, `stage.json` last."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from mlops_store.atomic import (
    canonical,
    copy_file,
    fsync_dir,
    read_json_if,
    sha256_bytes,
    sha256_file,
    touch,
    write_json,
)
from mlops_store.errors import Problem

STAGE_FILE = "stage.json"


class StageRecord(msgspec.Struct, kw_only=True):
    """What a stage did: `stage.json` in its folder, and its entry in the attempt's `stages.json`.

    `inputs` is what the stage depended on, readable, for `run why`; `key` is the hash over name, code and inputs.
    `outputs` maps file names to sha256; `facts` are small results for later stages; `replay` are the journal
    lines (metrics, parameters, tags, artifacts, drops) that a cache hit must write again.
    """

    name: str
    key: str
    state: str = "started"
    code: str = ""
    inputs: dict[str, Any] = {}
    outputs: dict[str, str] = {}
    digest: str = ""
    facts: dict[str, Any] = {}
    replay: list[list[Any]] = []
    folder: str = ""
    run_id: str = ""
    attempt: int = 0
    started: int = 0
    ended: int = 0
    seconds: float = 0.0
    error: str = ""


def stage_key(name: str, code: str, inputs: dict[str, Any]) -> str:
    """The identity of a stage's work (hex)."""
    return sha256_bytes(canonical([name, code, inputs]))


def relative_inside(logical: str) -> str:
    """`logical` where it is a plain relative path. Raises Problem where it would lead elsewhere."""
    pure = PurePosixPath(logical)
    if not logical or pure.is_absolute() or ".." in pure.parts or "\\" in logical or "\0" in logical:
        raise Problem(
            "bad_artifact_path",
            f"{logical!r} cannot be the path of an artifact",
            "use a relative path without `..`",
        )
    return logical


def link_or_copy(source: Path, target: Path) -> tuple[str, int]:
    """The same bytes at `target` (hard link where possible: both are immutable). Returns (sha256, bytes)."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (target.exists() and os.path.samefile(source, target)):
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            copy_file(source, target)
    return sha256_file(target), target.stat().st_size


def find(folder: Path) -> StageRecord | None:
    """The kept record where it is whole; a damaged or half-written folder is removed and counts as absent."""
    if not touch(folder / STAGE_FILE) and not folder.is_dir():
        return None
    try:
        record = read_json_if(folder / STAGE_FILE, StageRecord)
        whole = record is not None and all(
            sha256_file(folder / n) == sha for n, sha in record.outputs.items()
        )
    except (OSError, msgspec.DecodeError):
        record, whole = None, False
    if not whole:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return record


def output_files(folder: Path) -> dict[str, str]:
    """File name → sha256 of all that a stage wrote."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != STAGE_FILE)
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def keep(scratch: Path, target: Path, record: StageRecord) -> None:
    """Moves a finished stage into place. Where another run was first, its equal work stays and ours goes."""
    write_json(scratch / STAGE_FILE, record)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.rename(scratch, target)
    except OSError:
        if find(target) is None:
            os.rename(scratch, target)
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    fsync_dir(target.parent)
