"""The training pipeline: from pinned data versions to a judged candidate."""

from __future__ import annotations

from importlib import import_module

from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.stage import Stages

STAGES = ("collect", "validate", "prepare", "features", "search", "train", "evaluate", "gate", "register")


def run(worker: WorkerContext) -> None:
    """All stages in order. The last one, register, writes the outcome.

    A resumed run is the same call: what was finished before is found in the cache, so it goes on at the stage
    that failed. Raises Problem (the data, the recipe or the configuration is at fault) or whatever a stage raised.
    """
    stages = Stages(worker)
    worker.log(f"training {worker.spec.project}/{worker.spec.model}, attempt {worker.attempt}")
    for name in STAGES:
        record = stages.run(import_module(f"mlops_tui.worker.training.{name}"))
        worker.log(f"{name} {record.state} in {record.seconds:.1f} s")
