"""One run with its evidence: attempts, stages, artifacts, errors, verdict, and what it depended on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.index.evidence import Evidence, evidence
from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED, RunSpec
from mlops_store.redact import redact_argv
from mlops_store.run_folder import RunFolder, state_of_exit
from mlops_tui.services import run_rows
from mlops_tui.services.run_rows import decode
from mlops_tui.text import ended_by
from mlops_tui.verbs._shapes import Artifact, Attempt, RunDetail, RunError, Stage


def detail(db: Read | Tx, run_id: str) -> RunDetail:
    """Everything about a run. Raises Problem where there is none."""
    seen = run_rows.runs_of(
        db, [run_id]
    )  # before its evidence: what is shown as ended is shown with all that came before
    found = evidence(db, run_id)
    if found is None or found.row["deleted"] is not None:
        run_rows.row_of(db, run_id)  # says that it is not there, or how it comes back
        found = evidence(db, run_id)  # it has come between the two questions
    assert found is not None
    row = found.row
    run = seen[0] if seen else run_rows.run_of(db, run_id)
    folder = RunFolder(db.home.run_dir(run_id))
    spec = _spec(folder)
    result = _part(found.outcome) if found.outcome else None
    fields = {name: getattr(run, name) for name in run.__struct_fields__}
    fields |= {"error": _error(found, run.signal), "actor": row["actor"] or ""}
    gate = _gate(found, result)
    return RunDetail(
        **fields,
        attempt_list=[_attempt(folder, number, row) for number in folder.attempts()],
        stages=_stages(found.stages, over=run.state in ENDED),
        artifacts=[Artifact(**each) for each in found.artifacts],
        gate=gate,
        same_as=(gate or {}).get("same_as"),
        repeats=(gate or {}).get("repeats"),
        result=result,
        pins=decode(row["pins"], {}),
        after=decode(row["after"], []),
        command=redact_argv(spec.command) if spec else [],
        cwd=spec.cwd if spec else "",
        python=spec.python if spec else "",
        recipe_hash=row["recipe_hash"] or "",
        environment=_environment(folder, spec),
        folder=os.fspath(folder.path),
        dropped=found.dropped,
    )


def _part(outcome: dict[str, Any]) -> dict[str, Any] | None:
    """The one part of an outcome that its kind of run sets."""
    return next((part for part in outcome.values() if isinstance(part, dict)), None)


def _environment(folder: RunFolder, spec: RunSpec | None) -> dict[str, Any]:
    """What was captured of interpreter and code, and the names of the variables that the run did not get."""
    captured = read_json_if(folder.capture, dict[str, Any]) or {}
    return {**captured, "withheld": spec.withheld} if spec and spec.withheld else captured


def _spec(folder: RunFolder) -> RunSpec | None:
    try:
        return folder.spec()
    except (OSError, msgspec.DecodeError):
        return None  # the index tells of the damage by an error row


def _attempt(folder: RunFolder, number: int, row: dict[str, Any]) -> Attempt:
    try:
        child, ended = folder.child(number), folder.exit(number)
    except msgspec.DecodeError as error:
        return Attempt(attempt=number, state="LOST", reason=f"its record is damaged: {error}")
    latest = number == row["attempts"]
    return Attempt(
        attempt=number,
        state=state_of_exit(ended) if ended else row["state"] if latest else "LOST",
        started=child.started if child else None,
        ended=ended.ended if ended else None,
        duration_ms=ended.duration_ms if ended else None,
        exit_code=ended.exit_code if ended else None,
        signal=ended.signal if ended else None,
        pid=child.pid if child else None,
        reason=ended.reason if ended else "",
    )


def _stages(rows: Sequence[dict[str, Any]], *, over: bool) -> list[Stage]:
    """In the order in which they began; what had begun and not ended when the run was over is `stopped`."""
    found = []
    for row in rows:
        info = row["info"] or {}
        seconds = info.get("seconds")
        began = row["started"] if row["started"] is not None else row["first_ts"]
        took = round(seconds * 1000) if isinstance(seconds, int | float) else None
        if took is None and row["ended"] is not None and row["started"] is not None:
            took = row["ended"] - row["started"]
        key = str(info.get("key") or "")
        found.append(
            Stage(
                name=row["stage"],
                state="stopped" if over and row["state"] == "started" else row["state"],
                started=began,
                duration_ms=took,
                key=key,
                info=info,
            )
        )
    return found


def _error(found: Evidence, signal: int | None) -> RunError | None:
    """What the newest attempt says of its failure; one that a signal ended could not say anything."""
    if found.row["state"] == "FINISHED":
        return None
    if found.error is None:
        killed = found.row["state"] == "FAILED" and signal is not None
        at = next((row["stage"] for row in reversed(found.stages) if row["state"] == "started"), "")
        return RunError(code="ended_by_signal", message=ended_by(signal), stage=at) if killed else None
    return RunError(**{name: value or "" for name, value in found.error.items()})


def _gate(found: Evidence, result: dict[str, Any] | None) -> dict[str, Any] | None:
    """The verdict as it stands in the ledger; until then, as the worker left it."""
    gate = decode(found.gate) if found.judged else (result or {}).get("gate")
    return gate if isinstance(gate, dict) else None
