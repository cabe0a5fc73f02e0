"""One command for several runs: which they are, and what is answered of them. What refuses one refuses all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import run_rows
from mlops_tui.services.run_guard import Bond
from mlops_tui.verbs.run import RunChange, RunMark, RunSeveral

Row = dict[str, Any]

MOST = 1000
"""Runs that one command takes on."""
_SHOWN = 5
_NAMED = 20
_WHOLE = 32
"""Characters of a run id."""


def named(db: Read | Tx, request: RunSeveral) -> list[Row]:
    """The rows of the runs that were named, each once, in order. Raises Problem."""
    words = words_of(request)
    rows = _rows(db, [word for word in words if len(word) == _WHOLE])
    ids = [word if word in rows else run_rows.find_run(db, word, request.project) for word in words]
    rows |= _rows(db, [run_id for run_id in ids if run_id not in rows])
    for run_id, row in rows.items():
        if row["deleted"] is not None:
            run_rows.row_of(db, run_id)  # says how it comes back
    return [rows[run_id] for run_id in dict.fromkeys(ids)]


def words_of(request: RunSeveral) -> list[str]:
    """What was typed for runs. Raises Problem `too_many_runs`."""
    words = [request.run_id, *request.more]
    if len(words) > MOST:
        raise Problem("too_many_runs", f"{len(words):,} runs at once", f"at most {MOST:,}", status=2)
    return words


def _rows(db: Read | Tx, ids: Sequence[str]) -> dict[str, Row]:
    found = db.rows("SELECT * FROM runs WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", [ids]) if ids else []
    return {row["run_id"]: row for row in found}


def refuse(what: str, refused: Mapping[str, Bond]) -> None:
    """Raises Problem `runs_refused` where there is something to refuse."""
    if not refused:
        return
    shown = [f"{run_id}: {bond.reason}" for run_id, bond in list(refused.items())[:_SHOWN]]
    if len(refused) > _SHOWN:
        shown.append(f"and {len(refused) - _SHOWN} more")
    count = f"{len(refused)} runs cannot be {what}" if len(refused) > 1 else f"a run cannot be {what}"
    raise Problem(
        "runs_refused", f"{count}, so none was: {'; '.join(shown)}", next(iter(refused.values())).fix
    )


def lines(rows: Sequence[Row]) -> list[str]:
    """A line for each run of a plan, as far as they can be read."""
    shown = [f"{row['run_id']}  {row['kind']}  {row['name']}  {row['state']}" for row in rows[:_NAMED]]
    return [*shown, *([f"and {len(rows) - _NAMED} more"] if len(rows) > _NAMED else [])]


def command(verb: str, rows: Sequence[Row]) -> str:
    """What a person types to do the same to all of these, shortened where they are many."""
    more = " …" if len(rows) > 3 else ""
    return f"mlops-tui run {verb} {' '.join(row['run_id'] for row in rows[:3])}{more}"


def mark(row: Row) -> RunMark:
    """A run in a list of what was changed."""
    found = {name: row[name] for name in RunMark.__struct_fields__}
    return RunMark(
        **{**found, "name": row["name"] or ""}
    )  # a run of the last milliseconds: its folder is not read yet


def changed(db: Read | Tx, rows: Sequence[Row], change: Sequence[Row]) -> RunChange:
    """The answer: the first run as it is now, and which were changed."""
    ids = {row["run_id"] for row in change}
    first = msgspec.structs.asdict(run_rows.run_of(db, rows[0]["run_id"]))
    return RunChange(
        **first,
        changed=[mark(row) for row in change],
        unchanged=[mark(row) for row in rows if row["run_id"] not in ids],
    )
