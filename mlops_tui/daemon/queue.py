"""Which of the waiting runs may start now, and which never will. A pure function of what is known: no clock, no process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mlops_store.errors import Problem
from mlops_tui.services.forecast import SMALL_KINDS

JUDGING_KINDS = frozenset({"train", "evaluate"})
"""Runs that look at the evaluation rows of their model."""
OPTION = "MLOPS_TUI_PARALLEL"


def default_limit() -> int:
    """Runs at a time: `MLOPS_TUI_PARALLEL`, else half the cores that we may use, at least one. Raises Problem."""
    text = os.environ.get(OPTION, "")
    if text:
        if not text.isdecimal() or not 1 <= int(text) <= 1000:
            raise Problem(
                "bad_option", f"{OPTION} is {text!r}", "set it to a number from 1 to 1000", status=2
            )
        return int(text)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, cores // 2)


@dataclass(frozen=True)
class Waiting:
    """A run that has been submitted and not launched. `pinned`: it names its data versions and waits for no arrivals."""

    run_id: str
    kind: str
    project: str
    model: str | None = None
    source: str = ""
    after: tuple[str, ...] = ()
    pinned: bool = False
    stop: bool = False


@dataclass(frozen=True)
class Active:
    """A run that is launched and has not ended."""

    run_id: str
    kind: str
    project: str
    model: str | None = None
    source: str = ""


@dataclass
class Decisions:
    """`launch` in order, `kill` with reasons, and why each of the others waits."""

    launch: list[Waiting] = field(default_factory=list)
    kill: list[tuple[Waiting, str]] = field(default_factory=list)
    waits: dict[str, str] = field(default_factory=dict)


class Queue:
    """First come, first served within a lane; a run that has to wait lets those behind it pass."""

    def __init__(self, limit: int | None = None, small_limit: int | None = None) -> None:
        self.limit = default_limit() if limit is None else max(1, limit)
        self.small_limit = max(1, self.limit // 2) if small_limit is None else max(1, small_limit)

    def decide(
        self,
        waiting: Iterable[Waiting],
        active: Iterable[Active],
        states: Mapping[str, str],
        project_quiet: Callable[[str], bool],
    ) -> Decisions:
        """`states` has the state of each run that an `after` names; `project_quiet` tells whether no data is arriving."""
        running: list[Active] = list(active)
        queue = sorted(waiting, key=lambda run: run.run_id)
        found = Decisions()
        for run in queue:
            doom = _doom(run, states)
            if doom:
                found.kill.append((run, doom))
                continue
            reason = self._must_wait(run, running, queue, states, project_quiet)
            if reason:
                found.waits[run.run_id] = reason
                continue
            found.launch.append(run)
            running.append(Active(run.run_id, run.kind, run.project, run.model, run.source))
        return found

    def _must_wait(
        self,
        run: Waiting,
        running: list[Active],
        queue: list[Waiting],
        states: Mapping[str, str],
        project_quiet: Callable[[str], bool],
    ) -> str:
        upstream = [run_id for run_id in run.after if states.get(run_id) != "FINISHED"]
        if upstream:
            return f"waits for run {upstream[0][:12]}"
        rival = _rival(run, running)
        if rival:
            return rival
        if run.kind in ("train", "drift") and not run.pinned:
            arriving = any(r.kind == "ingest" and r.project == run.project for r in running) or any(
                r.kind == "ingest" and r.project == run.project for r in queue
            )
            if arriving or not project_quiet(run.project):
                return "waits for arriving data"
        small = run.kind in SMALL_KINDS
        busy = sum((r.kind in SMALL_KINDS) == small for r in running if r.kind != "sdk")
        limit = self.small_limit if small else self.limit
        return f"waits for a free place ({busy} of {limit} taken)" if busy >= limit else ""


def _rival(run: Waiting, running: list[Active]) -> str:
    """Two that judge one model would take the same look at the evaluation rows; two ingests would write one version."""
    for other in running:
        if other.project != run.project:
            continue
        if {run.kind, other.kind} <= JUDGING_KINDS and other.model == run.model:
            return f"waits for run {other.run_id[:12]} of the same model"
        if run.kind == other.kind == "ingest" and other.source == run.source:
            return f"waits for run {other.run_id[:12]} of the same source"
    return ""


def _doom(run: Waiting, states: Mapping[str, str]) -> str:
    if run.stop:
        return "withdrawn before it started"
    for run_id in run.after:
        state = states.get(run_id)
        if state is None:
            return f"run {run_id} that it waits for is not known"
        if state in ("FAILED", "KILLED", "LOST"):
            return f"run {run_id} that it waits for ended {state}"
    return ""
