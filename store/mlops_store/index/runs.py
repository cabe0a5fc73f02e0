"""Questions about runs. Each function takes something with `rows(sql, params)` and gives plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import duckdb
import msgspec

from mlops_store.errors import Problem, did_you_mean
from mlops_store.filter_tree import Field, Node
from mlops_store.filters import parse_field
from mlops_store.ids import RUN_ID
from mlops_store.index.asking import Rows
from mlops_store.index.directions import direction, telling
from mlops_store.index.filter_sql import Directions, Joins, Sql, compile_runs, metric_value
from mlops_store.index.kept_rows import KeptRows
from mlops_store.index.packs import Pack, Part, look

SortKey = int | float | str | None
Judges = Mapping[tuple[str, str], str]
"""(project, model) → the metric that its runs are judged by."""


def page(
    read: Rows,
    where: Node | None,
    *,
    sort: str = "-created",
    limit: int = 100,
    after: tuple[SortKey, str] | None = None,
    now: int = 0,
    archived: bool = False,
    deleted: bool = False,
) -> list[tuple[str, SortKey]]:
    """(run id, value it is sorted by) of at most `limit` runs that a filter finds, in order.

    `sort` is `created`, `-created`, another column, or a metric such as `-best(roc_auc)`; runs without a value come last. `after` is (sort
    value, run id) of the last run of the page before: a place, not a count, so that new runs shift nothing. `now` is for ages.
    Archived runs are left out unless `archived`; deleted ones are all that there is with `deleted`.
    Raises Problem `bad_filter`, `bad_sort`.
    """
    joins = Joins()
    condition, params = compile_runs(where, now, joins) if where is not None else ("true", [])
    descending = sort.startswith("-")
    key, key_params = sort_value(sort.removeprefix("-"), joins)
    keyset, keyset_params = _after(after, descending)
    order = "DESC" if descending else "ASC"
    sql = f"""SELECT run_id, sort_key FROM (SELECT r.run_id, {key} AS sort_key FROM runs r {joins.sql} WHERE {standing(archived, deleted)} AND ({condition}))
        WHERE {keyset} ORDER BY sort_key {order} NULLS LAST, run_id {order} LIMIT {int(limit)}"""
    try:
        found = read.rows(sql, [*key_params, *joins.params, *params, *keyset_params])
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise Problem(
            "bad_filter", f"the filter cannot be evaluated: {str(error).splitlines()[0]}", "", status=2
        ) from error
    return [(row["run_id"], row["sort_key"]) for row in found]


def shapes(
    read: Rows,
    run_ids: Sequence[str],
    only: Sequence[Field] | None = None,
    kept: KeptRows | None = None,
    judges: Judges = MappingProxyType({}),
    summary: Callable[..., Any] = dict,
) -> list[dict[str, Any]]:
    """Runs in the shape of the contract, in the order asked for; unknown ids are left out. Few queries, however many runs.

    With `only`, of parameters, tags and metrics just those fields. `judged` is what the metric has come to that a run is judged by, as `judges`
    says, or the one that tells most: (its name, its summary), None where it has none. `kept` is what readers keep, of which a transaction knows nothing.
    `summary` makes what stands for a metric of its `last`, `best`, `min`, `max` and `count`.
    """
    ids = list(run_ids)
    marked = None if kept is None else kept.marked
    fields = None if only is None else [*only, *(Field("metric", name) for name in set(judges.values()))]
    found = look(read, ids, fields, marked)
    short = [i for i, pack in found.items() if isinstance(pack, Part) and _judged(pack, judges) not in pack.metrics]  # fmt: skip
    if short:
        found |= look(read, short, None, marked)
    directions = directions_of(read, kept)
    wanted = None if only is None else _by_group(only)
    return [
        _shape(
            found[i],
            wanted,
            directions.get(found[i].project, {}),
            _judged(found[i], judges),
            summary,
        )
        for i in ids
        if i in found
    ]


def find(read: Rows, start: str, project: str | None = None) -> str:
    """The id of the run that `start` begins, or of the newest one with that name. Raises Problem `no_such_run`, `ambiguous_run`."""
    whole = RUN_ID.match(start) and read.rows(
        "SELECT run_id FROM runs WHERE run_id = ? AND (? IS NULL OR project = ?)", [start, project, project]
    )
    if whole:
        return start
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


def metric_names(read: Rows, run_id: str) -> list[str]:
    """The metrics that a run has logged, by name."""
    found = read.rows("SELECT key FROM last_values WHERE run_id = ? ORDER BY key", [run_id])
    return [row["key"] for row in found]


# --- inside ---------------------------------------------------------------------------------------------------


def standing(archived: bool, deleted: bool) -> str:
    """The condition over `runs r` of those that a list shows: archived ones only if asked for, deleted ones alone."""
    if deleted:
        return "r.deleted IS NOT NULL AND r.purged IS NULL"
    return "r.deleted IS NULL" if archived else "r.deleted IS NULL AND r.archived IS NULL"


_SORTS = {name: f"r.{name}" for name in ("created", "started", "ended", "name", "state", "model", "experiment", "attempts")}  # fmt: skip
_SORTS["duration"] = "r.duration_ms"


def sort_value(name: str, joins: Joins) -> Sql:
    """(expression over `runs r` and `joins`, its parameters) of a field by its name, without a sign. Raises Problem `bad_sort`."""
    if name in _SORTS:
        return _SORTS[name], []
    hint = did_you_mean(name, _SORTS, f"{', '.join(_SORTS)}, or a metric: metrics.NAME, last(NAME); a leading - turns it around")  # fmt: skip
    try:
        wanted = parse_field(name)
    except Problem as problem:
        raise Problem("bad_sort", f"runs cannot be sorted by {name[:80]!r}", hint, status=2) from problem
    if wanted.group != "metric":
        raise Problem("bad_sort", f"runs cannot be sorted by {name[:80]!r}", hint, status=2)
    return metric_value(wanted, joins)


def _after(place: tuple[SortKey, str] | None, descending: bool) -> tuple[str, list[Any]]:
    """The condition of the rows after a place; rows without a sort value come last."""
    if place is None:
        return "true", []
    value, run_id = place
    sign = "<" if descending else ">"
    if value is None:
        return f"(sort_key IS NULL AND run_id {sign} ?)", [run_id]
    return f"(sort_key {sign} ? OR (sort_key = ? AND run_id {sign} ?) OR sort_key IS NULL)", [
        value,
        value,
        run_id,
    ]


def directions_of(read: Rows, kept: KeptRows | None) -> Directions:
    """What the models of projects say of the direction of metrics."""
    return _directions(read) if kept is None else kept.fact("directions", lambda: _directions(read))


def _directions(read: Rows) -> Directions:
    directions: dict[str, dict[str, str]] = {}
    for row in read.rows("SELECT project, metric, direction FROM directions"):
        directions.setdefault(row["project"], {})[row["metric"]] = row["direction"]
    return directions


def _judged(pack: Pack, judges: Judges) -> str:
    """The metric that its model says, or mlops.toml said when it was started."""
    return judges.get((pack.project, pack.model or "")) or pack.metric or ""


def _by_group(fields: Sequence[Field]) -> tuple[set[str], ...]:
    """The names of parameters, of tags and of metrics."""
    return tuple(
        {field.name for field in fields if field.group == group} for group in ("param", "tag", "metric")
    )


def _shape(
    pack: Pack,
    wanted: tuple[set[str], ...] | None,
    directions: Mapping[str, str],
    declared: str,
    summary: Callable[..., Any],
) -> dict[str, Any]:
    params, tags, names = msgspec.json.decode(pack.params), pack.tags, list(pack.metrics)
    judge = declared if declared in pack.metrics else telling(tuple(names))
    if wanted is not None:
        some_params, some_tags, some_metrics = wanted
        params = {key: value for key, value in params.items() if key in some_params}
        tags = {key: value for key, value in tags.items() if key in some_tags}
        names = [key for key in names if key in some_metrics]
    metrics = {key: _summary(pack, key, directions, summary) for key in names}
    judged = (
        metrics[judge] if judge in metrics else _summary(pack, judge, directions, summary) if judge else None
    )
    return {
        "run_id": pack.run_id, "kind": pack.kind, "name": pack.name, "project": pack.project, "experiment": pack.experiment,
        "state": pack.state, "created": pack.created, "started": pack.started, "ended": pack.ended, "exit_code": pack.exit_code,
        "signal": pack.signal, "attempts": pack.attempts, "model": pack.model, "proposal_id": pack.proposal_id,
        "params": params, "tags": tags, "metrics": metrics, "metric": declared, "judged": None if judged is None else (judge, judged),
        # a run that the ledger never asked for (the SDK's own) has no outcome to carry over
        "settled": pack.submitted is None or pack.settled is not None,
        "reason": pack.reason or "", "note": pack.note or "", "archived": pack.archived is not None, "verdict": pack.verdict,
        "model_version": pack.version, "error": pack.error,
    }  # fmt: skip


def _summary(pack: Pack, key: str, directions: Mapping[str, str], summary: Callable[..., Any]) -> Any:
    last, low, high, count = pack.metrics[key]
    way = direction(key, run_metric=pack.metric, run_direction=pack.direction, project=directions)
    last = float(last) if isinstance(last, str) else last
    return summary(last=last, best=low if way == "min" else high, min=low, max=high, count=count)
