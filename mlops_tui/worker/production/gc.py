"""Collecting what nobody needs any more: `home gc`. What may not be touched was written beside the run by whoever asked for it."""

from __future__ import annotations

from mlops_store.atomic import read_json
from mlops_store.gc_find import KEEP_FILE, Keep
from mlops_store.gc_sweep import sweep
from mlops_store.records import Outcome
from mlops_tui.worker.context import WorkerContext


def run(worker: WorkerContext) -> None:
    """Writes a GcOutcome. Things that cannot be taken away are named in it, and do not fail the run."""
    keep = read_json(worker.folder.path / KEEP_FILE, Keep)
    if keep.because:
        worker.log(f"left alone: {keep.because}")
    outcome = sweep(worker.home, keep, worker.spec.run_id, worker.log)
    for kind, count in outcome.swept.items():
        worker.log(f"{kind}: {count['items']:,} of {count['bytes'] / 1e6:,.1f} MB")
    for problem in outcome.problems[:20]:
        worker.log(f"cannot be taken away: {problem}")
    worker.log(f"{outcome.freed / 1e6:,.1f} MB are free, {outcome.trashed / 1e6:,.1f} MB wait in the trash")
    worker.write_outcome(Outcome(kind="gc", gc=outcome))
