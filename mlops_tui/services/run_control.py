"""Runs stopped and taken up again. What their processes have to do with it, the loop does."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder
from mlops_tui.services import card_life, run_several
from mlops_tui.services.costs import takes
from mlops_tui.services.run_guard import Bond
from mlops_tui.verbs._declare import Plan
from mlops_tui.verbs.run import RunChange, RunSeveral

Row = dict[str, Any]


def stop(tx: Tx, request: RunSeveral) -> RunChange:
    """Asks for the end of runs; those that have ended meanwhile stay as they are. Raises Problem `run_ended` where all have."""
    rows, running = _stoppable(tx, request)
    if not running:
        _all_ended(rows)
    for row in running:
        if row["stop_seq"] is None:
            tx.append("run.stop", row["run_id"], {"run_id": row["run_id"]}, why=request.reason)
    for row in running:
        if row["state"] in ("STARTING", "RUNNING"):
            row["state"] = "STOPPING"
    found = run_several.changed(tx, rows, running)
    if found.state in ("STARTING", "RUNNING"):
        found.state = "STOPPING"
    return found


def plan_stop(read: Read, request: RunSeveral) -> Plan:
    """What `stop` would do."""
    rows, running = _stoppable(read, request)
    states = {row["state"] for row in running}
    steps = run_several.lines(running) if len(rows) > 1 else []
    if "QUEUED" in states:
        steps.append("take it out of the queue; runs that wait for it are withdrawn too")
    if states - {"QUEUED"}:
        steps += [
            "send SIGTERM, wait up to 10 s, then end every process that it started",
            "keep what it has logged",
        ]
    if len(rows) == 1:
        row = rows[0]
        steps = steps or [f"nothing: it has ended {row['state']}"]
        title = f"Stop {row['name']} ({row['run_id']})"
    else:
        ended = len(rows) - len(running)
        steps += [f"nothing for {ended} of them: ended already"] if ended else []
        title = f"Stop {len(running)} runs"
    return Plan(title=title, steps=steps, undo=run_several.command("resume", running or rows))


def _stoppable(db: Tx | Read, request: RunSeveral) -> tuple[list[Row], list[Row]]:
    """All that were named, and those of them that are not over."""
    rows = run_several.named(db, request)
    return rows, [row for row in rows if row["state"] not in ENDED]


def _all_ended(rows: list[Row]) -> None:
    row = rows[0]
    message = (
        f"run {row['run_id']} has already ended: {row['state']}"
        if len(rows) == 1
        else f"all {len(rows)} runs have already ended"
    )
    raise Problem("run_ended", message, "`mlops-tui run show` tells how")


def resume(tx: Tx, request: RunSeveral) -> RunChange:
    """Queues a new attempt of runs that did not finish. Raises Problem `run_not_ended`, `run_finished`, `run_foreign`, `run_unsettled`
    for one, `runs_refused` where one of several cannot be: then none is."""
    rows = _resumable(tx, request)
    for row in rows:
        run_id, attempt = row["run_id"], _next(row)
        RunFolder(tx.home.run_dir(run_id)).attempt_dir(attempt).mkdir(mode=0o700, parents=True, exist_ok=True)
        tx.append("run.resume", run_id, {"run_id": run_id, "attempt": attempt}, why=request.reason)
        card_life.resumed(tx, run_id)
        row["state"] = "QUEUED"
    run = run_several.changed(tx, rows, rows)
    run.state, run.attempts, run.ended, run.exit_code, run.signal, run.reason, run.settled = (
        "QUEUED",
        _next(rows[0]),
        None,
        None,
        None,
        "",
        True,
    )
    return run


def plan_resume(read: Read, request: RunSeveral) -> Plan:
    """What `resume` would do."""
    rows = _resumable(read, request)
    first = rows[0]
    steps = run_several.lines(rows) if len(rows) > 1 else []
    attempt = f"attempt {_next(first)}" if len(rows) == 1 else "another attempt of each"
    steps.append(f"queue {attempt}, with the code and the data versions of the run")
    if any(row["kind"] == "train" for row in rows):
        steps.append("stages that were done come from the cache, as far as they are still the same")
    if len({(row["project"], row["model"], row["kind"]) for row in rows}) == 1:
        cost = takes(read, first["project"], first["model"], first["kind"], runs=len(rows))
        steps.append(f"{'a whole run' if len(rows) == 1 else 'all of them, from the start'}: {cost}")
    title = (
        f"Resume {first['name']} ({first['run_id']}), which is {first['state']}"
        if len(rows) == 1
        else f"Resume {len(rows)} runs"
    )
    return Plan(title=title, steps=steps, undo=run_several.command("stop", rows))


def _next(row: Row) -> int:
    """The number of the attempt that follows."""
    return max(1, int(row["attempts"] or 0)) + 1


def _resumable(db: Tx | Read, request: RunSeveral) -> list[Row]:
    """The rows of the runs. Raises Problem where one of them cannot be resumed."""
    rows = run_several.named(db, request)
    refused = {row["run_id"]: problem for row in rows if (problem := _hindered(row))}
    if len(rows) == 1 and refused:
        raise next(iter(refused.values()))
    run_several.refuse("resumed", {run_id: Bond(each.message, each.hint) for run_id, each in refused.items()})
    return rows


def _hindered(row: Row) -> Problem | None:
    run_id = row["run_id"]
    if row["kind"] == "sdk":
        return Problem("run_foreign", f"run {run_id} is a process of your own", "start your script again")
    if row["state"] not in ENDED:
        return Problem(
            "run_not_ended", f"run {run_id} is {row['state']}", f"`mlops-tui run stop {run_id}` ends it first"
        )
    if row["state"] == "FINISHED":
        return Problem(
            "run_finished",
            f"run {run_id} finished: there is nothing left to do",
            "`mlops-tui run start` makes a new run",
        )
    if row["submitted"] is not None and row["settled"] is None:
        return Problem("run_unsettled", f"run {run_id} has just ended", "try again in a second", status=3)
    return None
