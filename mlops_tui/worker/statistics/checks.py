"""The grammar of a gate check: `METRIC OP RHS`.

METRIC is a metric of the task, with `worst_slice.` before it for the worst of the model's slices; OP is one
of > >= < <=; RHS is a number, or `champion` or `naive`, optionally followed by + or - and a number.
"""

from __future__ import annotations

import re
from typing import Literal, NoReturn

import msgspec

from mlops_tui.worker.statistics import metrics
from mlops_tui.worker.statistics.metrics import Metric

Operator = Literal[">", ">=", "<", "<="]
Baseline = Literal["champion", "naive"]
OPERATORS: dict[str, Operator] = {">": ">", ">=": ">=", "<": "<", "<=": "<="}
SLICE_PREFIX = "worst_slice."
_TOKEN = re.compile(
    r"(?P<number>(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<op>>=|<=|>|<|\+|-|\S)"
)
_RHS = "a number, champion or naive, the latter two optionally with + or - and a number"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One parsed check. `value` is the number, or the signed number added to the baseline."""

    text: str
    metric: str
    op: Operator
    value: float
    baseline: Baseline | None = None
    worst_slice: bool = False


def parse_check(text: str, task: str) -> Check:
    """Parse one check. Raises ValueError saying the column (from 1) where it broke and what is allowed there."""
    tokens = [(str(m.lastgroup), m.group(), m.start() + 1) for m in _token_matches(text)]
    end = ("end", "end of the check", len(text) + 1)
    if not tokens:
        _broken(text, 1, "the check is empty", _metric_names(task))
    kind, word, column = tokens[0]
    worst = word.startswith(SLICE_PREFIX)
    name = word.removeprefix(SLICE_PREFIX)
    if kind != "word" or name not in metrics.names(task):
        shown = f"unknown metric {name!r} for {task}" if kind == "word" else f"{word!r} is not a metric"
        _broken(text, column + (len(SLICE_PREFIX) if worst else 0), shown, _metric_names(task))
    _, symbol, column = tokens[1] if len(tokens) > 1 else end
    if symbol not in OPERATORS:
        _broken(text, column, f"{symbol!r} is not a comparison", " ".join(OPERATORS))
    op = OPERATORS[symbol]
    baseline, value = _right_side(text, tokens[2:], end)
    check = Check(text=text, metric=name, op=op, value=value, baseline=baseline, worst_slice=worst)
    metric = metrics.get(name, task)
    if baseline and not wants_better(check, metric):
        better, allowed = ("higher", "> >=") if metric.direction == "max" else ("lower", "< <=")
        _broken(text, column, f"{op!r} asks for a worse model, {name} is better when {better}", allowed)
    return check


def wants_better(check: Check, metric: Metric) -> bool:
    """Whether the check asks the metric to be at least as good as the right side, and not at most."""
    return (check.op in (">", ">=")) == (metric.direction == "max")


def _token_matches(text: str) -> list[re.Match[str]]:
    return list(_TOKEN.finditer(text))


def _right_side(
    text: str, tokens: list[tuple[str, str, int]], end: tuple[str, str, int]
) -> tuple[Baseline | None, float]:
    rest = [*tokens, end, end, end]
    kind, word, column = rest.pop(0)
    baseline: Baseline | None = None
    sign = 1.0
    if word in ("champion", "naive"):
        baseline = "champion" if word == "champion" else "naive"
        kind, word, column = rest.pop(0)
        if kind == "end":
            return baseline, 0.0
        if word not in "+-":
            _broken(text, column, f"{word!r} after {baseline}", "+ NUMBER or - NUMBER, or nothing")
        sign = -1.0 if word == "-" else 1.0
        kind, word, column = rest.pop(0)
    elif word in ("+", "-"):
        sign = -1.0 if word == "-" else 1.0
        kind, word, column = rest.pop(0)
    if kind != "number":
        _broken(text, column, f"{word!r} is not a number", "a number" if baseline else _RHS)
    value = sign * float(word)
    kind, word, column = rest.pop(0)
    if kind != "end":
        _broken(text, column, f"{word!r} after the check", "nothing")
    return baseline, value


def _metric_names(task: str) -> str:
    return ", ".join(metrics.names(task)) + f", each also with {SLICE_PREFIX} before it"


def _broken(text: str, column: int, what: str, allowed: str) -> NoReturn:
    raise ValueError(f"gate check {text!r}, column {column}: {what}; allowed: {allowed}")
