"""Rows to predict, enriched with features as of their own time. Training and scoring both go through here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mlops_store.errors import Problem, did_you_mean
from mlops_store.features import pit
from mlops_store.features.pit import ViewRows
from mlops_tui.recipes import View, WindowView
from mlops_tui.worker.sources import BEGINNING, TIME, UTC_US, newest, scan, utc
from mlops_tui.worker.views import late_columns, view_rows

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig, ProjectConfig
    from mlops_tui.worker.recipe_loader import Recipe

ROW = "__row"

SourceRows = pl.LazyFrame | Sequence[Path]
"""The rows of a source, or its stored files in order of arrival."""


def prepared(frame: pl.DataFrame, config: ProjectConfig, recipe: Recipe, model: ModelConfig) -> pl.DataFrame:
    """Rows of the spine after the recipe's `prepare`, with `__row` (0, 1, …, Int64) and `__time` (UTC, us).

    Columns that begin with `__` are kept for us: they pass by `prepare` untouched. Raises Problem where `prepare`
    raises, returns no frame, or changes the number or the order of rows.
    """
    source = config.source_named(model.spine)
    kept = frame.select(name for name in frame.columns if name.startswith("__") and name not in (ROW, TIME))
    raw = frame.drop(kept.columns).drop(ROW, TIME, strict=False)
    own = [pl.int_range(raw.height, dtype=pl.Int64, eager=True).alias(ROW)]
    if source.event_time:
        if source.event_time not in raw.columns:
            raise Problem(
                "missing_column",
                f"the rows have no event time {source.event_time!r}",
                f"there are: {', '.join(raw.columns)}",
            )
        when = utc(source.event_time, raw.schema[source.event_time], f"source {source.name!r}")
        own.append(raw.select(when.alias(TIME)).to_series())
    else:
        own.append(pl.repeat(BEGINNING, raw.height, dtype=UTC_US, eager=True).alias(TIME))
    made = raw if recipe.prepare is None else _prepare(raw, recipe, own[0], source.key)
    return made.with_columns(*own, *kept.get_columns())


def _prepare(raw: pl.DataFrame, recipe: Recipe, row: pl.Series, key: Sequence[str]) -> pl.DataFrame:
    assert recipe.prepare is not None
    made: Any = recipe.call("prepare", recipe.prepare, raw.with_columns(row))
    if isinstance(made, pl.LazyFrame):
        made = recipe.call("prepare", made.collect)
    if not isinstance(made, pl.DataFrame):
        raise Problem(
            "bad_prepare",
            f"prepare returned a {type(made).__name__}, not a polars frame",
            "return the frame",
            2,
        )
    if made.height != raw.height:
        raise Problem("bad_prepare", f"prepare turned {raw.height} rows into {made.height}",
                      "it must return one row for each row: rows without a target are dropped later", 2)  # fmt: skip
    if ROW in made.columns and not made[ROW].equals(row):
        raise Problem(
            "bad_prepare", "prepare changed the order of the rows", "do not sort or shuffle in it", 2
        )
    for column in key:
        if column in made.columns and not made[column].equals(raw[column], null_equal=True):
            raise Problem(
                "bad_prepare",
                f"prepare changed the key column {column!r}, or the order of the rows",
                "derive a new column",
                2,
            )
    missing = [name for name in key if name not in made.columns]
    made = made.with_columns(raw[name] for name in missing)
    clean: pl.DataFrame = made.drop(name for name in made.columns if name.startswith("__"))
    return clean


def assemble(
    frame: pl.DataFrame,
    config: ProjectConfig,
    recipe: Recipe,
    sources: Mapping[str, SourceRows],
    model: ModelConfig,
    *,
    history: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, dict[str, dict[str, int]]]:
    """Joins the model's feature views to prepared rows (see `prepared`), each value as of the row's `__time`.

    Returns the rows in their order, with `view__feature` columns and a `view__status` column for each view, and
    {view: {status: rows}}. `history`: the spine's own source after `prepare`, where it is at hand; else it is made
    from `sources`. Raises Problem where a view, its source or a column is missing or unfit.
    """
    views = model_views(model, recipe)
    if not views:
        return frame, {}
    joined: list[ViewRows] = []
    for view, wanted in views:
        source = config.source_named(view.source)
        if isinstance(view, WindowView) and view.source == model.spine:
            if history is None:
                history = spine_history(config, recipe, sources, model)
            rows = history.lazy()
        else:
            rows = _rows(sources, view.source)
        made = view_rows(view, rows, source, recipe, model)
        unknown = sorted(set(wanted or ()) - set(made.features))
        if unknown:
            raise Problem(
                "no_feature",
                f"view {view.name!r} has no feature {unknown[0]!r}",
                did_you_mean(unknown[0], list(made.features)),
                2,
            )
        features = [name for name in made.features if wanted is None or name in wanted]
        joined.append(
            ViewRows(made.name, made.rows, made.keys, made.event_time, made.known_at, features, made.max_age)
        )
    keys = list(dict.fromkeys(key for view in joined for key in view.keys))
    for key in keys:
        if key not in frame.columns:
            raise Problem(
                "missing_column",
                f"the rows have no column {key!r}, which a feature view joins by",
                "keep it in prepare, or give it in the input",
            )
    try:
        out = pit.join(frame, keys, TIME, joined)
    except ValueError as error:
        raise Problem("bad_view", str(error), "change the view in the recipe", 2) from error
    return out, {view.name: _counts(out[f"{view.name}__status"]) for view in joined}


def spine_history(
    config: ProjectConfig, recipe: Recipe, sources: Mapping[str, SourceRows], model: ModelConfig
) -> pl.DataFrame:
    """The spine's own rows, newest version of each, after `prepare`: what window views look back on."""
    source = config.source_named(model.spine)
    rows = newest(_rows(sources, model.spine).collect(), source.key)
    return prepared(rows, config, recipe, model)


def model_views(model: ModelConfig, recipe: Recipe) -> list[tuple[View, set[str] | None]]:
    """The views that a model uses, in the order of its `features`, each with the features wanted (None = all)."""
    wanted: dict[str, set[str] | None] = {}
    for text in model.features:
        name, _, feature = text.partition(":")
        if name not in recipe.views:
            hint = did_you_mean(name, list(recipe.views)) or f"define it in {model.recipe}"
            raise Problem(
                "no_view",
                f"model {model.name!r} uses the feature view {name!r}, which {model.recipe} does not define",
                hint,
                2,
            )
        earlier = wanted.get(name, set())
        wanted[name] = None if not feature or earlier is None else {*earlier, feature}
    return [(recipe.views[name], features) for name, features in wanted.items()]


def model_sources(model: ModelConfig, recipe: Recipe) -> list[str]:
    """The sources that a model reads, its spine first."""
    return list(dict.fromkeys([model.spine, *(view.source for view, _ in model_views(model, recipe))]))


def feature_columns(
    frame: pl.DataFrame, config: ProjectConfig, recipe: Recipe, model: ModelConfig
) -> list[str]:
    """The ordered columns of an assembled frame that are features: the rows' own, then those of each view.

    Raises Problem where a named column is missing.
    """
    source = config.source_named(model.spine)
    views = tuple(f"{view.name}__" for view, _ in model_views(model, recipe))
    if model.columns is not None:
        for column in model.columns:
            if column not in frame.columns:
                hint = did_you_mean(column, [name for name in frame.columns if not name.startswith("__")])
                raise Problem("missing_column", f"feature column {column!r} is not in the rows", hint, 2)
        own = list(model.columns)
    else:
        other = {
            *source.key,
            *model.split.key,
            source.event_time,
            source.known_at,
            model.gate.cluster,
            *late_columns(source, model),
        }
        plain = (pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Categorical, pl.Enum)
        own = [
            name
            for name, dtype in frame.schema.items()
            if name not in other
            and not name.startswith(("__", *views))
            and (dtype.is_numeric() or isinstance(dtype, plain))
        ]
    return own + [
        name for view in views for name in frame.columns if name.startswith(view) and name != f"{view}status"
    ]


def _rows(sources: Mapping[str, SourceRows], name: str) -> pl.LazyFrame:
    if name not in sources:
        raise Problem(
            "no_data", f"source {name!r} has no data yet", f"put files where [source.{name}] path points"
        )
    rows = sources[name]
    return rows if isinstance(rows, pl.LazyFrame) else scan(rows)


def _counts(statuses: pl.Series) -> dict[str, int]:
    counted = statuses.cast(pl.String).value_counts()
    return dict(sorted(zip(counted[counted.columns[0]].to_list(), counted["count"].to_list(), strict=True)))
