"""The answer to a submission: the run as it was asked for, before anything of it has been read back from its folder."""

from __future__ import annotations

from mlops_store.records import RunSpec
from mlops_tui.verbs._shapes import Run


def queued(spec: RunSpec) -> Run:
    """A run that was submitted just now."""
    return Run(
        run_id=spec.run_id, kind=spec.kind, name=spec.name, project=spec.project, experiment=spec.experiment, state="QUEUED",
        params=spec.params, tags=spec.tags, created=spec.created, model=spec.model, proposal_id=spec.proposal_id,
        settled=False,
    )  # fmt: skip
