"""The folder of a run: what is in it, and the state that follows from it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import private_folder, read_json, read_json_if, write_atomic, write_json
from mlops_store.home import Home
from mlops_store.ids import RUN_ID, now_ms
from mlops_store.records import ExitRecord, Identity, LaunchContext, Outcome, RunSpec, RunState

_ATTEMPT = re.compile(r"[1-9][0-9]{0,8}")


class StopRequest(msgspec.Struct):
    """`attempts/<n>/stop`: someone asked for the end."""

    actor: str
    time: int
    signal: int = 15
    grace: float = 10.0


def run_folders(home: Home) -> Iterator[Path]:
    """All run folders of a home, oldest first."""
    if not home.runs.is_dir():
        return
    for month in sorted(home.runs.iterdir()):
        if month.is_dir() and not month.name.startswith("."):
            yield from sorted(path for path in month.iterdir() if RUN_ID.match(path.name) and path.is_dir())


def is_attempt(name: str) -> bool:
    """Whether a folder of this name is an attempt: a number from 1 on."""
    return _ATTEMPT.fullmatch(name) is not None


def announce(home: Home, run_id: str, by: Identity) -> None:
    """Leaves word in the inbox, before the run's folder is begun: the daemon finds it, and knows who should be at it."""
    write_json(home.inbox / run_id, by, scratch=home.tmp)


class RunFolder:
    """Paths and records of one run. Holds no state: each question reads the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_id = path.name

    @staticmethod
    def create(home: Home, spec: RunSpec) -> RunFolder:
        """Writes the folder and its spec, durable. An existing spec is left as it is."""
        folder = RunFolder(home.run_dir(spec.run_id))
        for part in (folder.path / "attempts", folder.path / "journal", folder.artifacts):
            private_folder(part)
        if not folder.spec_file.exists():
            write_json(folder.spec_file, spec)
        return folder

    # --- paths ---

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def code(self) -> Path:
        return self.path / "code"

    @property
    def artifacts(self) -> Path:
        return self.path / "artifacts"

    @property
    def capture(self) -> Path:
        return self.path / "capture.json"

    def attempt_dir(self, attempt: int) -> Path:
        return self.path / "attempts" / str(attempt)

    def journals(self, *more: str) -> list[Path]:
        """The journal files, by name: the order has no meaning but is always the same. `more`: other endings of names, too.

        A name that is no text, or holds control characters, is no writer's of ours.
        """
        folder = self.path / "journal"
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [
            folder / name for name in sorted(names) if name.endswith((".jsonl", *more)) and name.isprintable()
        ]

    # --- records ---

    def spec(self) -> RunSpec:
        return read_json(self.spec_file, RunSpec)

    def attempts(self) -> list[int]:
        folder = self.path / "attempts"
        if not folder.is_dir():
            return []
        return sorted(int(name) for name in os.listdir(folder) if is_attempt(name))

    def latest(self) -> int:
        """The number of the newest attempt; 0 where there is none yet."""
        return max(self.attempts(), default=0)

    def context(self, attempt: int) -> LaunchContext | None:
        return read_json_if(self.attempt_dir(attempt) / "context.json", LaunchContext)

    def shim(self, attempt: int) -> Identity | None:
        return read_json_if(self.attempt_dir(attempt) / "shim.json", Identity)

    def child(self, attempt: int) -> Identity | None:
        return read_json_if(self.attempt_dir(attempt) / "child.json", Identity)

    def exit(self, attempt: int) -> ExitRecord | None:
        return read_json_if(self.attempt_dir(attempt) / "exit.json", ExitRecord)

    def outcome(self, attempt: int) -> Outcome | None:
        return read_json_if(self.attempt_dir(attempt) / "outcome.json", Outcome)

    def error(self, attempt: int) -> dict[str, Any] | None:
        return read_json_if(self.attempt_dir(attempt) / "error.json", dict[str, Any])

    def stages(self, attempt: int) -> list[dict[str, Any]]:
        return read_json_if(self.attempt_dir(attempt) / "stages.json", list[dict[str, Any]]) or []

    def stop_request(self, attempt: int) -> StopRequest | None:
        return read_json_if(self.attempt_dir(attempt) / "stop", StopRequest)

    def request_stop(self, attempt: int, actor: str, signal: int = 15, grace: float = 10.0) -> None:
        """Leaves the request where the shim looks for it; the first one holds."""
        target = self.attempt_dir(attempt) / "stop"
        if not target.exists():
            write_atomic(
                target,
                msgspec.json.encode(StopRequest(actor=actor, time=now_ms(), signal=signal, grace=grace)),
            )

    def state(self) -> tuple[RunState, ExitRecord | None]:
        """The state by the evidence on disk, and the exit record where the newest attempt has ended."""
        attempt = self.latest()
        if attempt == 0:
            return "QUEUED", None
        ended = self.exit(attempt)
        if ended is not None:
            return state_of_exit(ended), ended
        folder = self.attempt_dir(attempt)
        if (folder / "stop").exists():
            return "STOPPING", None
        if (folder / "child.json").exists():
            return "RUNNING", None
        return (
            "STARTING" if (folder / "context.json").exists() or (folder / "claim").exists() else "QUEUED"
        ), None


def state_of_exit(ended: ExitRecord) -> RunState:
    """What an exit record means."""
    if ended.stopped:
        return "KILLED"
    if ended.lost:
        return "LOST"
    return "FINISHED" if ended.exit_code == 0 and not ended.incomplete else "FAILED"
