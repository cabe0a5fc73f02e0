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

HEADLINE = Field("column", "headline")
"""What `--fields` calls it; no field of the filter language, since it is another metric from run to run."""

Judges = Mapping[tuple[str, str], str]
"""(project, model) → the metric that its runs are judged by."""
Shape = dict[str, Any]


def with_headlines(
    db: Read | Tx, ids: Sequence[str], only: Sequence[Field], judged_by: Judges, kept: KeptRows | None
) -> list[Shape]:
    """The runs in the shape of `queries.shapes`, with their headline; of other metrics only those that were asked for."""
    asked = [field for field in only if field != HEADLINE]
    judging = [Field("metric", metric) for metric in sorted(set(judged_by.values())) if metric]
    shapes = queries.shapes(db, ids, [*asked, *judging], kept)
    unjudged = [shape["run_id"] for shape in shapes if _metric(shape, judged_by) not in shape["metrics"]]
    whole = {shape["run_id"]: shape["metrics"] for shape in queries.shapes(db, unjudged, None, kept)}
    named = {field.name for field in asked if field.group == "metric"}
    for shape in shapes:
        metrics = whole.get(shape["run_id"], shape["metrics"])
        judge = _metric(shape, judged_by)
        name = judge if judge in metrics else next((key for key in metrics if "/" not in key), "")
        shape["headline"] = _headline(name, metrics[name]) if name else None
        shape["metrics"] = {key: found for key, found in shape["metrics"].items() if key in named}
    return shapes


def _metric(shape: Shape, judged_by: Judges) -> str:
    return judged_by.get((shape["project"], shape["model"])) or ""


def _headline(name: str, found: Mapping[str, Any]) -> Headline:
    best, low, high = found["best"], found["min"], found["max"]
    direction = default_direction(name) if low == high else "min" if best == low else "max"
    return Headline(metric=name, value=best, direction=direction)
