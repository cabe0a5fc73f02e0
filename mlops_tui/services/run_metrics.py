"""The curves of a run's metrics."""

from __future__ import annotations

import msgspec

from mlops_store.errors import Problem
from mlops_store.index import runs as queries
from mlops_store.index.tx import Read
from mlops_tui.services import run_rows
from mlops_tui.verbs.run import Curve, RunCurves, RunMetrics


def metrics(read: Read, request: RunMetrics) -> RunCurves:
    """Envelopes of the metrics that are named, else of all. Raises Problem `no_such_metric`."""
    run_id = run_rows.find_run(read, request.run_id, request.project)
    known = queries.metric_names(read, run_id)
    for key in request.keys:
        if key not in known:
            some = ", ".join(known[:20])
            raise Problem(
                "no_such_metric",
                f"run {run_id} has logged no metric {key!r}",
                f"it has {some}" if some else "it has logged none",
            )
    found = queries.series(read, run_id, request.keys or known, request.buckets, request.axis)
    return RunCurves(run_id=run_id, axis=request.axis, metrics=msgspec.convert(found, list[Curve]))
