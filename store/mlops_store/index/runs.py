"""Questions about runs. Each function takes something with `rows(sql, params)` and gives plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import duckdb
import msgspec

from mlops_store.errors import Problem
from mlops_store.filters import parse
from mlops_store.index.directions import direction
from mlops_store.index.filter_sql import compile_runs

MAX_LIMIT = 1000
DEFAULT_KINDS = ("train", "sdk")


class Rows(Protocol):
    """What a query needs: Tx and Read have it."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]: ...


def page(
    read: Rows,
    *,
    filter_text: str = "",
    project: str | None = None,
    kinds: Sequence[str] | None = DEFAULT_KINDS,
    sort: str = "-created",
    limit: int = 100,
    token: str | None = None,
    now: int = 0,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of runs in the shape of the contract, and the token of the next one.

    `sort` is `created`, `-created`, `name`, `state`, or a metric such as `-best(roc_auc)`; `kinds` None is all kinds; `now` is for ages.
    Pages go on from the last row's place, so that new runs shift nothing. Raises Problem `bad_filter`, `bad_sort`, `bad_page`.
    """
    limit = max(1, min(limit, MAX_LIMIT))
    where, params = _where(filter_text, project, kinds, now)
    key, key_params, descending = _sort_key(sort)
    keyset, keyset_params = _after(token, descending)
    sql = f"""SELECT run_id, sort_key FROM (SELECT r.run_id, {key} AS sort_key FROM runs r WHERE {where})
        WHERE {keyset} ORDER BY sort_key {"DESC" if descending else "ASC"} NULLS LAST, run_id {"DESC" if descending else "ASC"}
        LIMIT {limit + 1}"""
    try:
        found = read.rows(sql, [*key_params, *params, *keyset_params])
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise Problem(
            "bad_filter", f"the filter cannot be evaluated: {str(error).splitlines()[0]}", "", status=2
        ) from error
    ids = [row["run_id"] for row in found[:limit]]
    following = _token(found[limit - 1]) if len(found) > limit else None
    return shapes(read, ids), following


def shapes(read: Rows, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Runs in the shape of the contract, in the order asked for; unknown ids are left out. Four queries, however many runs."""
    ids = list(run_ids)
    if not ids:
        return []
    mine = "run_id IN (SELECT unnest(?::VARCHAR[]))"
    runs = {row["run_id"]: row for row in read.rows(f"SELECT * FROM runs WHERE {mine}", [ids])}
    params: dict[str, dict[str, Any]] = {}
    for row in read.rows(f"SELECT run_id, key, value FROM params WHERE {mine} ORDER BY run_id, key", [ids]):
        params.setdefault(row["run_id"], {})[row["key"]] = msgspec.json.decode(row["value"])
    tags: dict[str, dict[str, str]] = {}
    for row in read.rows(f"SELECT run_id, key, value FROM tags WHERE {mine} ORDER BY run_id, key", [ids]):
        tags.setdefault(row["run_id"], {})[row["key"]] = row["value"]
    metrics = _metrics(read, ids, runs)
    return [_shape(runs[i], params.get(i, {}), tags.get(i, {}), metrics.get(i, {})) for i in ids if i in runs]


def find(read: Rows, start: str, project: str | None = None) -> str:
    """The id of the run that `start` begins, or of the newest one with that name. Raises Problem `no_such_run`, `ambiguous_run`."""
    found = read.rows(
        "SELECT run_id FROM runs WHERE starts_with(run_id, ?) AND (? IS NULL OR project = ?) ORDER BY run_id LIMIT 6",
        [start.lower(), project, project],
    )
    if len(found) == 1 or (found and found[0]["run_id"] == start):
        return str(found[0]["run_id"])
    if found:
        some = ", ".join(row["run_id"] for row in found[:5])
        raise Problem(
            "ambiguous_run", f"several runs start with {start!r}: {some}", "give more characters", status=2
        )
    named = read.rows(
        "SELECT run_id FROM runs WHERE name = ? AND (? IS NULL OR project = ?) ORDER BY created DESC, run_id DESC LIMIT 1",
        [start, project, project],
    )
    if named:
        return str(named[0]["run_id"])
    raise Problem("no_such_run", f"there is no run {start!r}", "`mlops-tui run list --all` shows all runs")


def series(read: Rows, run_id: str, key: str, buckets: int = 500, axis: str = "step") -> dict[str, Any]:
    """A metric's curve as an envelope: at most `buckets` entries [x, min, max, last], x ascending, made in SQL.

    x is the first step (or, for `axis` "time", the first timestamp) of an entry; `last` is the value of its newest point. NaN and infinities
    are left out and counted: the result is {key, points, nonfinite, buckets: [...]}.
    """
    x = "ts" if axis == "time" else "step"
    buckets = max(1, min(buckets, 10_000))
    found = read.rows(
        f"""WITH p AS (SELECT {x} AS x, step, ts, attempt, writer, line, value FROM metric_points WHERE run_id = ? AND key = ?),
          edge AS (SELECT min(x) AS lo, max(x)::DOUBLE - min(x)::DOUBLE AS width FROM p WHERE isfinite(value)),
          b AS (SELECT p.*, CASE WHEN edge.width = 0 THEN 0
            ELSE least(floor((p.x::DOUBLE - edge.lo::DOUBLE) / edge.width * ?), ? - 1)::BIGINT END AS bucket FROM p, edge WHERE isfinite(p.value))
        SELECT min(x) AS x, min(value) AS lo, max(value) AS hi, arg_max(value, row(step, ts, attempt, writer, line)) AS last, count(*) AS n
        FROM b GROUP BY bucket ORDER BY x""",
        [run_id, key, buckets, buckets],
    )
    total = read.rows("SELECT count(*) AS n FROM metric_points WHERE run_id = ? AND key = ?", [run_id, key])[
        0
    ]["n"]
    return {
        "key": key,
        "points": total,
        "nonfinite": total - sum(row["n"] for row in found),
        "buckets": [[row["x"], row["lo"], row["hi"], row["last"]] for row in found],
    }


def stages(read: Rows, run_id: str) -> list[dict[str, Any]]:
    """The stages of all attempts, in the order in which they began; `info` as data."""
    found = read.rows(
        "SELECT attempt, stage, state, started, ended, info FROM stages WHERE run_id = ? ORDER BY attempt, first_ts, stage",
        [run_id],
    )
    return [{**row, "info": msgspec.json.decode(row["info"])} for row in found]


def artifacts(read: Rows, run_id: str) -> list[dict[str, Any]]:
    """Logical path, size and sha256 of what a run produced."""
    return read.rows("SELECT path, size, sha256 FROM artifacts WHERE run_id = ? ORDER BY path", [run_id])


def errors(read: Rows, run_id: str) -> list[dict[str, Any]]:
    """What went wrong in a run and in its records."""
    return read.rows(
        "SELECT origin, attempt, code, message, hint, stage, file, line FROM errors WHERE run_id = ? ORDER BY attempt, file, line, code",
        [run_id],
    )


def outcome(read: Rows, run_id: str) -> dict[str, Any] | None:
    """The outcome of a run's newest attempt that had one, as data."""
    found = read.rows("SELECT json FROM outcomes WHERE run_id = ?", [run_id])
    return msgspec.json.decode(found[0]["json"]) if found else None


# --- inside ---------------------------------------------------------------------------------------------------


def _where(
    filter_text: str, project: str | None, kinds: Sequence[str] | None, now: int
) -> tuple[str, list[Any]]:
    parts: list[str] = ["true"]
    params: list[Any] = []
    if project is not None:
        parts.append("r.project = ?")
        params.append(project)
    if kinds is not None:
        parts.append("r.kind IN (SELECT unnest(?::VARCHAR[]))")
        params.append(list(kinds))
    node = parse(filter_text)
    if node is not None:
        sql, more = compile_runs(node, now)
        parts.append(sql)
        params += more
    return " AND ".join(parts), params


_SORTS = {name: f"r.{name}" for name in ("created", "started", "ended", "name", "state", "duration_ms")}


def _sort_key(sort: str) -> tuple[str, list[Any], bool]:
    """(expression over r, its parameters, descending)."""
    descending, name = sort.startswith("-"), sort.removeprefix("-")
    if name in _SORTS:
        return _SORTS[name], [], descending
    aggregate, bracket, metric = name.partition("(")
    if bracket and metric.endswith(")") and aggregate in ("best", "last", "min", "max", "count"):
        key = metric[:-1].strip("'\"")
        column = ("max" if descending else "min") if aggregate == "best" else aggregate
        value = f"(SELECT any_value(m.{column}) FROM last_values m WHERE m.run_id = r.run_id AND m.key = ?)::DOUBLE"
        return f"(CASE WHEN isfinite({value}) THEN {value} END)", [key, key], descending
    raise Problem("bad_sort", f"runs cannot be sorted by {name!r}", "created, started, ended, name, state, or best(METRIC); a leading - turns it around", status=2)  # fmt: skip


def _after(token: str | None, descending: bool) -> tuple[str, list[Any]]:
    """The condition of the rows after the place of a token; rows without a sort value come last."""
    if token is None:
        return "true", []
    try:
        value, run_id = msgspec.json.decode(bytes.fromhex(token), type=tuple[int | float | str | None, str])
    except (ValueError, msgspec.DecodeError) as error:
        raise Problem("bad_page", f"{token[:40]!r} is not the `next` of a page", "", status=2) from error
    sign = "<" if descending else ">"
    if value is None:
        return f"(sort_key IS NULL AND run_id {sign} ?)", [run_id]
    return f"(sort_key {sign} ? OR (sort_key = ? AND run_id {sign} ?) OR sort_key IS NULL)", [
        value,
        value,
        run_id,
    ]


def _token(row: dict[str, Any]) -> str:
    return msgspec.json.encode([row["sort_key"], row["run_id"]]).hex()


def _metrics(read: Rows, ids: list[str], runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    directions: dict[str, dict[str, str]] = {}
    for row in read.rows("SELECT project, metric, direction FROM directions"):
        directions.setdefault(row["project"], {})[row["metric"]] = row["direction"]
    found: dict[str, dict[str, Any]] = {}
    sql = "SELECT run_id, key, last, min, max, count FROM last_values WHERE run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY run_id, key"
    for row in read.rows(sql, [ids]):
        run = runs.get(row["run_id"], {})
        best = direction(row["key"], run_metric=run.get("metric"), run_direction=run.get("direction"),
                         project=directions.get(run.get("project", ""), {}))  # fmt: skip
        found.setdefault(row["run_id"], {})[row["key"]] = {
            "last": row["last"], "best": row[best], "min": row["min"], "max": row["max"], "count": row["count"]}  # fmt: skip
    return found


_SHAPE = ("run_id", "kind", "name", "project", "experiment", "state")
_ENDS = ("created", "started", "ended", "exit_code", "signal", "attempts", "model", "proposal_id", "reason")


def _shape(
    row: dict[str, Any], params: dict[str, Any], tags: dict[str, str], metrics: dict[str, Any]
) -> dict[str, Any]:
    shape: dict[str, Any] = {name: row[name] for name in _SHAPE}
    shape |= {"params": params, "tags": tags, "metrics": metrics}
    shape |= {name: row[name] for name in _ENDS}
    # a run that the ledger never asked for (the SDK's own) has no outcome to carry over
    shape["reason"] = row["reason"] or ""
    shape["settled"] = row["submitted"] is None or row["settled"] is not None
    return shape
