"""Feature values as of given moments: `feature get`.

request: {features: ["view" | "view:feature"] (default: all of the model), keys: [{column: value}], time: ISO text or ms (default: the
launch), input: path of a CSV or Parquet file with key columns, time_column: its time column (default: the spine's event time),
output: path to write to (CSV or Parquet; default: only the artifact; paths are relative to the run's cwd), model: whose recipe (default: the first that has the views)}.

Leaves the artifact `features.parquet` (the rows given, `time`, `view__feature`, `view__status`); the outcome has the first 1000 rows.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mlops_store.errors import Problem
from mlops_store.records import FeaturesOutcome, Outcome
from mlops_tui.project.schema import ModelConfig
from mlops_tui.worker.assemble import assemble, model_sources, model_views
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.recipe_loader import Recipe, load_recipe
from mlops_tui.worker.sources import TIME, UTC_US, scan, utc

_SHOWN = 1000


def run(worker: WorkerContext) -> None:
    """Raises Problem where a view, key or time is unknown or unfit."""
    request = worker.request
    model, recipe = _model(worker, [str(name) for name in request.get("features") or []])
    views = model_views(model, recipe)
    sources = {
        name: worker.source_files(name)
        for name in model_sources(model, recipe)
        if name in worker.launch.sources
    }
    given = _given(worker, request, model)
    keys = list(dict.fromkeys(key for view, _ in views for key in view.entities))
    given = _typed(given, keys, {key: view.source for view, _ in views for key in view.entities}, sources)
    frame, statuses = assemble(given, worker.config, recipe, sources, model)
    status = [name for name in frame.columns if name.endswith("__status")]
    done = frame.with_columns(pl.col(name).cast(pl.String) for name in status).rename({TIME: "time"})
    worker.write_outcome(
        Outcome(kind="features", features=_write(worker, done, statuses, request.get("output")))
    )


def _model(worker: WorkerContext, wanted: list[str]) -> tuple[ModelConfig, Recipe]:
    """The model whose recipe defines the wanted views, with `features` set to them."""
    name = worker.request.get("model") or worker.spec.model
    models = (
        [worker.config.model_named(name)] if name else [m for m in worker.config.models.values() if m.recipe]
    )
    for model in models:
        recipe = load_recipe(worker.code_dir, model.recipe)
        features = wanted or model.features or list(recipe.views)
        if {text.partition(":")[0] for text in features} <= set(recipe.views):
            return model.model_copy(update={"features": features}), recipe
    raise Problem(
        "no_view",
        f"no model's recipe defines {', '.join(wanted) or 'feature views'}",
        "`mlops-tui feature list` shows them",
        2,
    )


def _given(worker: WorkerContext, request: dict[str, Any], model: ModelConfig) -> pl.DataFrame:
    """The rows asked about, with `__time`."""
    if request.get("input"):
        frame = _read(Path(worker.spec.cwd or ".") / str(request["input"]))
        column = str(request.get("time_column") or worker.config.source_named(model.spine).event_time)
        if column not in frame.columns:
            raise Problem(
                "missing_column",
                f"the input has no time column {column!r}",
                f"it has {', '.join(frame.columns)}",
                2,
            )
        return frame.with_columns(utc(column, frame.schema[column], "the input").alias(TIME))
    rows = request.get("keys") or []
    if not rows:
        raise Problem("no_rows", "no keys are given", "give keys such as origin=JFK, or an input file", 2)
    moment = _moment(request.get("time"), worker.launch.launched)
    return pl.DataFrame(rows).with_columns(pl.lit(moment).cast(UTC_US).alias(TIME))


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, try_parse_dates=True, infer_schema_length=None, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Problem(
            "bad_input",
            f"{path} cannot be read: {str(error).splitlines()[0]}",
            "give a CSV or Parquet file",
            2,
        ) from error


def _moment(given: Any, now: int) -> datetime:
    try:
        if given is None or given == "":
            return datetime.fromtimestamp(now / 1000, UTC)
        if isinstance(given, int | float) or str(given).isdigit():
            return datetime.fromtimestamp(int(given) / 1000, UTC)
        moment = datetime.fromisoformat(str(given))
    except (ValueError, OverflowError, OSError):
        raise Problem(
            "bad_time",
            f"{given!r} is not a time",
            "write it as 2013-05-01T12:00:00 (UTC unless it says otherwise)",
            2,
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _typed(
    given: pl.DataFrame, keys: list[str], of: dict[str, str], sources: dict[str, list[Path]]
) -> pl.DataFrame:
    """Key columns in the type that their source has: a shell knows only text."""
    casts = []
    for key in keys:
        if key not in given.columns:
            raise Problem(
                "missing_key", f"no value for the key {key!r} is given", f"give {', '.join(keys)}", 2
            )
        there = scan(sources.get(of[key], [])).collect_schema()
        if key in there and there[key] != given.schema[key]:
            casts.append(pl.col(key).cast(there[key]))
    try:
        return given.with_columns(casts)
    except pl.exceptions.PolarsError as error:
        raise Problem(
            "bad_key", f"a key has a value of another type: {str(error).splitlines()[0]}", "", 2
        ) from error


def _write(
    worker: WorkerContext, frame: pl.DataFrame, statuses: dict[str, dict[str, int]], output: Any
) -> FeaturesOutcome:
    made = worker.artifacts / "features.parquet"
    frame.write_parquet(made)
    worker.add_artifact(made, "features.parquet")
    shown = frame.head(_SHOWN).with_columns(
        pl.col(pl.Datetime).dt.to_string("iso:strict"), pl.col(pl.Date).dt.to_string()
    )
    found = FeaturesOutcome(
        rows=shown.to_dicts(), count=frame.height, statuses=statuses, output=str(output or "")
    )
    if output:
        target = Path(worker.spec.cwd or ".") / str(output)
        partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            if target.suffix.lower() in (".parquet", ".pq"):
                frame.write_parquet(partial)
            else:
                frame.write_csv(partial)
            os.replace(partial, target)
        except OSError as error:
            raise Problem(
                "output_not_writable",
                f"{target} cannot be written: {error.strerror or error}",
                "name another file",
                2,
            ) from error
        finally:
            partial.unlink(missing_ok=True)
    worker.log(f"{frame.height} rows" + (f" written to {output}" if output else ""))
    return found
