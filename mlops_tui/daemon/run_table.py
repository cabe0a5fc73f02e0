"""The runs that the loop has to do with: not ended, or ended and not carried into the ledger."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_store.home import Home
from mlops_store.index.tx import Read
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder
from mlops_tui.daemon.queue import Active, Waiting

_OPEN = """
SELECT run_id, kind, name, project, model, state, attempts, stop_seq, submitted, resumed, settled, pins, request, after, path
FROM runs
WHERE (state NOT IN ('FINISHED', 'FAILED', 'KILLED', 'LOST') AND kind = 'sdk') OR (submitted IS NOT NULL AND settled IS NULL)
ORDER BY run_id
"""


@dataclass(frozen=True)
class OpenRun:
    """One row of them."""

    run_id: str
    kind: str
    project: str
    model: str | None
    state: str
    stop_asked: bool
    submitted: bool
    folder: RunFolder
    after: tuple[str, ...]
    source: str
    pins: dict[str, int]
    attempts: int
    at_rest: bool
    """Queued, its folder read, and no attempt made: nobody but the loop changes that, so it need not be looked at."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def sdk(self) -> bool:
        """A process of somebody's own, not launched by us. (A submitted run whose spec.json is damaged reads like one.)"""
        return self.kind == "sdk" and not self.submitted

    def waiting(self) -> Waiting:
        return Waiting(
            self.run_id,
            self.kind,
            self.project,
            self.model,
            self.source,
            self.after,
            bool(self.pins),
            self.stop_asked,
        )

    def active(self) -> Active:
        return Active(self.run_id, self.kind, self.project, self.model, self.source)


class News:
    """Whether anything of importance happened in the run folders, by the times of change of a few folders: cheap enough
    to be asked ten times a second. What is appended to a journal is no such news."""

    def __init__(self, home: Home) -> None:
        self._inbox = str(home.inbox)
        self._seen: tuple[int, ...] = ()

    def any(self, runs: Sequence[OpenRun]) -> bool:
        """True when a file came or went in the inbox or in an attempt of these runs since the last call."""
        found = [_changed(self._inbox)]
        for run in runs:
            if not run.at_rest:
                attempts = run.folder.path / "attempts"
                found += [_changed(str(attempts)), _changed(f"{attempts}/{max(1, run.attempts)}")]
        seen, self._seen = self._seen, tuple(found)
        return seen != self._seen


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def open_runs(read: Read) -> list[OpenRun]:
    """Those runs, oldest first."""
    return [_open_run(read, row) for row in read.rows(_OPEN)]


def _open_run(read: Read, row: dict[str, Any]) -> OpenRun:
    request = _json(row["request"], {})
    source = request.get("source") if isinstance(request, dict) else None
    return OpenRun(
        run_id=row["run_id"],
        kind=row["kind"] or "sdk",
        project=row["project"] or "",
        model=row["model"],
        state=row["state"],
        stop_asked=row["stop_seq"] is not None,
        submitted=row["submitted"] is not None,
        folder=RunFolder(read.home.run_dir(row["run_id"])),
        after=tuple(_json(row["after"], [])),
        source=source if isinstance(source, str) else "",
        pins=dict(_json(row["pins"], {})),
        attempts=row["attempts"] or 0,
        at_rest=row["state"] == "QUEUED" and not row["attempts"] and bool(row["name"]),
    )


def states_of(read: Read, run_ids: set[str]) -> dict[str, str]:
    """The state of each of these runs that is known."""
    if not run_ids:
        return {}
    rows = read.rows("SELECT run_id, state FROM runs WHERE run_id IN (SELECT unnest(?))", [sorted(run_ids)])
    return {row["run_id"]: row["state"] for row in rows}


def _json(text: Any, default: Any) -> Any:
    return msgspec.json.decode(text) if isinstance(text, str) and text else default
