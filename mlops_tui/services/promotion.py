"""Alias moves: promotion and rollback. Each is one ledger entry; a rollback is a new move, not an erased one."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_store.errors import Problem
from mlops_store.ids import check_name
from mlops_store.index import models
from mlops_store.index.tx import Read, Tx
from mlops_tui.services.versions import CHAMPION, Named, named, project_of, resolve
from mlops_tui.services.waiving import evaluation_beside, refuse_unproven, verdict_id
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.model import AliasMove, ModelPromote, ModelRollback


@dataclass(frozen=True)
class Move:
    """A move that may be made."""

    to: Named
    alias: str
    current: int | None
    verdict_id: str | None


def promote(tx: Tx, request: ModelPromote) -> AliasMove:
    """Moves an alias to a version, if the registry is as the caller believes and the gate lets it. Raises Problem."""
    return _append(tx, _promotion(tx, request), request.reason)


def plan_promote(read: Read, request: ModelPromote) -> Plan:
    """What `promote` would do; raises what it would raise."""
    move = _promotion(read, request)
    row = move.to.row
    steps = [
        f"move {move.alias} of {move.to.model} from {_shown(move.current)} to version {move.to.version}",
        f"the gate said {row['verdict'] or 'nothing'} of {move.to.label}{_against(read, move)}",
    ]
    undo = (
        f"mlops-tui model rollback {move.to.model}{_option(move.alias)}" if move.current is not None else ""
    )
    return Plan(title=f"promote {move.to.label}", steps=steps, undo=undo)


def rollback(tx: Tx, request: ModelRollback) -> AliasMove:
    """Moves an alias back to where it was before the newest promotion that was not yet taken back. Raises Problem."""
    return _append(tx, _rollback(tx, request), request.reason or "rollback", rollback=True)


def plan_rollback(read: Read, request: ModelRollback) -> Plan:
    """What `rollback` would do; raises what it would raise."""
    move = _rollback(read, request)
    return Plan(
        title=f"roll {request.model} back",
        steps=[
            f"move {move.alias} of {move.to.model} from {_shown(move.current)} to version {move.to.version}"
        ],
        undo=f"mlops-tui model promote {request.model}@{move.current}{_option(move.alias)}",
    )


def _promotion(db: Read | Tx, request: ModelPromote) -> Move:
    check_name(request.alias, "alias")
    if request.alias.isdigit():
        raise Problem(
            "bad_name",
            f"{request.alias!r} would be taken for a version",
            "begin an alias with a letter",
            status=2,
        )
    to = named(db, request.model, request.project, explicit=True)
    current = models.aliases(db, to.project, to.model).get(request.alias)
    _expect(request.expected_from, current, to.model, request.alias)
    newest = verdict_id(db, to)
    if request.verdict_id is not None and request.verdict_id != newest:
        raise Problem(
            "verdict_changed",
            f"the newest verdict on {to.label} is {newest or 'none'}, not {request.verdict_id}",
            f"look at it again: `mlops-tui model show {to.label}`",
            status=3,
        )
    if current == to.version:
        raise Problem(
            "already_there",
            f"{request.alias} of {to.model} is on version {to.version} already",
            "there is nothing to do",
        )
    # only what serving reads is guarded; a challenger or a shadow is there to be tried
    if request.alias == CHAMPION:
        refuse_unproven(db, to, current)
    return Move(to, request.alias, current, newest)


def _rollback(db: Read | Tx, request: ModelRollback) -> Move:
    project = project_of(db, request.model, request.project)
    stack = undo_stack(db, project, request.model, request.alias)
    current = stack[-1] if stack else None
    _expect(request.expected_from, current, request.model, request.alias)
    if len(stack) < 2:
        raise Problem(
            "nothing_to_roll_back",
            f"there is no version that {request.alias} of {request.model} could go back to",
            f"`mlops-tui model history {request.model}` shows its moves",
        )
    # what was champion may be so again: its gate was answered for when it became it
    to = resolve(db, project, request.model, str(stack[-2]))
    return Move(to, request.alias, current, verdict_id(db, to))


def undo_stack(db: Read | Tx, project: str, model: str, alias: str) -> list[int]:
    """The versions that rollbacks would go through, the present one last.

    A promotion goes on top and a rollback takes the top off, so two rollbacks undo two promotions, and one after a
    new promotion undoes that.
    """
    stack: list[int] = []
    for move in models.track(db, project, model, alias):
        if move["version"] is None:
            stack.clear()
        elif move["rollback"] and len(stack) > 1 and stack[-2] == move["version"]:
            stack.pop()
        else:
            stack.append(int(move["version"]))
    return stack


def _expect(expected: int | None, current: int | None, model: str, alias: str) -> None:
    if expected is not None and (expected or None) != current:
        raise Problem(
            "alias_moved",
            f"{alias} of {model} is on {_shown(current)} now, not on {_shown(expected or None)}",
            f"someone moved it: `mlops-tui model history {model}`",
            status=3,
        )


def _append(tx: Tx, move: Move, why: str, *, rollback: bool = False) -> AliasMove:
    to = move.to
    seq = tx.append(
        "alias.move",
        f"{to.project}/{to.model}@{move.alias}",
        {
            "project": to.project, "model": to.model, "alias": move.alias, "from": move.current, "to": to.version,
            "verdict_id": move.verdict_id, "why": why, "rollback": rollback,
        },
        why,
    )  # fmt: skip
    return AliasMove(
        project=to.project, model=to.model, alias=move.alias, from_=move.current, to=to.version,
        verdict_id=move.verdict_id, verdict=to.row["verdict"] if move.verdict_id else None, why=why, actor=tx.actor,
        time=tx.appended[-1].time, seq=seq,
    )  # fmt: skip


def _against(read: Read, move: Move) -> str:
    """Beside whom the version was judged, and what has shown it beside the champion of now where the gate did not."""
    gate = move.to.row["gate"]
    if not gate:
        return ""
    seen = gate.get("champion")
    known = seen in (f"{move.to.model}@{move.current}", str(move.current)) if move.current else not seen
    told = f", judged beside {seen or 'no champion'}"
    if known or move.current is None:
        return told
    shown = evaluation_beside(read, move.to, move.current) if move.alias == CHAMPION else None
    since = f"; evaluation run {shown['run_id']} shows it better than that" if shown else ""
    return f"{told}: not beside the champion of now, {_shown(move.current)}{since}"


def _shown(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _option(alias: str) -> str:
    return "" if alias == CHAMPION else f" --alias {alias}"
