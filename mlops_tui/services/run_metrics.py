"""The curves of a run's metrics, and the trends of many runs."""

from __future__ import annotations

import msgspec

from mlops_store.errors import Problem
from mlops_store.ids import RUN_ID
from mlops_store.index import curves
from mlops_store.index import runs as queries
from mlops_store.index.tx import Read
from mlops_tui.services import run_rows
from mlops_tui.verbs.run import Curve, RunCurves, RunMetrics, RunTrends, Trend, Trends

_INT64 = 1 << 63


def metrics(read: Read, request: RunMetrics) -> RunCurves:
    """Envelopes of the metrics that are named, else of all. Raises Problem `no_such_metric`, `bad_range`."""
    for edge in (request.start, request.end):
        if edge is not None and not -_INT64 <= edge < _INT64:
            raise Problem("bad_range", f"{edge} is no x of a curve", "steps and times have 64 bits", status=2)
    run_id = run_rows.find_run(read, request.run_id, request.project)
    span = (request.start, request.end)
    found = curves.series(read, run_id, request.keys, request.buckets, request.axis, span)
    lacking = [key for key in request.keys if key not in {curve["key"] for curve in found}]
    if lacking:
        some = ", ".join(queries.metric_names(read, run_id)[:20])
        raise Problem(
            "no_such_metric",
            f"run {run_id} has logged no metric {lacking[0]!r}",
            f"it has {some}" if some else "it has logged none",
        )
    return RunCurves(run_id=run_id, axis=request.axis, metrics=msgspec.convert(found, list[Curve]))


def trends(read: Read, request: RunTrends) -> Trends:
    """The last values of one metric in a few stretches, for each of many runs. Raises Problem `no_such_run`, `ambiguous_run`."""
    ids = [_id(read, text, request.project) for text in request.runs]
    found = curves.trends(read, ids, request.key, request.buckets)
    return Trends(
        key=request.key, runs=[Trend(run_id=run_id, values=found.get(run_id, [])) for run_id in ids]
    )


def _id(read: Read, text: str, project: str | None) -> str:
    """A whole id is taken as it is: a table that asks for a hundred of them has them from us."""
    return text if RUN_ID.match(text) else run_rows.find_run(read, text, project)
