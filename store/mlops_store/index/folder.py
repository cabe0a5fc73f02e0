"""The records of a run folder (all but its journals) as rows: the run, its outcome, its errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from mlops_store.ids import RUN_ID, run_time
from mlops_store.index.payload import json_text
from mlops_store.records import Outcome, RunSpec
from mlops_store.run_folder import RunFolder, is_attempt, state_of_exit

T = TypeVar("T")
Signature = tuple[tuple[str, int, int, int], ...]


@dataclass
class Error:
    """A row of the table `errors`."""

    code: str
    message: str
    attempt: int = 0
    hint: str = ""
    stage: str = ""
    file: str = ""
    line: int | None = None

    def row(self, run_id: str, origin: str) -> tuple[Any, ...]:
        return (
            run_id,
            origin,
            self.attempt,
            self.code,
            self.message,
            self.hint,
            self.stage,
            self.file,
            self.line,
        )


@dataclass
class FolderFacts:
    """What the records of a folder say."""

    run_id: str
    spec: RunSpec | None
    state: str
    attempts: int
    started: int | None = None
    ended: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    duration_ms: int | None = None
    reason: str = ""
    outcome: Outcome | None = None
    outcome_attempt: int = 0
    pins: dict[str, int] = field(default_factory=dict)
    errors: list[Error] = field(default_factory=list)


def signature(folder: RunFolder) -> Signature:
    """Name, size, time and inode of the records: unchanged means that there is nothing to read. Only stats and lists."""
    found = _stat_one(folder.spec_file, "spec.json")
    attempts = folder.path / "attempts"
    if attempts.is_dir():
        for attempt in sorted(os.scandir(attempts), key=lambda entry: entry.name):
            if is_attempt(attempt.name) and attempt.is_dir(follow_symlinks=False):
                found.append((attempt.name, 0, 0, 0))
                for entry in sorted(os.scandir(attempt.path), key=lambda entry: entry.name):
                    found += _stat_one(entry, f"{attempt.name}/{entry.name}")
    return tuple(found)


def _stat_one(entry: Any, name: str) -> list[tuple[str, int, int, int]]:
    try:
        status = entry.stat()
    except FileNotFoundError:
        return []
    return [(name, status.st_size, status.st_mtime_ns, status.st_ino)]


def read_folder(folder: RunFolder) -> FolderFacts:
    """Reads all records. One that cannot be read becomes an error row and counts as absent."""
    errors: list[Error] = []

    def read(file: str, attempt: int, reader: Callable[[], T]) -> T | None:
        try:
            return reader()
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            errors.append(
                Error(
                    "record_damaged",
                    f"{file} cannot be read: {error}",
                    attempt,
                    "restore it from a backup",
                    file=file,
                )
            )
            return None

    numbers = folder.attempts()
    latest = max(numbers, default=0)
    facts = FolderFacts(folder.run_id, read("spec.json", 0, folder.spec), "QUEUED", latest, errors=errors)
    for number in numbers:
        _read_attempt(folder, number, facts, read)
    if latest:
        facts.state = _state(folder, latest, facts, read)
    facts.pins = _pins(folder, latest, facts, read)
    return facts


def _pins(folder: RunFolder, latest: int, facts: FolderFacts, read: Any) -> dict[str, int]:
    """The data versions: of a training those that it used, those that were resolved for it until it says so, else those that were asked for."""
    spec, training = facts.spec, facts.outcome.training if facts.outcome else None
    if training is not None:
        return training.pins
    if spec is None or spec.kind != "train" or not latest:
        return spec.pins if spec else {}
    context = read(f"attempts/{latest}/context.json", latest, lambda: folder.context(latest))
    return {name: pin.version for name, pin in context.sources.items()} if context else spec.pins


def _read_attempt(folder: RunFolder, number: int, facts: FolderFacts, read: Any) -> None:
    base = f"attempts/{number}"
    child = read(f"{base}/child.json", number, lambda: folder.child(number))
    if child is not None and facts.started is None:
        facts.started = child.started
    outcome = read(f"{base}/outcome.json", number, lambda: folder.outcome(number))
    if outcome is not None:
        facts.outcome, facts.outcome_attempt = outcome, number
    problem = read(f"{base}/error.json", number, lambda: folder.error(number))
    if problem is not None:
        facts.errors.append(
            Error(
                code=str(problem.get("code") or "error"),
                message=str(problem.get("message") or ""),
                attempt=number,
                hint=str(problem.get("hint") or ""),
                stage=str(problem.get("stage") or ""),
                file=f"{base}/error.json",
            )
        )


def _state(folder: RunFolder, latest: int, facts: FolderFacts, read: Any) -> str:
    """By the evidence of the newest attempt, as RunFolder.state, but a damaged exit record is no exit."""
    ended = read(f"attempts/{latest}/exit.json", latest, lambda: folder.exit(latest))
    if ended is not None:
        facts.ended, facts.exit_code, facts.signal = ended.ended, ended.exit_code, ended.signal
        facts.duration_ms, facts.reason = ended.duration_ms, ended.reason
        return state_of_exit(ended)
    place = folder.attempt_dir(latest)
    if (place / "stop").exists():
        return "STOPPING"
    if (place / "child.json").exists():
        return "RUNNING"
    return "STARTING" if (place / "context.json").exists() or (place / "claim").exists() else "QUEUED"


def declared_metric(spec: RunSpec | None) -> str | None:
    """What mlops.toml said at the start that a command model is judged by."""
    found = spec.request.get("metric") if spec else None
    return found if isinstance(found, str) and found else None


def run_row(facts: FolderFacts, path: str) -> dict[str, Any]:
    """The columns of `runs` that a folder owns."""
    spec = facts.spec
    training = facts.outcome.training if facts.outcome else None
    created = run_time(facts.run_id) if RUN_ID.match(facts.run_id) else 0
    return {
        "run_id": facts.run_id,
        "kind": spec.kind if spec else "sdk",
        "name": spec.name if spec else "",
        "project": spec.project if spec else "",
        "experiment": spec.experiment if spec else "",
        "model": spec.model if spec else None,
        "actor": spec.actor if spec else "",
        "state": facts.state,
        "created": spec.created if spec else created,
        "started": facts.started,
        "ended": facts.ended,
        "exit_code": facts.exit_code,
        "signal": facts.signal,
        "duration_ms": facts.duration_ms,
        "attempts": facts.attempts,
        "reason": facts.reason,
        "proposal_id": spec.proposal_id if spec else None,
        "recipe_hash": spec.recipe_hash if spec else "",
        "project_dir": spec.project_dir if spec else "",
        "path": path,
        "metric": training.metric if training else declared_metric(spec),
        "direction": training.direction if training else None,
        "pins": json_text(facts.pins),
        "request": json_text(spec.request if spec else {}),
        "after": json_text(spec.after if spec else []),
    }


def evaluation_row(facts: FolderFacts, row: dict[str, Any]) -> tuple[Any, ...] | None:
    """The row of `evaluations`, where the outcome has one."""
    found = facts.outcome.evaluation if facts.outcome else None
    if found is None:
        return None
    return (facts.run_id, row["project"], found.model, found.version, found.evaluation_key, found.evaluation_rows, found.clusters,
            json_text(found.metrics), json_text(found.slices), found.baseline_version, json_text(found.baseline_metrics),
            json_text(found.difference), row["created"])  # fmt: skip


def drift_row(facts: FolderFacts, row: dict[str, Any]) -> tuple[Any, ...] | None:
    """The row of `drift`, where the outcome has one."""
    found = facts.outcome.drift if facts.outcome else None
    if found is None:
        return None
    return (facts.run_id, row["project"], found.model, found.source, found.version, found.champion_version, found.new_rows,
            found.mature_labelled_rows, found.alarm, found.major, found.chunk_start, found.chunk_end, json_text(found.batches),
            json_text(found), row["created"])  # fmt: skip
