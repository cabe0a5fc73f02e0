"""Which runs a filter finds, by the columns that are kept of them: numbers are compared here, all else the index has compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_store.filter_match import COMPARE, READ
from mlops_store.filter_tree import And, Compare, Field, In, Missing, Node, Not, Or, Search, kind_of
from mlops_store.filter_values import number
from mlops_store.index.filter_sql import (
    COLUMNS,
    Directions,
    Joins,
    any_metric,
    compile_tree,
    exists,
    search_columns,
    search_marks,
)
from mlops_store.index.run_columns import Array, Get, Mask, Trait


@dataclass(frozen=True)
class Masks:
    """At one moment: `now` is UTC milliseconds."""

    get: Get
    now: int
    directions: Directions

    def of(self, node: Node) -> Mask:
        """By place, whether the filter finds the run; as `compile_runs` decides it. Raises what asking raises."""
        match node:
            case And(items):
                return _all([self.of(item) for item in items])
            case Or(items):
                return _any([self.of(item) for item in items])
            case Not(item):
                return ~self.of(item)
            case Search(text):
                return self._said("runs r", *search_columns(text)) | self._said(
                    "marks t", *search_marks(text)
                )
            case Missing(field):
                return ~self._there(field)
            case In(field, values) if all(_by_number(field, "=", value) for value in values):
                return _any([self._compared(field, "=", value) for value in values])
            case Compare(field, op, value) if _by_number(field, op, value):
                return self._compared(field, op, value)
            case Compare(field) | In(field):
                return self._is(field, *compile_tree(node, lambda _field, *condition: condition, kind_of, search_marks))  # fmt: skip

    def _there(self, field: Field) -> Mask:
        return self._numbers(field)[0] if _is_number(field) else self._is(field, "true", [])

    def _is(self, field: Field, condition: str, params: list[Any]) -> Mask:
        """Whether there is such a value of a field that is no number."""
        if field.group == "param":
            return self._said("params p", f"p.key = ? AND {condition}", [field.name, *params])
        if field.group == "tag":
            return self._said(
                "tags t", f"t.key = ? AND {condition.replace('$', 't.value')}", [field.name, *params]
            )
        if field == Field("column", "note"):
            return self._said("notes n", condition.replace("$", "n.note"), params)
        return self._said("runs r", *exists(field, condition, params, self.now))

    def _said(self, table: str, condition: str, params: list[Any]) -> Mask:
        """The runs of which a table has such a row: no join tells of them, for others are in no column."""
        return self.get(Trait(f"{table} WHERE ({condition})", tuple(params), run=f"{table[-1]}.run_id")).there

    def _numbers(self, field: Field) -> tuple[Mask, Array]:
        if field == Field("column", "age"):
            created = self.get(column_trait("r.created"))
            return created.there, self.now - created.values
        if field.group == "param":
            trait = Trait("params p WHERE p.key = ? AND p.number IS NOT NULL", (field.name,), "p.number", "p.run_id")  # fmt: skip
        elif field.group == "metric":
            trait = metric_trait(field, self.directions)
        else:
            trait = column_trait(COLUMNS[field.name])
        column = self.get(trait)
        return column.there, column.values

    def _compared(self, field: Field, op: str, value: str) -> Mask:
        there, values = self._numbers(field)
        kind = kind_of(field)
        wanted = READ[kind](value)
        assert wanted is not None, "the parser lets only fitting values through"
        if kind == "param" and op == "!=":  # of a text, too
            return self._there(field) & ~_all([there, values == wanted])
        if kind == "number":
            values = values.astype(np.float64, copy=False)
        nan = math.isnan(wanted)  # which equals itself here, and is neither greater nor less than anything
        return _all([there, np.isnan(values) != (op == "!=") if nan else COMPARE[op](values, wanted)])


def _all(masks: Sequence[Mask]) -> Mask:
    found: Mask = np.logical_and.reduce(masks)
    return found


def _any(masks: Sequence[Mask]) -> Mask:
    found: Mask = np.logical_or.reduce(masks)
    return found


def column_trait(column: str) -> Trait:
    """A column of `runs r` that is a number."""
    return Trait(f"runs r WHERE {column} IS NOT NULL", value=column)


def metric_trait(field: Field, directions: Directions) -> Trait:
    """A metric's value; NaN and infinities too."""
    joins = Joins(directions)
    value, params = any_metric(field, joins)
    return Trait(
        # the value's parameters stand before the others: once where it is selected, once where it has to be there
        f"runs r JOIN last_values m0 ON m0.run_id = r.run_id AND m0.key = ? WHERE ({value}) IS NOT NULL",
        (*params, *joins.params, *params),
        value=value,
        metrics=True,
    )


def _is_number(field: Field) -> bool:
    return field.group in ("column", "metric") and kind_of(field) in READ


def _by_number(field: Field, op: str, value: str) -> bool:
    """Whether numbers decide. A parameter that is written like a number is one: then its text says nothing more."""
    if field.group != "param":
        return _is_number(field)
    wanted = number(value)
    return op in COMPARE and op != ":" and wanted is not None and math.isfinite(wanted)
