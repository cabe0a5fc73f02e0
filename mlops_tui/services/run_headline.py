"""The one metric that says how a run did: what it is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_store.filters import Field
from mlops_store.index import runs as queries
from mlops_store.index.directions import default_direction
from mlops_store.index.kept_rows import KeptRows
from mlops_store.index.tx import Read, Tx
from mlops_tui.verbs._shapes import Headline

HEADLINE = "headline"
"""What `--fields` calls it; no field of the filter language, since it is another metric from run to run."""

Judges = Mapping[tuple[str, str], str]
"""(project, model) → the metric that its runs are judged by."""
Shape = dict[str, Any]


def with_headlines(
    db: Read | Tx, ids: Sequence[str], only: Sequence[Field] | None, judged_by: Judges, kept: KeptRows | None
) -> list[Shape]:
    """The runs in the shape of `queries.shapes`, with their headline; `only`: of other metrics only those that were asked for."""
    if only is None:
        shapes = queries.shapes(db, ids, None, kept)
        for shape in shapes:
            shape["headline"] = _headline(shape, shape["metrics"], judged_by)
        return shapes
    judging = [Field("metric", metric) for metric in sorted(set(judged_by.values())) if metric]
    shapes = queries.shapes(db, ids, [*only, *judging], kept)
    unjudged = [shape["run_id"] for shape in shapes if judge_of(shape, judged_by) not in shape["metrics"]]
    whole = {shape["run_id"]: shape["metrics"] for shape in queries.shapes(db, unjudged, None, kept)}
    named = {field.name for field in only if field.group == "metric"}
    for shape in shapes:
        shape["headline"] = _headline(shape, whole.get(shape["run_id"], shape["metrics"]), judged_by)
        shape["metrics"] = {key: found for key, found in shape["metrics"].items() if key in named}
    return shapes


def judge_of(shape: Shape, judged_by: Judges) -> str:
    """The metric that a run is judged by; empty where nothing judges it."""
    return judged_by.get((shape["project"], shape["model"])) or ""


def _headline(shape: Shape, metrics: Mapping[str, Any], judged_by: Judges) -> Headline | None:
    judge = judge_of(shape, judged_by)
    name = judge if judge in metrics else next((key for key in metrics if "/" not in key), "")
    if not name:
        return None
    found = metrics[name]
    best, low, high = found["best"], found["min"], found["max"]
    direction = default_direction(name) if low == high else "min" if best == low else "max"
    return Headline(metric=name, value=best, direction=direction)
