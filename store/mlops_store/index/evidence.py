"""What the index has of one run besides what a list shows of it, in one question: short statements cost more to plan than to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from mlops_store.index.asking import Rows

Row = dict[str, Any]


@dataclass
class Evidence:
    """`row` has columns of `runs`: state, attempts, recipe_hash, pins, after, actor, deleted, purged. `stages` are those of the newest attempt that
    has any, in the order in which they began; `error` is what the newest attempt says of its failure, its own words before those
    about its records; `gate` is the newest verdict's, as JSON."""

    row: Row
    stages: list[Row] = field(default_factory=list)
    artifacts: list[Row] = field(default_factory=list)
    error: Row | None = None
    outcome: Row | None = None
    judged: bool = False
    gate: str | None = None
    dropped: int = 0


def evidence(read: Rows, run_id: str) -> Evidence | None:
    """None where there is no such run."""
    parts: dict[str, list[Row]] = {}
    for row in read.rows(_SQL, [run_id] * 7):
        parts.setdefault(row["part"], []).append(row)
    if "run" not in parts:
        return None
    (run,) = parts["run"]
    found = Evidence(
        {"state": run["a"], "recipe_hash": run["b"], "pins": run["c"], "after": run["d"], "actor": run["e"],
         "attempts": run["w"], "deleted": run["x"], "purged": run["y"]}
    )  # fmt: skip
    found.stages = _stages(parts.get("stage", []))
    found.artifacts = [
        {"path": row["a"], "sha256": row["b"], "size": row["x"]}
        for row in sorted(parts.get("artifact", ()), key=lambda row: row["a"])
    ]
    errors = [row for row in parts.get("error", ()) if row["w"] == run["w"]]
    if errors:
        first = min(errors, key=lambda row: (not row["e"].endswith("/error.json"), row["e"]))
        found.error = {"code": first["a"], "message": first["b"], "hint": first["c"], "stage": first["d"]}
    for row in parts.get("outcome", ()):
        found.outcome = msgspec.json.decode(row["a"])
    if verdicts := parts.get("verdict"):
        found.judged, found.gate = True, max(verdicts, key=lambda row: row["x"])["a"]
    found.dropped = sum(row["x"] or 0 for row in parts.get("offset", ()))
    return found


def _stages(events: list[Row]) -> list[Row]:
    """Of the newest attempt that has any. As the view `stages` has them, whose plan takes as long as all the rest."""
    newest = max((row["w"] for row in events), default=0)
    by_stage: dict[str, list[Row]] = {}
    for row in sorted(events, key=lambda row: (row["x"], row["d"], row["y"])):
        if row["w"] == newest:
            by_stage.setdefault(row["a"], []).append(row)
    found = []
    for stage, rows in by_stage.items():
        begun = [row["x"] for row in rows if row["b"] == "started"]
        over = [row["x"] for row in rows if row["b"] != "started"]
        found.append(
            {"stage": stage, "state": rows[-1]["b"], "info": msgspec.json.decode(rows[-1]["c"] or "null"),
             "started": min(begun, default=None), "ended": max(over, default=None), "first_ts": rows[0]["x"]}
        )  # fmt: skip
    return sorted(found, key=lambda row: (row["first_ts"], row["stage"]))


_SQL = """
SELECT 'run' AS part, state AS a, recipe_hash AS b, pins::VARCHAR AS c, "after"::VARCHAR AS d, actor AS e, attempts AS w, deleted AS x, purged AS y, NULL AS z
  FROM runs WHERE run_id = ?
UNION ALL SELECT 'stage', stage, state, info::VARCHAR, writer, NULL, attempt, ts, line, NULL FROM stage_events WHERE run_id = ?
UNION ALL SELECT 'artifact', path, sha256, NULL, NULL, NULL, NULL, size, NULL, NULL FROM artifacts WHERE run_id = ?
UNION ALL SELECT 'error', code, message, hint, stage, coalesce(file, ''), attempt, NULL, NULL, NULL FROM errors WHERE run_id = ?
UNION ALL SELECT 'outcome', json::VARCHAR, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM outcomes WHERE run_id = ?
UNION ALL SELECT 'verdict', gate::VARCHAR, NULL, NULL, NULL, NULL, NULL, seq, NULL, NULL FROM verdicts WHERE run_id = ?
UNION ALL SELECT 'offset', NULL, NULL, NULL, NULL, NULL, NULL, dropped, NULL, NULL FROM offsets WHERE run_id = ?
"""
