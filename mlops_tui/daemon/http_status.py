"""Problems as HTTP: by the exit code of the command, and where that says less than HTTP can, by the code of the problem."""

from __future__ import annotations

import msgspec

from mlops_store.errors import Problem

_BY_EXIT = {1: 409, 2: 400, 3: 503, 4: 412}

NOT_THERE = frozenset([
    "no_data", "no_model", "no_proposal", "no_source", "no_stages", "not_quarantined", "project_not_added", "run_deleted", "unknown_verb",
])  # fmt: skip
"""404, beside all that begin with `no_such_`."""
MOVED_ON = frozenset([
    "alias_moved", "changed_since", "conflict", "home_changed", "proposal_closed", "verdict_changed",
])  # fmt: skip
"""409: something was decided since the asker looked. To ask the same again is no use before another look; with 503 it is."""
FAULTS = frozenset(["internal", "index_ahead", "index_missing", "object_missing", "manifest_missing"])
"""500, beside all that end with `_damaged`."""


def http_status(problem: Problem) -> int:
    """The status of an answer that carries this problem."""
    code = problem.code
    if code.startswith("no_such_") or code in NOT_THERE:
        return 404
    if code in MOVED_ON:
        return 409
    if problem.status == 1 and (code.endswith("_damaged") or code in FAULTS):
        return 500
    return _BY_EXIT.get(problem.status, 500)


def error_body(problem: Problem) -> bytes:
    """What every answer consists of that is none: one JSON object with the key `error`."""
    return msgspec.json.encode(
        {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint}}
    )
