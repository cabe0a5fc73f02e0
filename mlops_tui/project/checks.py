"""What the tables of mlops.toml must have between them: references, tasks, metrics, predicates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from mlops_store.errors import did_you_mean
from mlops_tui.project.predicate import parse
from mlops_tui.project.schema import Expectation, ModelConfig, ProjectConfig, SourceConfig
from mlops_tui.project.values import FAMILIES, METRICS, check_problem

Finding = tuple[tuple[str, ...], str, str]
"""(path of the key, what is wrong, fix)."""


def cross_check(
    config: ProjectConfig,
    directory: Path,
    broken: Collection[tuple[str, ...]] = (),
    sources: Collection[str] | None = (),
) -> Iterator[Finding]:
    """All that is wrong in a file whose tables are well-formed.

    `broken` are tables that are not, (kind, name): they lack what could not be read, so nothing is said of what they lack,
    nor of what hangs on it. `sources` are names that the file has beside those in `config`; None = it cannot be told.
    """
    known = None if sources is None else [*dict.fromkeys([*config.source, *sources])]
    for name, source in config.source.items():
        if ("source", name) not in broken:
            yield from _source(("source", name), source)
    for name, model in config.model.items():
        path = ("model", name)
        yield from _spine(path, model, known)
        if path in broken:
            yield from _command(path, model) if model.command else _parts(path, model)
            yield from _recipe_file(path, model, directory)
            continue
        whole = ("source", model.spine) not in broken
        if model.command:
            yield from _command(path, model)
        else:
            yield from _needed(path, model, config.source.get(model.spine) if whole else None)
            if model.python:
                yield (
                    (*path, "python"),
                    "python is for models with a command: a recipe is trained by the interpreter of whoever starts the run",
                    "take the key out, and run the mlops-tui of that environment",
                )
            yield from _parts(path, model)
            if model.features and not model.recipe:
                yield (
                    (*path, "features"),
                    "features need a recipe that defines their views",
                    'add recipe = "recipe.py"',
                )
        yield from _recipe_file(path, model, directory)


def _source(path: tuple[str, ...], source: SourceConfig) -> Iterator[Finding]:
    if Path(source.path).is_absolute() is False and ".." in Path(source.path).parts:
        yield (
            (*path, "path"),
            f"{source.path!r} leads out of the project",
            "use a folder below mlops.toml, or an absolute path",
        )
    if source.known_at and source.knowledge_delay:
        yield (*path, "known_at"), "known_at and knowledge_delay are both given", "keep one of them"
    for key in ("known_at", "knowledge_delay", "label_delay"):
        if getattr(source, key) and not source.event_time:
            yield (
                (*path, key),
                f"{key} needs event_time",
                "name the column with the time at which a row happened",
            )
    if len(set(source.key)) != len(source.key):
        yield (*path, "key"), "a column is named twice", "name each key column once"
    for column, expectation in source.expect.items():
        yield from _expectation((*path, "expect", column), expectation)


def _expectation(path: tuple[str, ...], expectation: Expectation) -> Iterator[Finding]:
    if expectation.in_ is not None and not expectation.in_:
        yield (*path, "in"), "no value is allowed", "list the allowed values"
    if expectation.regex:
        try:
            re.compile(expectation.regex)
        except re.error as error:
            yield (*path, "regex"), f"not a regular expression: {error}", "see the syntax of Python's re"
    low, high = expectation.min, expectation.max
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        yield (*path, "min"), f"min {low} is above max {high}", "turn them round"


def _spine(path: tuple[str, ...], model: ModelConfig, known: list[str] | None) -> Iterator[Finding]:
    if model.spine and not model.command and known is not None and model.spine not in known:
        yield (*path, "spine"), f"there is no source {model.spine!r}", did_you_mean(model.spine, known)


def _needed(path: tuple[str, ...], model: ModelConfig, spine: SourceConfig | None) -> Iterator[Finding]:
    for key in ("spine", "target", "task"):
        if not getattr(model, key):
            fix = {"spine": "name the source whose rows are predicted", "target": "name the column to predict",
                   "task": "classification, multiclass or regression"}[key]  # fmt: skip
            yield (*path, key), "is required", fix
    if spine is None:
        return
    if model.split.by == "time" and not spine.event_time:
        yield (
            (*path, "split", "by"),
            f"source {model.spine!r} has no event_time",
            'add event_time to it, or use by = "key_hash"',
        )
    if not spine.event_time and not spine.key and not model.split.key:
        yield (
            (*path, "spine"),
            f"source {model.spine!r} has neither event_time nor key",
            "rows cannot be split without one: add one to the source",
        )
    if model.gate.cluster == "day" and not spine.event_time:
        yield (
            (*path, "gate", "cluster"),
            f'"day" needs event_time in source {model.spine!r}',
            "name a column instead",
        )
    if spine.event_time == "" and any(window != "all" for window in model.window):
        yield (*path, "window"), f"source {model.spine!r} has no event_time", 'use window = "all"'
    if model.columns is not None and model.target in model.columns:
        yield (*path, "columns"), f"the target {model.target!r} is among the feature columns", "take it out"
    for column in model.columns or []:
        if column in spine.late_columns:
            yield (
                (*path, "columns"),
                f"{column!r} is in late_columns of {model.spine!r}: it is not known at prediction time",
                "take it out",
            )


def _parts(path: tuple[str, ...], model: ModelConfig) -> Iterator[Finding]:
    # without either it may be the model of a command that could not be read, whose metrics are its own
    if model.task or model.spine:
        yield from _metrics(path, model)
    for family in model.search.families:
        if family not in FAMILIES:
            yield (
                (*path, "search", "families"),
                f"there is no family {family!r}",
                did_you_mean(family, list(FAMILIES)),
            )
        elif model.task and model.task not in FAMILIES[family]:
            able = [name for name, tasks in FAMILIES.items() if model.task in tasks]
            yield (
                (*path, "search", "families"),
                f"{family} cannot do {model.task}",
                f"there are: {', '.join(able)}",
            )
    for text in model.slices:
        try:
            parse(text)
        except ValueError as error:
            yield (*path, "slices"), str(error), ""


def _metrics(path: tuple[str, ...], model: ModelConfig) -> Iterator[Finding]:
    """Of a task that is not known, what is right for none."""
    tasks = [model.task] if model.task else list(METRICS)
    known = {name for task in tasks for name in METRICS[task]}
    if model.metric and model.metric not in known:
        yield (
            (*path, "metric"),
            f"{model.metric!r} is no metric of {model.task or 'any task'}",
            did_you_mean(model.metric, known),
        )
    made = {f"{model.metric} {op} {base}" for op in "<>" for base in ("champion", "naive")}
    for text in model.gate.checks:
        problem = check_problem(text, model.task)
        # made of a wrong metric, it says nothing new
        if problem and (text not in made or model.metric in known):
            yield (*path, "gate", "checks"), problem, ""


def _command(path: tuple[str, ...], model: ModelConfig) -> Iterator[Finding]:
    if model.recipe:
        yield (*path, "command"), "command and recipe are both given", "keep one of them"
    if model.features:
        yield (*path, "features"), "a command makes its own features", "take the key out"


def _recipe_file(path: tuple[str, ...], model: ModelConfig, directory: Path) -> Iterator[Finding]:
    if not model.recipe:
        return
    target = Path(model.recipe)
    if target.is_absolute() or ".." in target.parts or target.suffix != ".py":
        yield (
            (*path, "recipe"),
            f"{model.recipe!r} is not a Python file of the project",
            'write recipe = "recipe.py"',
        )
    elif not (directory / target).is_file():
        yield (
            (*path, "recipe"),
            f"there is no file {model.recipe}",
            "write it, or take the key out: a recipe is optional",
        )
