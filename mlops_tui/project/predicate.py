"""A small, safe part of SQL: predicates over one row, such as `origin = 'JFK' AND distance > 500`.

Grammar: comparisons (= != <> < <= > >=), IN, NOT IN, BETWEEN, IS [NOT] NULL, LIKE, AND, OR, NOT and parentheses;
a column on the left, literals on the right. No functions, no subqueries: names and text from data are hostile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from mlops_store.filter_tokens import Token, Unreadable, scan

Literal = float | int | str | bool

_NUMBER = r"(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?"
_WORD = re.compile(rf"{_NUMBER}|[A-Za-z_]\w*")
_OPERATORS = ("<>", "!=", ">=", "<=", "=", "<", ">", "-")
_KEYWORDS = {"AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL", "LIKE", "TRUE", "FALSE"}
_COMPARISONS = {"=", "!=", "<>", "<", "<=", ">", ">="}
_MAX_DEPTH = 50


@dataclass(frozen=True)
class Compare:
    """`column op value`; op is one of = != < <= > >= like."""

    column: str
    op: str
    value: Literal


@dataclass(frozen=True)
class Member:
    column: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class IsNull:
    column: str


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Both:
    """AND (`op = "and"`) or OR of two parts."""

    op: str
    left: Node
    right: Node


Node = Compare | Member | IsNull | Not | Both


def parse(text: str) -> Node:
    """The predicate. Raises ValueError with the place (column from 1) and what is allowed there."""
    parser = _Parser(text)
    node = parser.either(0)
    parser.expect_end()
    return node


def columns(node: Node) -> set[str]:
    """The columns that a predicate reads."""
    if isinstance(node, Not):
        return columns(node.part)
    if isinstance(node, Both):
        return columns(node.left) | columns(node.right)
    return {node.column}


def _classed(token: Token) -> tuple[str, str, int]:
    """(kind, value, place): a word, number, keyword (in capitals), text, quoted column, or op, which brackets are too."""
    if token.kind == "text":
        return ("text" if token.quote == "'" else "quoted"), token.text, token.at
    if token.kind != "word":
        return "op", token.text, token.at
    if token.text.upper() in _KEYWORDS:
        return "keyword", token.text.upper(), token.at
    return ("number" if token.text[0] == "." or token.text[0].isdecimal() else "word"), token.text, token.at


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.tokens = [_classed(token) for token in scan(text, word=_WORD, operators=_OPERATORS)]
        except Unreadable as error:
            self._broken(error.at, error.what, "a column, operator or literal")
        self.tokens.append(("end", "end", len(text)))
        self.at = 0

    def either(self, depth: int) -> Node:
        node = self.both(depth)
        while self._take("keyword", "OR"):
            node = Both("or", node, self.both(depth))
        return node

    def both(self, depth: int) -> Node:
        node = self.negation(depth)
        while self._take("keyword", "AND"):
            node = Both("and", node, self.negation(depth))
        return node

    def negation(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            self._broken(self.tokens[self.at][2], "too deeply nested", "fewer parentheses")
        if self._take("keyword", "NOT"):
            return Not(self.negation(depth + 1))
        if self._take("op", "("):
            node = self.either(depth + 1)
            self._need("op", ")")
            return node
        return self.comparison()

    def comparison(self) -> Node:
        column = self._column()
        kind, value, place = self._next()
        if kind == "op" and value in _COMPARISONS:
            return Compare(column, "!=" if value == "<>" else value, self._literal())
        if (kind, value) == ("keyword", "IS"):
            negated = self._take("keyword", "NOT")
            self._need("keyword", "NULL")
            return Not(IsNull(column)) if negated else IsNull(column)
        negated = (kind, value) == ("keyword", "NOT")
        if negated:
            kind, value, place = self._next()
        node = self._set_or_range(column, value if kind == "keyword" else "", place)
        return Not(node) if negated else node

    def _set_or_range(self, column: str, keyword: str, place: int) -> Node:
        if keyword == "IN":
            self._need("op", "(")
            values = [self._literal()]
            while self._take("op", ","):
                values.append(self._literal())
            self._need("op", ")")
            return Member(column, tuple(values))
        if keyword == "BETWEEN":
            low = self._literal()
            self._need("keyword", "AND")
            return Both("and", Compare(column, ">=", low), Compare(column, "<=", self._literal()))
        if keyword == "LIKE":
            value = self._literal()
            if not isinstance(value, str):
                self._broken(place, "LIKE needs text", "'pattern' with % and _")
            return Compare(column, "like", value)
        self._broken(place, "no operator", "= != < <= > >= IN BETWEEN LIKE IS NULL")

    def expect_end(self) -> None:
        kind, value, place = self.tokens[self.at]
        if kind != "end":
            self._broken(place, f"{value!r} after the predicate", "AND, OR or nothing")

    def _column(self) -> str:
        kind, value, place = self._next()
        if kind == "quoted" and value:
            return value
        if kind != "word":
            self._broken(
                place,
                f"{value!r} is not a column",
                'a column name (in "double quotes" where it has odd characters)',
            )
        return value

    def _literal(self) -> Literal:
        kind, value, place = self._next()
        sign = 1
        if (kind, value) == ("op", "-"):
            sign = -1
            kind, value, place = self._next()
        if kind == "number":
            return sign * (int(value) if value.isdecimal() and len(value) < 19 else float(value))
        if kind == "text" and sign == 1:
            return value
        if kind == "keyword" and value in ("TRUE", "FALSE") and sign == 1:
            return value == "TRUE"
        self._broken(place, f"{value!r} is not a value", "a number, 'text', TRUE or FALSE")

    def _next(self) -> tuple[str, str, int]:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def _take(self, kind: str, value: str) -> bool:
        if self.tokens[self.at][:2] == (kind, value):
            self.at += 1
            return True
        return False

    def _need(self, kind: str, value: str) -> None:
        found = self.tokens[self.at]
        if not self._take(kind, value):
            self._broken(found[2], f"{found[1]!r} where {value!r} belongs", value)

    def _broken(self, place: int, what: str, allowed: str) -> NoReturn:
        raise ValueError(f"predicate {self.text!r}, column {place + 1}: {what}; allowed: {allowed}")
