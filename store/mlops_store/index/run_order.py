"""Which runs a filter finds, in which order, with their number: kept for the next page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from mlops_store.errors import Problem
from mlops_store.filter_tree import Field, Node, fields_of, kind_of
from mlops_store.filters import parse_field
from mlops_store.index.filter_sql import Directions, Joins, compile_runs
from mlops_store.index.orders import Array, Order, Orders, arrange
from mlops_store.index.run_columns import Get, Trait
from mlops_store.index.run_masks import Masks, column_trait, metric_trait
from mlops_store.index.runs import directions_of, sort_value, standing


class Source(Protocol):
    """What can be asked for columns, and keeps orders: `Read` has both."""

    @property
    def orders(self) -> Orders | None: ...

    def columns(self, sql: str, params: Sequence[Any] = ()) -> dict[str, Array]: ...


@dataclass(frozen=True)
class RunsQuestion:
    """`sort` is a column or a metric, without a sign: both directions are one question."""

    where: Node | None
    sort: str
    archived: bool = False
    deleted: bool = False

    @property
    def ages(self) -> bool:
        return self.where is not None and any(
            (field.group, field.name) == ("column", "age") for field in fields_of(self.where)
        )

    @property
    def metrics(self) -> bool:
        fields = fields_of(self.where) if self.where is not None else set()
        joins = Joins()
        sort_value(self.sort, joins)
        return bool(joins.params) or any(field.group == "metric" for field in fields)

    def ask(self, source: Any, now: int, run_ids: Sequence[str] | None) -> Order:
        kept = None
        if run_ids is None and source.orders is not None:
            kept = self._by_columns(source, now)
        return self._by_tables(source, now, run_ids) if kept is None else kept

    def _by_columns(self, source: Any, now: int) -> Order | None:
        """Of all runs, by what is kept of them; None where they are sorted by a text."""
        directions = directions_of(source, source.kept)
        key = self._key(directions)
        if key is None:
            return None
        if self.where is not None:
            compile_runs(self.where, now)  # one that is too wide is refused

        def work(ids: Array, get: Get) -> Order:
            mask = get(Trait(f"runs r WHERE {standing(self.archived, self.deleted)}")).there
            if self.where is not None:
                mask = mask & Masks(get, now, directions).of(self.where)
            column = get(key)
            first = column.ranked[mask[column.ranked]]
            keys = column.values[first] + column.values.dtype.type(0)  # one zero: -0.0 and 0.0 tie
            return Order(keys, ids[first], ids[mask & ~column.finite])

        found: Order | None = source.orders.columns.ask(source, work)
        return found

    def _key(self, directions: Directions) -> Trait | None:
        """What it is sorted by, where that is a number. Raises Problem `bad_sort`."""
        expression, _ = sort_value(self.sort, Joins(directions))
        if not expression.startswith("r."):
            return metric_trait(parse_field(self.sort), directions)
        if kind_of(Field("column", self.sort)) == "text":
            return None
        return column_trait(expression)

    def _by_tables(self, source: Any, now: int, run_ids: Sequence[str] | None) -> Order:
        joins = Joins(directions_of(source, source.kept))
        condition, params = compile_runs(self.where, now, joins) if self.where is not None else ("true", [])
        among = "true" if run_ids is None else f"r.run_id IN ({', '.join('?' * len(run_ids))})"
        key, key_params = sort_value(self.sort, joins)
        found = source.columns(
            f"SELECT r.run_id AS run_id, {key} AS sort_key FROM runs r {joins.sql} "
            f"WHERE {among} AND {standing(self.archived, self.deleted)} AND {condition} ORDER BY sort_key NULLS LAST, r.run_id",
            [*key_params, *joins.params, *(run_ids or ()), *params],
        )
        return arrange(found["run_id"], found["sort_key"])


def order_of(source: Source, question: RunsQuestion, now: int) -> Order:
    """The order of all runs that a question finds; `now` (UTC ms) is for ages. Raises Problem `bad_filter`, `bad_sort`."""
    try:
        if source.orders is None:
            return question.ask(source, now, None)
        return source.orders.of(source, question, now)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        what = str(error).splitlines()[0]
        raise Problem("bad_filter", f"the filter cannot be evaluated: {what}", "", status=2) from error
