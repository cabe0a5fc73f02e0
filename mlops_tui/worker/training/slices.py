"""Slices of evaluation rows: the predicates of mlops.toml as boolean masks. No SQL engine ever sees their text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.errors import Problem
from mlops_tui.project.predicate import Both, Compare, IsNull, Literal, Member, Node, Not, columns, parse

Mask = npt.NDArray[np.bool_]


def masks(frame: pl.DataFrame, predicates: Sequence[str]) -> dict[str, Mask]:
    """Predicate → mask over the rows of `frame`, shape (n,). A comparison with NULL is not true, as in SQL.

    Raises Problem that names the slice where a column is missing or has a type that cannot be compared so.
    """
    return {text: mask(frame, text) for text in predicates}


def mask(frame: pl.DataFrame, predicate: str) -> Mask:
    """One mask; see `masks`."""
    try:
        node = parse(predicate)
    except ValueError as error:
        raise Problem("bad_slice", str(error), "correct `slices` of the model", status=2) from error
    missing = sorted(columns(node) - set(frame.columns))
    if missing:
        raise Problem(
            "bad_slice",
            f"slice {predicate!r} reads {', '.join(map(repr, missing))}, which the evaluation rows do not have",
            f"there are: {', '.join(frame.columns)}",
            status=2,
        )
    try:
        found = frame.select(expression(node).fill_null(False).alias("slice"))["slice"]
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise Problem(
            "bad_slice",
            f"slice {predicate!r} cannot be computed: {reason}",
            "compare numbers with numbers, text with 'text'",
            status=2,
        ) from error
    return found.to_numpy().astype(bool)


def expression(node: Node) -> pl.Expr:
    """The predicate as a polars expression, NULL where SQL says unknown."""
    if isinstance(node, Not):
        return ~expression(node.part)
    if isinstance(node, Both):
        left, right = expression(node.left), expression(node.right)
        return left & right if node.op == "and" else left | right
    column = pl.col(_exactly(node.column))
    if isinstance(node, IsNull):
        return column.is_null()
    if isinstance(node, Member):
        return pl.any_horizontal(*[_equal(column, value) for value in node.values])
    return _compare(column, node)


def _compare(column: pl.Expr, node: Compare) -> pl.Expr:
    value = node.value
    if node.op == "like":
        return column.cast(pl.String).str.contains(_like(str(value)))
    if node.op == "=":
        return _equal(column, value)
    if node.op == "!=":
        return ~_equal(column, value)
    literal = pl.lit(value)
    operations = {
        "<": column < literal,
        "<=": column <= literal,
        ">": column > literal,
        ">=": column >= literal,
    }
    return operations[node.op]


def _equal(column: pl.Expr, value: Literal) -> pl.Expr:
    return column == pl.lit(value)


def _exactly(name: str) -> str:
    """polars reads `^…$` as a regular expression over column names, and `*` as all: take such names by escape."""
    return f"^{re.escape(name)}$" if name == "*" or (name.startswith("^") and name.endswith("$")) else name


def _like(pattern: str) -> str:
    parts = [".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern]
    return f"(?s)^{''.join(parts)}$"
