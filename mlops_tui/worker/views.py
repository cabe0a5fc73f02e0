"""Feature views: from a view's definition and its source's rows to rows that a point-in-time join can use."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mlops_store.atomic import canonical, sha256_bytes
from mlops_store.errors import Problem
from mlops_store.features.pit import ViewRows
from mlops_store.features.window import window_history
from mlops_store.records import Column, FeatureView
from mlops_tui.recipes import FrameView, SqlView, View, WindowView
from mlops_tui.worker.code_identity import closure_text
from mlops_tui.worker.sources import BATCH, KNOWN, TIME, with_times

if TYPE_CHECKING:
    from mlops_tui.project.schema import ModelConfig, SourceConfig
    from mlops_tui.worker.recipe_loader import Recipe

_WINDOW_TYPES = {"count": "int"}


def late_columns(source: SourceConfig, model: ModelConfig | None) -> set[str]:
    """Columns of a source that are known later than their row: declared ones, and the target of its model."""
    late = set(source.late_columns)
    if model is not None and model.spine == source.name:
        late.add(model.target)
    return late


def view_rows(
    view: View, rows: pl.LazyFrame, source: SourceConfig, recipe: Recipe, model: ModelConfig | None
) -> ViewRows:
    """The rows of a view with `__time` and, where known, `__known`. `rows` are the source's (for a window view on
    the spine's own source: after `prepare`). On the spine's own source a row is known a microsecond after its event
    at the earliest, so that no row finds itself. Raises Problem that names the view and what is wrong."""
    where = f"view {view.name!r}"
    rows = rows.drop(BATCH, strict=False)
    own = model is not None and model.spine == source.name
    if own and not source.event_time:
        raise Problem(
            "bad_view",
            f"{where} reads the rows that are predicted, and source {source.name!r} has no event_time: each row would find itself",
            "name event_time in mlops.toml, or derive the columns in prepare",
            status=2,
        )
    if isinstance(view, WindowView):
        return _window(view, rows, source, late_columns(source, model), own)
    made = computed(view, rows, recipe)
    schema = made.collect_schema()
    for column in view.entities:
        if column not in schema:
            raise Problem(
                "bad_view", f"{where} does not return its entity column {column!r}", "keep it in the result"
            )
    features = feature_names(view, list(schema), source)
    for column in features:
        if column not in schema:
            raise Problem(
                "bad_view",
                f"{where} does not return its feature {column!r}",
                f"it returns {', '.join(schema)}",
            )
    timed = with_times(made, source, where, known_at=view.known_at, late=_tells_late(features, source, model))
    if own:
        timed = _after_itself(timed)
    names = timed.collect_schema().names()
    keep = [*dict.fromkeys([*view.entities, *features]), TIME, *([KNOWN] if KNOWN in names else [])]
    try:
        frame = timed.select(keep).collect()
    except pl.exceptions.PolarsError as error:
        raise Problem(
            "recipe_failed", f"{where}: {type(error).__name__}: {str(error)[:500]}", "look at its code"
        ) from error
    return ViewRows(
        name=view.name,
        rows=frame,
        keys=list(view.entities),
        event_time=TIME,
        known_at=KNOWN if KNOWN in names else None,
        features=features,
        max_age=None if view.max_age_ms is None else timedelta(milliseconds=view.max_age_ms),
    )


def _tells_late(features: Iterable[str], source: SourceConfig, model: ModelConfig | None) -> bool:
    """Whether the rows of a function or SELECT may tell what is known late. Of the spine's own source they always may:
    a feature made of the target can bear any name."""
    return (model is not None and model.spine == source.name) or bool(
        late_columns(source, model) & set(features)
    )


def _after_itself(timed: pl.LazyFrame) -> pl.LazyFrame:
    """Known a microsecond after the event at the earliest; what is never known stays so."""
    moment = pl.col(TIME) + pl.duration(microseconds=1)
    if KNOWN not in timed.collect_schema().names():
        return timed.with_columns(moment.alias(KNOWN))
    known = pl.col(KNOWN)
    return timed.with_columns(
        pl.when(known.is_not_null()).then(pl.max_horizontal(known, moment)).alias(KNOWN)
    )


def _window(
    view: WindowView, rows: pl.LazyFrame, source: SourceConfig, late: set[str], own: bool
) -> ViewRows:
    """Window aggregates of the rows known in time."""
    where = f"view {view.name!r}"
    if not source.event_time:
        raise Problem(
            "bad_view",
            f"{where} needs a source with event_time; {source.name!r} has none",
            "name it in mlops.toml",
        )
    wanted = {column for column, _ in view.aggregates.values()}
    names = rows.collect_schema().names()
    for column in sorted({*wanted, *view.entities} - set(names)):
        raise Problem(
            "missing_column",
            f"{where}: source {source.name!r} has no column {column!r}",
            f"there are: {', '.join(names)}",
        )
    timed = with_times(rows, source, where, known_at=view.known_at, late=bool(late & wanted))
    if own:
        timed = _after_itself(timed)
    elif KNOWN not in timed.collect_schema().names():
        timed = timed.with_columns(pl.col(TIME).alias(KNOWN))
    frame = timed.select(*dict.fromkeys([*view.entities, *wanted]), TIME, KNOWN).collect()
    try:
        history = window_history(
            frame,
            list(view.entities),
            TIME,
            KNOWN,
            None,
            timedelta(milliseconds=view.window_ms),
            dict(view.aggregates),  # type: ignore[arg-type]
        )
    except ValueError as error:
        raise Problem(
            "bad_view", f"{where}: {error}", "change its aggregates in the recipe", status=2
        ) from error
    return ViewRows(view.name, history, list(view.entities), TIME, None, list(view.aggregates), None)


def computed(view: View, rows: pl.LazyFrame, recipe: Recipe) -> pl.LazyFrame:
    where = f"view {view.name!r}"
    if isinstance(view, SqlView):
        return _sql(view, rows)
    assert isinstance(view, FrameView)
    made = recipe.call(where, view.function, rows)
    if not isinstance(made, pl.LazyFrame | pl.DataFrame):
        raise Problem(
            "bad_view", f"{where} returned a {type(made).__name__}, not a polars frame", "return the frame", 2
        )
    lazy = made.lazy()
    recipe.call(where, lazy.collect_schema)
    return lazy


def _sql(view: SqlView, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Runs the SELECT in a DuckDB of its own that can read one file and write one file."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="mlops-sql-") as folder:
        given, made = Path(folder) / "source.parquet", Path(folder) / "made.parquet"
        rows.collect().write_parquet(given)
        with duckdb.connect(
            ":memory:", config={"threads": "2", "python_enable_replacements": "false"}
        ) as con:
            try:
                con.execute("SET TimeZone = 'UTC'")
                con.execute("CREATE TABLE source AS SELECT * FROM read_parquet(?)", [str(given)])
                con.execute("SET allowed_paths = ['" + str(made).replace("'", "''") + "']")
                con.execute("SET enable_external_access = false")
                con.execute("SET lock_configuration = true")
                statements = con.extract_statements(view.sql)
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                    raise Problem(
                        "bad_view",
                        f"view {view.name!r}: its SQL is not one SELECT",
                        "write one SELECT over `source`",
                        2,
                    )
                text = statements[0].query.strip().rstrip(";")
                con.execute(
                    f"COPY (\n{text}\n) TO '{str(made).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)"
                )
            except duckdb.Error as error:
                raise Problem(
                    "bad_view", f"view {view.name!r}: {str(error)[:500]}", "look at its SQL", 2
                ) from error
        return pl.read_parquet(made).lazy()


def feature_names(view: View, columns: list[str], source: SourceConfig) -> list[str]:
    """The features of a view: those it names, or all that its result has besides entities and times."""
    if view.features is not None:
        return list(view.features)
    other = {*view.entities, source.event_time, view.known_at or source.known_at, BATCH}
    return [column for column in columns if column not in other and not column.startswith("__")]


def definition(view: View, recipe: Recipe, on_spine: bool) -> str:
    """The hash that makes a version of a view: what it is computed from and how; comments and layout do not count."""
    said: dict[str, object] = {
        "kind": type(view).__name__,
        "source": view.source,
        "entities": view.entities,
        "features": view.features,
        "max_age": view.max_age_ms,
        "known_at": view.known_at,
    }
    text = recipe.source()
    if isinstance(view, FrameView):
        said["code"] = closure_text(text, [view.function.__name__], recipe.code_dir)
    elif isinstance(view, SqlView):
        said["sql"] = " ".join(view.sql.split())
    elif isinstance(view, WindowView):
        said["window"] = view.window_ms
        said["aggregates"] = dict(view.aggregates)
        if on_spine and recipe.prepare is not None:
            said["prepare"] = closure_text(text, ["prepare"], recipe.code_dir)
    return sha256_bytes(canonical(said))


def describe(
    view: View, recipe: Recipe, source: SourceConfig, model: ModelConfig | None, types: dict[str, str]
) -> FeatureView:
    """The record of a view. `types` are logical types of its features, as far as they are known."""
    names = list(view.features or types)
    if isinstance(view, WindowView):
        types = {name: _WINDOW_TYPES.get(kind, "float") for name, (_, kind) in view.aggregates.items()}
        late = bool(late_columns(source, model) & {column for column, _ in view.aggregates.values()})
    else:
        late = _tells_late(names, source, model)
    if view.known_at or (source.known_at and not late):
        knowledge = "column"
    else:
        knowledge = "delay" if source.knowledge_delay or (late and source.label_delay) else "assumed"
    return FeatureView(
        name=view.name,
        source=view.source,
        entities=list(view.entities),
        features=[Column(name=name, type=types.get(name, "unknown")) for name in names],
        definition=definition(view, recipe, model is not None and model.spine == view.source),
        max_age_ms=view.max_age_ms,
        knowledge=knowledge,
        description=view.description,
    )
