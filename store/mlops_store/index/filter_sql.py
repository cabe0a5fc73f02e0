"""A filter's tree as a condition over `runs r`, or over another list: all names and texts of people are bound parameters, never part of the SQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from mlops_store.errors import Problem
from mlops_store.filter_fields import Kind
from mlops_store.filter_tree import And, Compare, Field, In, Missing, Node, Not, Or, Search, kind_of
from mlops_store.filter_values import number, span_ms, time_ms
from mlops_store.index.directions import default_direction

Sql = tuple[str, list[Any]]

_MOST_LOOKUPS = 32
"""Subqueries in one condition; the best() of a metric takes four, all else one. DuckDB's planner takes 0.6 s for 32 and 20 s for 60."""

COLUMNS = {"id": "r.run_id", **{name: f"r.{name}" for name in (
    "name", "kind", "state", "project", "experiment", "model", "actor", "created", "started", "ended", "exit_code", "signal", "attempts")}, "duration": "r.duration_ms"}  # fmt: skip
"""Field → the column of `runs r` that it is; `age` and `note` are none."""
_ORDER = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


Directions = Mapping[str, Mapping[str, str]]
"""Project → metric → `min` or `max`, as its models say."""


class Joins:
    """The rows of `last_values` that conditions and sort values over `runs r` speak of: each metric's once, however often it is named.

    With `directions` nobody has to look them up, which takes as long as all else.
    """

    def __init__(self, directions: Directions | None = None) -> None:
        self.params: list[str] = []
        self.directions = directions

    @property
    def sql(self) -> str:
        """What follows `FROM runs r`, with `params`."""
        return " ".join(
            f"LEFT JOIN last_values m{number} ON m{number}.run_id = r.run_id AND m{number}.key = ?"
            for number in range(len(self.params))
        )

    def metric(self, name: str) -> str:
        """The alias of a metric's row; its columns are NULL where a run has none."""
        if name not in self.params:
            self.params.append(name)
        return f"m{self.params.index(name)}"


def compile_runs(node: Node, now: int, joins: Joins | None = None) -> Sql:
    """(condition, parameters) over `runs r`; see `compile_tree`. `now` is for ages. Raises Problem `bad_filter` for one that is too wide.

    With `joins` metrics are looked up by joins, which it then holds, and not in subqueries: half the work where one is named more than once.
    """

    def there(field: Field, condition: str, params: list[Any]) -> Sql:
        if field.group == "metric" and joins is not None:
            return _joined(field, condition, params, joins)
        return exists(field, condition, params, now)

    sql, params = compile_tree(node, there, kind_of, _search)
    if sql.count("SELECT") + (len(joins.params) if joins else 0) > _MOST_LOOKUPS:
        raise Problem(
            "bad_filter",
            "the filter compares too many tags, parameters and metrics",
            "`in (a, b, …)` and `~ 'a|b'` count as one comparison",
            status=2,
        )
    return sql, params


def compile_tree(
    node: Node,
    there: Callable[[Field, str, list[Any]], Sql],
    kind: Callable[[Field], Kind],
    search: Callable[[str], Sql],
) -> Sql:
    """(condition, parameters). The condition is never NULL: a comparison with what is not there is false.

    `there(field, condition, params)` is a condition over the field's value (`$` in `condition`) where it has one; `kind` tells how a field's
    values compare; `search` is the condition of a bare word.
    """
    match node:
        case And(items) | Or(items):
            parts = [compile_tree(item, there, kind, search) for item in items]
            word = " AND " if isinstance(node, And) else " OR "
            return "(" + word.join(sql for sql, _ in parts) + ")", [p for _, params in parts for p in params]
        case Not(item):
            sql, params = compile_tree(item, there, kind, search)
            return f"(NOT {sql})", params
        case Search(text):
            return search(text)
        case Missing(field):
            sql, params = there(field, "true", [])
            return f"(NOT {sql})", params
        case In(field, values):
            parts = [_condition(kind(field), "=", value) for value in values]
            return there(
                field,
                "(" + " OR ".join(sql for sql, _ in parts) + ")",
                [p for _, params in parts for p in params],
            )
        case Compare(field, op, value):
            return there(field, *_condition(kind(field), op, value))


def _search(text: str) -> Sql:
    condition, params = search_columns(text)
    said, more = search_marks(text)
    return f"({condition} OR EXISTS (SELECT 1 FROM marks t WHERE t.run_id = r.run_id AND {said}))", [
        *params,
        *more,
    ]


def search_columns(text: str) -> Sql:
    """A bare word in what a run of `runs r` is called."""
    fields = " OR ".join(
        f"contains(lower(coalesce(r.{name}, '')), lower(?))" for name in ("name", "experiment", "model")
    )
    return f"({fields} OR starts_with(r.run_id, lower(?)))", [text] * 4


def search_marks(text: str) -> Sql:
    """A bare word in what was said of a run, over `marks t`."""
    return "contains(lower(t.value), lower(?))", [text]


def _condition(kind: Kind, op: str, value: str) -> Sql:
    """A comparison of `$`; the parser lets only fitting values through."""
    if kind == "number":
        wanted = number(value)
        assert wanted is not None
        return _number("$::DOUBLE", op, wanted)
    if kind == "time":
        return f"$ {_order(op)} ?", [time_ms(value)]
    if kind == "span":
        return f"$ {_order(op)} ?", [span_ms(value)]
    return _param(op, value) if kind == "param" else _text("$", op, value)


def _order(op: str) -> str:
    return _ORDER.get(op, "=")  # ':' on a number is '='


def _number(expression: str, op: str, wanted: float) -> Sql:
    if math.isnan(wanted):
        return (f"NOT isnan({expression})" if op == "!=" else f"isnan({expression})"), []
    # DuckDB holds NaN for the greatest number; here it is neither greater nor less
    guard = "" if op in ("=", ":", "!=") else f"NOT isnan({expression}) AND "
    return f"{guard}{expression} {_order(op)} ?::DOUBLE", [wanted]


def _text(expression: str, op: str, value: str) -> Sql:
    if op == ":":
        return f"contains(lower({expression}), lower(?))", [value]
    if op in ("~", "!~"):
        return f"{'NOT ' if op == '!~' else ''}regexp_matches({expression}, ?)", [value]
    return f"{expression} {_ORDER[op]} ?", [value]


def _param(op: str, value: str) -> Sql:
    """Numbers compare as numbers where both sides are, all else as text."""
    wanted = number(value)
    if wanted is None or not math.isfinite(wanted) or op in (":", "~", "!~"):
        return _text("p.text", op, value)
    if op == "=":
        return "(p.number = ?::DOUBLE OR p.text = ?)", [wanted, value]
    if op == "!=":
        return "(p.number IS DISTINCT FROM ?::DOUBLE AND p.text <> ?)", [wanted, value]
    return f"p.number {_ORDER[op]} ?::DOUBLE", [wanted]


def exists(field: Field, condition: str, params: list[Any], now: int) -> Sql:
    """The condition over the field's value ($), where there is one."""
    if field.group == "column":
        if field.name == "note":
            noted = condition.replace("$", "n.note")
            return f"EXISTS (SELECT 1 FROM notes n WHERE n.run_id = r.run_id AND {noted})", params
        if field.name == "age":
            age = f"({int(now)} - r.created)"
            return f"({age} IS NOT NULL AND coalesce({condition.replace('$', age)}, false))", params
        column = COLUMNS[field.name]
        there = f"{column} IS NOT NULL" + (f" AND {column} <> ''" if field.name == "model" else "")
        return f"({there} AND coalesce({condition.replace('$', column)}, false))", params
    if field.group == "tag":
        inner = condition.replace("$", "t.value")
        return f"EXISTS (SELECT 1 FROM tags t WHERE t.run_id = r.run_id AND t.key = ? AND {inner})", [
            field.name,
            *params,
        ]
    if field.group == "param":
        return f"EXISTS (SELECT 1 FROM params p WHERE p.run_id = r.run_id AND p.key = ? AND {condition})", [
            field.name,
            *params,
        ]
    return _metric(field, condition, params)


def _metric(field: Field, condition: str, params: list[Any]) -> Sql:
    def over(column: str) -> Sql:
        inner = condition.replace("$", f"m.{column}")
        return (
            f"EXISTS (SELECT 1 FROM last_values m WHERE m.run_id = r.run_id AND m.key = ? AND m.{column} IS NOT NULL AND {inner})",
            [field.name, *params],
        )

    if field.aggregate != "best":
        return over(field.aggregate)
    return _by_direction(field.name, over("min"), over("max"))


def _joined(field: Field, condition: str, params: list[Any], joins: Joins) -> Sql:
    row = joins.metric(field.name)

    def over(column: str) -> Sql:
        return f"({row}.{column} IS NOT NULL AND {condition.replace('$', f'{row}.{column}')})", params

    if field.aggregate != "best":
        return over(field.aggregate)
    return _by_direction(field.name, over("min"), over("max"), joins.directions)


def metric_value(field: Field, joins: Joins) -> Sql:
    """A metric of `runs r` as a number to sort by; NULL where there is none, or where it is not finite."""
    # + 0.0: one zero, so that -0.0 and 0.0 tie
    return _aggregated(field, joins, "CASE WHEN isfinite($::DOUBLE) THEN $::DOUBLE + 0.0 END")


def any_metric(field: Field, joins: Joins) -> Sql:
    """A metric of `runs r`, as it is; NULL where there is none."""
    return _aggregated(field, joins, "$")


def _aggregated(field: Field, joins: Joins, expression: str) -> Sql:
    """An expression over the aggregate ($) that a field names."""
    row = joins.metric(field.name)

    def over(column: str) -> Sql:
        return expression.replace("$", f"{row}.{column}"), []

    if field.aggregate != "best":
        return over(field.aggregate)
    return _by_direction(field.name, over("min"), over("max"), joins.directions)


def _by_direction(metric: str, low: Sql, high: Sql, directions: Directions | None = None) -> Sql:
    """`low` where less of the metric is better, else `high`; as `directions.direction` decides it."""
    cases = ["WHEN r.metric = ? AND r.direction IN ('min', 'max') THEN r.direction = 'min'"]
    choice: list[Any] = [metric]
    for way in ("min", "max"):
        if directions is None:
            projects, given = "SELECT d.project FROM directions d WHERE d.metric = ? AND d.direction = ?", [metric, way]  # fmt: skip
        else:
            given = [project for project, ways in directions.items() if ways.get(metric) == way]
            projects = ", ".join("?" * len(given))
        if projects:
            cases.append(f"WHEN r.project IN ({projects}) THEN {way == 'min'}")
            choice += given
    lower = f"CASE {' '.join(cases)} ELSE {default_direction(metric) == 'min'} END"
    return f"(CASE WHEN {lower} THEN {low[0]} ELSE {high[0]} END)", [*choice, *low[1], *high[1]]
