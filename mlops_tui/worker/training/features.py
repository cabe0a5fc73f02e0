"""Features: the model's views joined to its rows, each value as of the row's own time.

Writes `train.parquet` and `eval.parquet`, same columns: all prepared columns, `view__feature` and `view__status` (text) of each
view, and `__row` (Int64), `__event_time` (Int64 ms, NULL without event time), `__target`, `__cluster` (text), `__key` (text),
`__batch` (sha256 of its file). Rows are in the order of (event time, arrival). Also `features.json`.

Facts: `feature_columns` (ordered), `feature_service` (["view:feature"] of the views), `views` (FeatureView records), `statuses`
({view: {status: rows}}), `knowledge` ({view: column | delay | assumed}).
"""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.records import FeatureView
from mlops_tui.worker.assemble import ROW, assemble, feature_columns, model_sources, model_views
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.leakage import proxies
from mlops_tui.worker.sources import BATCH, TIME
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.table_schema import logical_type
from mlops_tui.worker.training.prepare import TARGET
from mlops_tui.worker.training.selection import EVAL, HISTORY, ROLE, TRAIN
from mlops_tui.worker.views import describe

INPUTS = ("prepare",)
USES_RECIPE = True
KEY, EVENT_TIME, BATCH_SHA = "__key", "__event_time", "__batch"


def inputs(worker: WorkerContext) -> dict[str, Any]:
    model = worker.model
    found: dict[str, Any] = {
        "features": model.features,
        "columns": model.columns,
        "task": model.task,
        "trusted_columns": model.trusted_columns,
    }
    for name in model_sources(model, worker.recipe):
        found[f"data {name}"] = worker.manifest(name).snapshot
        found[f"source {name}"] = worker.config.source_named(name).model_dump(
            mode="json", by_alias=True, exclude={"expect", "path", "description"}
        )
    return found


def run(ctx: StageContext) -> None:
    """Raises Problem where a view is unfit, or a feature gives the target away."""
    worker, model = ctx.worker, ctx.model
    rows = pl.read_parquet(ctx.path("prepare", "rows.parquet"), glob=False)
    names = [name for name in model_sources(model, worker.recipe) if name != model.spine]
    sources = {name: worker.source_files(name) for name in names}
    sources[model.spine] = worker.source_files(model.spine)
    wanted = rows.filter(pl.col(ROLE) != HISTORY).sort(TIME, ROW)
    frame, statuses = assemble(wanted, ctx.config, worker.recipe, sources, model, history=rows)
    columns = feature_columns(frame, ctx.config, worker.recipe, model)
    if not columns:
        raise Problem(
            "no_features",
            f"model {model.name!r} has no feature columns",
            "name some in `columns` or `features`",
            2,
        )
    _check_proxies(ctx, frame, columns)
    done = _with_meta(ctx, frame)
    for role in (TRAIN, EVAL):
        done.filter(pl.col(ROLE) == role).drop(ROLE).write_parquet(ctx.out / f"{role}.parquet")
    _record(ctx, frame, columns, statuses)


def _with_meta(ctx: StageContext, frame: pl.DataFrame) -> pl.DataFrame:
    source = ctx.worker.spine
    shas = pl.Series([batch.sha256 for batch in ctx.worker.batches(source.name)], dtype=pl.String)
    columns = list(source.key or ctx.model.split.key)
    text = (
        pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in columns], separator="\x1f")
        if columns
        else pl.col(ROW).cast(pl.String)
    )
    event = pl.col(TIME).dt.timestamp("ms") if source.event_time else pl.lit(None, dtype=pl.Int64)
    status = [name for name in frame.columns if name.endswith("__status")]
    return frame.with_columns(
        event.alias(EVENT_TIME),
        text.alias(KEY),
        shas.gather(frame[BATCH]).alias(BATCH_SHA),
        *(pl.col(name).cast(pl.String) for name in status),
    ).drop(TIME, BATCH)


def _check_proxies(ctx: StageContext, frame: pl.DataFrame, columns: list[str]) -> None:
    """Refuses features that tell the target outright."""
    train = frame.filter(pl.col(ROLE) == TRAIN)
    trusted = set(ctx.model.trusted_columns)
    found = proxies(train, [name for name in columns if name not in trusted], TARGET, ctx.model.task)
    if found:
        said = "; ".join(f"{name!r}: {why}" for name, why in found)
        problem = Problem("target_leak", f"features that give the target away: {said}",
                          "take them out of `columns`, list them in late_columns of the source, or, where they are truly known before, in trusted_columns of the model")  # fmt: skip
        shown = train.select(*ctx.worker.spine.key, *(name for name, _ in found), TARGET).head(1000)
        raise ctx.worker.refuse(shown, "leakage/target-proxies.parquet", problem)


def _record(
    ctx: StageContext, frame: pl.DataFrame, columns: list[str], statuses: dict[str, dict[str, int]]
) -> None:
    views: list[FeatureView] = []
    service: list[str] = []
    for view, _ in model_views(ctx.model, ctx.worker.recipe):
        prefix = f"{view.name}__"
        named = [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]
        types = {name: logical_type(frame.schema[prefix + name]) or "unknown" for name in named}
        source = ctx.config.source_named(view.source)
        views.append(describe(view, ctx.worker.recipe, source, ctx.model, types))
        service += [f"{view.name}:{name}" for name in named]
    found = {
        "feature_columns": columns,
        "feature_service": service,
        "views": [msgspec.to_builtins(view) for view in views],
        "statuses": statuses,
        "knowledge": {record.name: record.knowledge for record in views},
    }
    ctx.facts.update(found)
    write_json(ctx.out / "features.json", found)
    ctx.artifact("features.json")
    for record in views:
        counts = ", ".join(f"{status} {count}" for status, count in statuses[record.name].items())
        ctx.log(f"view {record.name}: {counts} (knowledge time: {record.knowledge})")
    ctx.log(f"{len(columns)} feature columns")
