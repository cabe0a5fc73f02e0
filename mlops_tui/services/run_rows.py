"""Runs as answers: rows of the index, and the folder for what the index does not hold."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from mlops_store.errors import Problem
from mlops_store.index.tx import Read, Tx
from mlops_store.records import ENDED
from mlops_store.run_folder import RunFolder
from mlops_tui.project.values import METRICS
from mlops_tui.verbs._shapes import MetricSummary, Run

UNSUPERVISED = "unsupervised: its shim is gone, the program goes on"
_REF = re.compile(r"^[0-9a-f]{4,32}$")
_LESS_IS_BETTER = re.compile(r"(loss|error|rmse|mse|mae|mape|brier|ece|perplexity|_ms|_seconds)$")
_KNOWN = {metric: way for table in METRICS.values() for metric, way in table.items()}

_FIELDS = (
    "run_id", "kind", "name", "project", "experiment", "state", "created", "started", "ended", "exit_code", "signal", "model", "proposal_id",
)  # fmt: skip


def decode(value: Any, default: Any = None) -> Any:
    """A JSON column as data; `default` where it is NULL."""
    if value is None:
        return default
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def find_run(db: Read | Tx, text: str, project: str | None = None) -> str:
    """The id that `text` (an id, or an unambiguous start of at least 4 characters) stands for. Raises Problem.

    A start that fits several runs means the one of `project` where only one of them is there.
    """
    wanted = text.strip().lower()
    if not _REF.match(wanted):
        raise Problem(
            "bad_run_id",
            f"{text!r} is not a run id",
            "give at least 4 of its hexadecimal characters",
            status=2,
        )
    rows = db.rows(
        "SELECT run_id, project FROM runs WHERE starts_with(run_id, ?) ORDER BY run_id DESC LIMIT 20",
        [wanted],
    )
    here = [row for row in rows if row["project"] == project]
    found = rows if len(rows) == 1 or len(here) != 1 else here
    if len(found) == 1:
        return str(found[0]["run_id"])
    if not found:
        raise Problem(
            "no_such_run", f"there is no run {text!r}", "`mlops-tui run list --all` shows them", status=2
        )
    names = ", ".join(str(row["run_id"]) for row in found[:5])
    raise Problem(
        "run_ambiguous",
        f"{text!r} is the start of {len(found)} runs: {names}",
        "give more characters",
        status=2,
    )


def row_of(db: Read | Tx, run_id: str) -> dict[str, Any]:
    """The row of one run. Raises Problem."""
    row = db.one("SELECT * FROM runs WHERE run_id = ?", [run_id])
    if row is None:
        raise Problem(
            "no_such_run", f"there is no run {run_id!r}", "`mlops-tui run list --all` shows them", status=2
        )
    return row


def page_rows(db: Read | Tx, where: str, values: Sequence[Any], limit: int) -> list[dict[str, Any]]:
    """Newest first. `where` is a condition of our own making over the columns of `runs`."""
    return db.rows(f"SELECT * FROM runs WHERE {where} ORDER BY run_id DESC LIMIT {int(limit)}", values)


def runs_of(db: Read | Tx, rows: list[dict[str, Any]]) -> list[Run]:
    """The answers for these rows: what other tables say of them in one query each."""
    if not rows:
        return []
    ids = [row["run_id"] for row in rows]
    params, tags, metrics = _params(db, ids), _tags(db, ids), _metrics(db, ids, rows)
    verdicts = _values(
        db, "SELECT run_id, arg_max(verdict, seq) AS value FROM verdicts WHERE {mine} GROUP BY run_id", ids
    )
    versions = _values(
        db, "SELECT run_id, max(version) AS value FROM model_versions WHERE {mine} GROUP BY run_id", ids
    )
    return [
        Run(
            **fields(db, row),
            verdict=verdicts.get(row["run_id"]),
            model_version=versions.get(row["run_id"]),
            params=params.get(row["run_id"], {}),
            tags=tags.get(row["run_id"], {}),
            metrics=metrics.get(row["run_id"], {}),
        )
        for row in rows
    ]


def run_of(db: Read | Tx, run_id: str) -> Run:
    """One run. Raises Problem."""
    return runs_of(db, [row_of(db, run_id)])[0]


def fields(db: Read | Tx, row: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Run` that are columns of `runs`."""
    found = {name: row[name] for name in _FIELDS}
    for name in ("name", "project", "experiment"):
        found[name] = found[name] or ""
    found["attempts"] = row["attempts"] or 0
    found["reason"] = row["reason"] or ""
    if row["state"] == "RUNNING" and row["attempts"]:
        place = RunFolder(db.home.run_dir(row["run_id"])).attempt_dir(row["attempts"])
        if (place / "unsupervised").exists():
            found["reason"] = UNSUPERVISED
    found["settled"] = row["state"] not in ENDED or row["submitted"] is None or row["settled"] is not None
    return found


def direction_of(key: str, row: dict[str, Any], known: dict[tuple[str, str], str]) -> str:
    """`max` or `min`: what the run says of its own metric, what the project's models say, what the name says."""
    if key == row["metric"] and row["direction"]:
        return str(row["direction"])
    name = key.rsplit("/", 1)[-1]
    told = known.get((row["project"], key))
    return told or _KNOWN.get(name) or ("min" if _LESS_IS_BETTER.search(name) else "max")


def number(value: Any) -> float | None:
    """A finite number, else None: JSON has no word for the others."""
    return float(value) if value is not None and math.isfinite(value) else None


# --- several runs at once ------------------------------------------------------------------------------

_MINE = "run_id IN (SELECT unnest(?))"


def _values(db: Read | Tx, sql: str, ids: list[str]) -> dict[str, Any]:
    return {row["run_id"]: row["value"] for row in db.rows(sql.replace("{mine}", _MINE), [ids])}


def _params(db: Read | Tx, ids: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in db.rows(f"SELECT run_id, key, value FROM params WHERE {_MINE} ORDER BY key", [ids]):
        found.setdefault(row["run_id"], {})[row["key"]] = decode(row["value"])
    return found


def _tags(db: Read | Tx, ids: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in db.rows(f"SELECT run_id, key, value FROM tags WHERE {_MINE} ORDER BY key", [ids]):
        found.setdefault(row["run_id"], {})[row["key"]] = row["value"] or ""
    return found


def _metrics(
    db: Read | Tx, ids: list[str], rows: list[dict[str, Any]]
) -> dict[str, dict[str, MetricSummary]]:
    """`best` is the extreme by direction over finite values."""
    owner = {row["run_id"]: row for row in rows}
    known = {
        (row["project"], row["metric"]): row["direction"]
        for row in db.rows("SELECT project, metric, direction FROM directions")
    }
    found: dict[str, dict[str, MetricSummary]] = {}
    for row in db.rows(
        f"SELECT run_id, key, last, min, max, count FROM last_values WHERE {_MINE} ORDER BY key",
        [ids],
    ):
        way = direction_of(row["key"], owner[row["run_id"]], known)
        low, high = number(row["min"]), number(row["max"])
        summary = MetricSummary(
            last=number(row["last"]),
            best=high if way == "max" else low,
            min=low,
            max=high,
            count=row["count"],
        )
        found.setdefault(row["run_id"], {})[row["key"]] = summary
    return found
