"""What a deed has done, in the past tense, by its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _run(found: Any) -> str:
    return str(found.name or found.run_id[:12])


def _runs(found: Any) -> str:
    """`late-3`, or `3 runs`."""
    changed = getattr(found, "changed", [found])
    return changed[0].name or changed[0].run_id[:12] if len(changed) == 1 else plural(len(changed), "run")


def _marked(found: Any) -> str:
    return _run(found) if len(found.changed) < 2 else plural(len(found.changed), "run")


def _moved(found: Any) -> str:
    return f"{found.alias} of {found.model} is now " + (
        f"v{found.to}" if found.to is not None else "no version"
    )


_TOLD: dict[str, Callable[[Any], str]] = {
    "run start": lambda found: f"training of {found.model} queued: {_run(found)}",
    "run sweep": lambda found: f"{plural(len(found.runs), 'run')} queued",
    "run stop": lambda found: f"{_runs(found)} told to stop",
    "run resume": lambda found: f"{_runs(found)} queued again",
    "run tag": lambda found: f"{_marked(found)} tagged",
    "run note": lambda found: f"noted on {_marked(found)}",
    "run archive": lambda found: f"{_runs(found)} archived",
    "run unarchive": lambda found: f"{_runs(found)} listed again",
    "run delete": lambda found: f"{_runs(found)} in the trash",
    "run adopt": lambda found: f"{_runs(found)} taken up",
    "run restore": lambda found: f"{_runs(found)} restored",
    "model evaluate": lambda found: f"evaluation of {found.model} queued: {_run(found)}",
    "model promote": _moved,
    "model rollback": lambda found: f"{found.model} rolled back" + (f" to v{found.to}" if found.to is not None else ""),
    "model waive": lambda found: f"{found.check} of {found.model}@{found.version} waived",
    "proposal approve": lambda found: f"training of {found.model} queued (card {found.id})",
    "proposal reject": lambda found: f"the proposal for {found.model} rejected",
    "proposal snooze": lambda found: f"the proposal for {found.model} snoozed",
    "proposal open": lambda found: f"a retraining of {found.model} proposed",
    "data add": lambda found: f"check of the files queued: {_run(found)}",
    "data redrive": lambda found: f"check of the file queued: {_run(found)}",
    "data drop": lambda found: f"{found.path} of {found.source} dropped",
    "project remove": lambda found: f"the project {found.name} removed",
    "predict": lambda found: f"scoring queued: {_run(found)}",
    "ledger undo": lambda found: f"undone: {found.title.removeprefix('Undo ')}",
}  # fmt: skip


def told(key: str, answer: Any, otherwise: str) -> str:
    """`churn rolled back to v2`; of a verb that nothing is written for, `otherwise`."""
    write = _TOLD.get(key)
    return write(answer) if write is not None else otherwise
