"""What a project's code declares: its feature views, with the definition hash that makes their versions."""

from __future__ import annotations

from typing import Any

import polars as pl

from mlops_store.errors import Problem
from mlops_store.records import FeatureView, InspectOutcome, Outcome
from mlops_tui.project.schema import ModelConfig
from mlops_tui.recipes import View, WindowView
from mlops_tui.worker.assemble import model_views
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.recipe_loader import Recipe, load_recipe
from mlops_tui.worker.sources import BATCH, scan
from mlops_tui.worker.table_schema import logical_type
from mlops_tui.worker.views import computed, describe, feature_names


def run(worker: WorkerContext) -> None:
    """Writes an InspectOutcome. What is wrong with a recipe or a view is one of its problems, and does not fail the run:
    {model, view, code, message, hint}."""
    outcome = InspectOutcome()
    found: dict[str, FeatureView] = {}
    for model in worker.config.models.values():
        if not model.recipe:
            continue
        try:
            recipe = load_recipe(worker.code_dir, model.recipe)
            model_views(model, recipe)
        except Problem as problem:
            _note(worker, outcome, model.name, "", problem)
            continue
        for view in recipe.views.values():
            _look(worker, outcome, found, model, recipe, view)
    outcome.views = [found[name] for name in sorted(found)]
    worker.log(f"{len(outcome.views)} feature views, {len(outcome.problems)} problems")
    worker.write_outcome(Outcome(kind="inspect", inspect=outcome))


def _look(
    worker: WorkerContext,
    outcome: InspectOutcome,
    found: dict[str, FeatureView],
    model: ModelConfig,
    recipe: Recipe,
    view: View,
) -> None:
    try:
        source = worker.config.source_named(view.source)
        record = describe(view, recipe, source, model, _types(worker, view, recipe))
    except Problem as problem:
        _note(worker, outcome, model.name, view.name, problem)
        return
    known = found.setdefault(view.name, record)
    if known.definition != record.definition:
        text = f"view {view.name!r} is defined in two ways (the other model's recipe, or its spine, differs)"
        _note(
            worker,
            outcome,
            model.name,
            view.name,
            Problem("two_definitions", text, "give one of them another name"),
        )


def _types(worker: WorkerContext, view: View, recipe: Recipe) -> dict[str, str]:
    """Logical types of a view's features by the schema of the data that is there; empty where there is none yet."""
    if isinstance(view, WindowView) or view.source not in worker.launch.sources:
        return {}
    rows = scan(worker.source_files(view.source)).drop(BATCH, strict=False)
    schema: pl.Schema = computed(view, rows, recipe).collect_schema()
    names = feature_names(view, schema.names(), worker.config.source_named(view.source))
    return {name: logical_type(schema[name]) or "unknown" for name in names if name in schema}


def _note(worker: WorkerContext, outcome: InspectOutcome, model: str, view: str, problem: Problem) -> None:
    said: dict[str, Any] = {
        "model": model,
        "view": view,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }
    outcome.problems.append(said)
    worker.log(f"model {model}: {problem.message}")
