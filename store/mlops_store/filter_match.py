"""A filter's tree over plain records: what the index decides in SQL, for what is not in it, and for rows that are already at hand."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from mlops_store.filter_fields import NOUNS, Kind
from mlops_store.filter_tree import And, Compare, Field, In, Missing, Node, Not, Or, Search, kind_of
from mlops_store.filter_values import number, span_ms, time_ms

Value = str | int | float | None
Get = Callable[[Field], Value]
"""A record's value of a field; None where it has none. Times and spans are milliseconds, a parameter is the text that is shown of it."""
Regex = Callable[[str, str], bool]
"""Whether a pattern is found in a text."""

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, ":": operator.eq,
}  # fmt: skip
"""Of two values, or of an array and a value."""
READ: dict[str, Callable[[str], float | None]] = {
    "number": number,
    "time": time_ms,
    "span": span_ms,
    "param": number,
}
"""Kind of field → what a text of the filter stands for; None where it stands for no number."""


def found(pattern: str, text: str) -> bool:
    """Python's regular expressions. They differ from the index's in what only either knows, and may take long: not for texts of others."""
    return _compiled(pattern).search(text) is not None


def matches(
    node: Node,
    get: Get,
    *,
    now: int,
    noun: str = "run",
    words: Iterable[str] = (),
    regex: Regex = found,
) -> bool:
    """Whether a filter of a list finds a record. `now` (UTC ms) is for ages; `words` are texts that a bare word looks through besides the
    list's own, such as the values of tags."""
    shape = NOUNS[noun]

    def value_of(field: Field) -> Value:
        if field != Field("column", "age"):
            return get(field)
        since = get(Field("column", shape.since))
        return now - since if isinstance(since, int | float) else None

    def holds(node: Node) -> bool:
        match node:
            case And(items):
                return all(map(holds, items))
            case Or(items):
                return any(map(holds, items))
            case Not(item):
                return not holds(item)
            case Missing(field):
                return value_of(field) is None
            case In(field, values):
                return any(compares(field, "=", value) for value in values)
            case Compare(field, op, value):
                return compares(field, op, value)
            case Search(text):
                return says(text.lower())

    def compares(field: Field, op: str, wanted: str) -> bool:
        value = value_of(field)
        return value is not None and _compare(kind_of(field, noun), value, op, wanted, regex)

    def says(text: str) -> bool:
        inside = [get(Field("column", name)) for name in shape.search] + list(words)
        begins = [get(Field("column", name)) for name in shape.begins]
        return any(text in str(value).lower() for value in inside if value is not None) or any(
            str(value).lower().startswith(text) for value in begins if value is not None
        )

    return holds(node)


def _compare(kind: Kind, value: str | int | float, op: str, wanted: str, regex: Regex) -> bool:
    """Like `filter_sql`: NaN equals NaN, and is neither greater nor less than anything."""
    if kind == "text":
        return _text(str(value), op, wanted, regex)
    if kind == "param":
        return _param(str(value), op, wanted, regex)
    limit = READ[kind](wanted)
    assert limit is not None, "the parser lets only fitting values through"
    amount = float(value) if kind == "number" else int(value)
    if math.isnan(limit):
        return math.isnan(amount) != (op == "!=")
    return bool(COMPARE[op](amount, limit))


def _text(value: str, op: str, wanted: str, regex: Regex) -> bool:
    if op == ":":
        return wanted.lower() in value.lower()
    if op in ("~", "!~"):
        return regex(wanted, value) == (op == "~")
    return bool(COMPARE[op](value, wanted))


def _param(value: str, op: str, wanted: str, regex: Regex) -> bool:
    """Numbers compare as numbers where both sides are, all else as text."""
    limit = number(wanted)
    if limit is None or not math.isfinite(limit) or op in (":", "~", "!~"):
        return _text(value, op, wanted, regex)
    try:
        amount = float(value)
    except ValueError:
        amount = math.nan
    same = amount == limit or value == wanted
    if op in ("=", "!="):
        return same == (op == "=")
    return math.isfinite(amount) and bool(COMPARE[op](amount, limit))


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
