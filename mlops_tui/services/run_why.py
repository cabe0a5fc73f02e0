"""Why each stage ran or came from the cache: its inputs beside those of the training before."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.tx import Read
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_rows
from mlops_tui.services.run_code import line_changes
from mlops_tui.verbs.run import RunWhy, StageChange, StageWhy, Why

RECIPE = "recipe code"
_MAX_CHANGES = 20
_MAX_TEXT = 200


def why(read: Read, request: RunWhy) -> Why:
    """What changed since the previous run of the model, stage by stage. Raises Problem `no_stages`, `no_such_stage`."""
    run_id = run_rows.find_run(read, request.run_id, request.project)
    folder = RunFolder(read.home.run_dir(run_id))
    stages = _stages(folder)
    if not stages:
        raise Problem(
            "no_stages", f"run {run_id} has not begun a stage", "`mlops-tui run show` tells its state"
        )
    if request.stage is not None and request.stage not in stages:
        raise Problem(
            "no_such_stage",
            f"run {run_id} has no stage {request.stage!r}",
            f"it has {', '.join(stages)}",
        )
    previous, before = _previous(read.home, folder)
    names = [request.stage] if request.stage else list(stages)
    return Why(
        run_id=run_id,
        previous=previous.run_id if previous else None,
        stages=[_one(name, stages[name], before.get(name), folder, previous) for name in names],
    )


def _stages(folder: RunFolder) -> dict[str, dict[str, Any]]:
    """The stages of the newest attempt that has any, by name, in order."""
    for attempt in reversed(folder.attempts()):
        found = folder.stages(attempt)
        if found:
            return {
                str(stage["name"]): stage for stage in found if isinstance(stage, dict) and "name" in stage
            }
    return {}


def _previous(home: Home, folder: RunFolder) -> tuple[RunFolder | None, dict[str, dict[str, Any]]]:
    """What the run was launched after: the training before it, or its own attempt before this one."""
    attempts = folder.attempts()
    if len(attempts) > 1 and folder.stages(attempts[-2]):
        stages = {str(stage["name"]): stage for stage in folder.stages(attempts[-2])}
        return folder, stages
    context = folder.context(attempts[-1]) if attempts else None
    if context is None or not context.previous_run:
        return None, {}
    previous = RunFolder(home.run_dir(context.previous_run))
    return (previous, _stages(previous)) if previous.path.is_dir() else (None, {})


def _one(
    name: str,
    stage: dict[str, Any],
    before: dict[str, Any] | None,
    folder: RunFolder,
    previous: RunFolder | None,
) -> StageWhy:
    state = str(stage.get("state", ""))
    key, old_key = str(stage.get("key", "")), str((before or {}).get("key", ""))
    changes: list[StageChange] = []
    if before is not None and key != old_key:
        changes = _changes(stage, before, folder, previous)
    return StageWhy(
        stage=name, state=state, key=key, previous_key=old_key, reason=_reason(stage, state, before, key == old_key, previous), changes=changes
    )  # fmt: skip


def _reason(
    stage: dict[str, Any], state: str, before: dict[str, Any] | None, same: bool, previous: RunFolder | None
) -> str:
    if state == "cached":
        return f"nothing that it depends on has changed: its result is that of run {stage.get('run_id', '')}"
    if previous is None:
        return "there is no earlier run of this model"
    if before is None:
        return f"run {previous.run_id} did not get that far"
    if not same:
        return f"its inputs differ from those in run {previous.run_id}"
    if before.get("state") in ("failed", "started"):
        return f"it did not finish in run {previous.run_id}"
    return "its inputs are the same, and no cached result was found"


def _changes(
    stage: dict[str, Any], before: dict[str, Any], folder: RunFolder, previous: RunFolder | None
) -> list[StageChange]:
    found: list[StageChange] = []
    if stage.get("code") != before.get("code"):
        found.append(_change("code of the stage (mlops-tui itself)", before.get("code"), stage.get("code")))
    old, new = _flat(before.get("inputs") or {}), _flat(stage.get("inputs") or {})
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        lines = line_changes(previous.code, folder.code, _MAX_CHANGES) if name == RECIPE and previous else []
        found += [_change(place, was, now) for place, was, now in lines] or [
            _change(name, old.get(name), new.get(name))
        ]
    return found[:_MAX_CHANGES]


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested inputs by their dotted names."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict) and item:
            found |= _flat(item, f"{name}.")
        else:
            found[name] = item
    return found


def _change(name: str, before: Any, after: Any) -> StageChange:
    return StageChange(input=name, before=_text(before), after=_text(after))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
