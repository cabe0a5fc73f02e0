"""Why is this version different: data, features, code, parameters, environment. Equal things are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_store.index.tx import Read
from mlops_tui.services.code_diff import code_rows
from mlops_tui.services.metric_compare import compare_metrics
from mlops_tui.services.pinned import Environment, Pinned, PinnedSnapshot, pinned
from mlops_tui.services.versions import Named
from mlops_tui.verbs.model import ModelCompareRow, ModelComparison

Pairs = dict[str, tuple[Any, Any]]

_TRAINING = ("source", "rows", "window", "min_event_time", "max_event_time")
_ENVIRONMENT = ("python", "version", "platform")


def compare(read: Read, a: Named, b: Named) -> ModelComparison:
    """What went into two versions, and their metrics. Raises Problem where the tree of one is missing or damaged."""
    left, right = pinned(read.home, a.row), pinned(read.home, b.row)
    rows = [
        *_data(left, right),
        *_features(a.row["feature_service"] or [], b.row["feature_service"] or [], left, right),
        *code_rows(read.home, left, right),
        *_params(left, right),
        *_environment(left.environment, right.environment),
    ]
    metrics, note, run_id = compare_metrics(read, a, b)
    task = (right.task or "") if left.task == right.task else ""
    return ModelComparison(
        model=a.model,
        a=a.version,
        b=b.version,
        task=task,
        rows=rows,
        metrics=metrics,
        note=note,
        run_id=run_id,
    )


def differ(section: str, pairs: Pairs) -> list[ModelCompareRow]:
    """The pairs that are not equal."""
    return [ModelCompareRow(section=section, key=key, a=x, b=y) for key, (x, y) in pairs.items() if x != y]


def _both(left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = "") -> Pairs:
    return {f"{prefix}{key}": (left.get(key), right.get(key)) for key in sorted({*left, *right})}


def _data(left: Pinned, right: Pinned) -> list[ModelCompareRow]:
    pairs: Pairs = {}
    nothing = PinnedSnapshot()
    for source in sorted({*left.snapshots, *right.snapshots}):
        x, y = left.snapshots.get(source, nothing), right.snapshots.get(source, nothing)
        pairs[f"{source} version"] = (x.version, y.version)
        pairs[f"{source} snapshot"] = (x.snapshot, y.snapshot)
    first, second = left.training, right.training
    pairs |= {f"training {name}": (getattr(first, name), getattr(second, name)) for name in _TRAINING}
    before, after = set(first.batches), set(second.batches)
    pairs["training batches only here"] = (sorted(before - after), sorted(after - before))
    return differ("data", pairs)


def _features(before: list[str], after: list[str], left: Pinned, right: Pinned) -> list[ModelCompareRow]:
    """One row for each feature that only one has; its order where that is all that differs."""
    everything = [*before, *(name for name in after if name not in before)]
    rows = differ("features", {name: (name in before, name in after) for name in everything})
    if not rows and before != after:
        rows = differ("features", {"order": (before, after)})
    own = [[name for name in side.feature_columns if name not in everything] for side in (left, right)]
    return rows + differ("features", {"columns": (own[0], own[1])})


def _params(left: Pinned, right: Pinned) -> list[ModelCompareRow]:
    pairs: Pairs = {
        name: (getattr(left, name), getattr(right, name)) for name in ("family", "window", "seed")
    }
    return differ("params", {**pairs, **_both(left.params, right.params)})


def _environment(left: Environment, right: Environment) -> list[ModelCompareRow]:
    pairs: Pairs = {name: (getattr(left, name), getattr(right, name)) for name in _ENVIRONMENT}
    return differ("environment", {**pairs, **_both(left.packages, right.packages)})
