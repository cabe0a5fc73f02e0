"""What a recipe.py may declare. Import it in a project's code: `from mlops_tui.recipes import feature_view, window_view`.

A recipe is a Python file with optional hooks, found by their names:

    prepare(frame) -> frame            row-wise: the target, derived columns, times at which columns become known
    estimator(params) -> estimator     any scikit-learn estimator, in place of the built-in families
    evaluate(frame, predictions) -> {} further metrics of the evaluation rows
    feature views                      made with the three functions below, bound to module-level names

Importing this module loads no data library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlops_tui.project.values import parse_duration

AGGREGATES = ("count", "sum", "mean", "std", "rate")
"""What a window view can say of the values in its window, NULL left out; `rate` is the share that is true or not 0."""

_NAME = re.compile(r"^[A-Za-z_]\w*$")

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class View:
    """A named group of features from one source over entities. Durations are milliseconds; None = unlimited."""

    name: str
    source: str
    entities: tuple[str, ...]
    features: tuple[str, ...] | None = None
    max_age_ms: int | None = None
    known_at: str = ""
    description: str = ""


@dataclass(frozen=True)
class FrameView(View):
    """A view computed by a Python function from the source's rows (a polars LazyFrame) to rows of features."""

    function: Function = field(default=lambda frame: frame)

    def __call__(self, frame: Any) -> Any:
        """The function itself, so that a recipe's own tests can call it."""
        return self.function(frame)


@dataclass(frozen=True)
class SqlView(View):
    """A view computed by a SELECT over a table called `source`."""

    sql: str = ""


@dataclass(frozen=True)
class WindowView(View):
    """Aggregates over the source's own rows in the window before each moment: {feature: (column, aggregate)}."""

    window_ms: int = 0
    aggregates: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def feature_view(
    *,
    source: str,
    entities: Sequence[str],
    max_age: str | None = None,
    features: Sequence[str] | None = None,
    known_at: str = "",
    name: str = "",
) -> Callable[[Function], FrameView]:
    """Makes a function from a source's LazyFrame to a LazyFrame into a feature view.

    The result must keep the entity columns, the source's event time and its `known_at` column where it has one.
    `features` names the feature columns (default: all others). `max_age` such as "6h": older rows do not count.
    Over the source whose rows are predicted a row never finds itself, and without `known_at` it is known at event
    time + label_delay. Raises ValueError where an argument is unfit.
    """
    shared = _shared(source, entities, max_age, features, known_at)

    def make(function: Function) -> FrameView:
        described = (function.__doc__ or "").strip().partition("\n")[0]
        return FrameView(
            name=_identifier(name or function.__name__, "name"),
            function=function,
            description=described,
            **shared,
        )

    return make


def sql_view(
    name: str,
    source: str,
    entities: Sequence[str],
    sql: str,
    max_age: str | None = None,
    features: Sequence[str] | None = None,
    known_at: str = "",
) -> SqlView:
    """A view written in SQL over the table `source`, run by an in-memory DuckDB without access to files or network.

    The same columns must come back as from a function under `feature_view`. Raises ValueError.
    """
    if not isinstance(sql, str) or not sql.strip():
        raise ValueError("sql is empty; write a SELECT over the table `source`")
    shared = _shared(source, entities, max_age, features, known_at)
    return SqlView(name=_identifier(name, "name"), sql=sql, **shared)


def window_view(
    *,
    source: str,
    entities: Sequence[str],
    window: str,
    aggregates: Mapping[str, tuple[str, str]],
    known_at: str = "",
    name: str = "",
) -> WindowView:
    """What the rows of a source in the `window` (such as "7d") before a moment say, of those known by then.

    `aggregates` is {feature: (column, aggregate)}. A row counts from its `known_at` column on (default: the
    source's; the target and late columns are then known at event time + label_delay). On the source whose rows are
    predicted it works over the rows after `prepare`; a row never counts itself. The name is that of the variable.
    Raises ValueError.
    """
    if not isinstance(aggregates, Mapping) or not aggregates:
        raise ValueError('aggregates is empty; write {"feature": ("column", "mean")}')
    checked: dict[str, tuple[str, str]] = {}
    for feature, pair in aggregates.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(p, str) for p in pair):
            raise ValueError(f'aggregate {feature!r} must be ("column", "aggregate"), not {pair!r}')
        column, aggregate = pair
        if aggregate not in AGGREGATES:
            raise ValueError(f"there is no aggregate {aggregate!r}; there are {', '.join(AGGREGATES)}")
        checked[_identifier(feature, "feature")] = (column, aggregate)
    length = parse_duration(window)
    if length <= 0:
        raise ValueError(f"window {window!r} is empty")
    shared = _shared(source, entities, None, list(checked), known_at)
    return WindowView(
        name=_identifier(name, "name") if name else "", window_ms=length, aggregates=checked, **shared
    )


def named(view: View, variable: str) -> View:
    """A view that took no name of its own is called like its variable."""
    return view if view.name else replace(view, name=variable)


def _shared(
    source: str, entities: Sequence[str], max_age: str | None, features: Sequence[str] | None, known_at: str
) -> dict[str, Any]:
    if not isinstance(source, str) or not source:
        raise ValueError("source must be the name of a source in mlops.toml")
    if isinstance(entities, str):
        raise ValueError(f'entities must be a list of columns: ["{entities}"]')
    if isinstance(features, str):
        raise ValueError(f'features must be a list of columns: ["{features}"]')
    return {
        "source": source,
        "entities": tuple(entities),
        "features": None if features is None else tuple(features),
        "max_age_ms": None if max_age is None else parse_duration(max_age),
        "known_at": known_at,
    }


def _identifier(text: str, what: str) -> str:
    if not _NAME.match(text) or "__" in text:
        raise ValueError(f"{what} {text!r} must be a plain identifier (letters, digits, single _)")
    return text
