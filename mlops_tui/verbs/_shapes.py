"""Shapes that the answers of several nouns share. Times are UTC milliseconds."""

from __future__ import annotations

from typing import Annotated, Any

from mlops_store.records import ProposalState, RunKind, RunState, Verdict
from mlops_tui.verbs._declare import Input, Output, ProjectInput, fill

Number = float | None
"""A metric's value; null stands for NaN and infinities, which JSON has no word for."""


class ClientContext(Input, kw_only=True):
    """Where a submission comes from: a run gets this environment, never the daemon's."""

    cwd: str = ""
    python: str = ""
    env: dict[str, str] = {}
    umask: int = 0o022
    argv: list[str] = []


class SubmitInput(ProjectInput, kw_only=True):
    """Base of the inputs that submit a run."""

    client: Annotated[ClientContext | None, fill("client", "environment of whoever asks")] = None


class MetricSummary(Output, kw_only=True):
    """A metric of a run; `count` counts all points, NaN and infinities too, which are left out of min and max."""

    last: Number = None
    best: Number = None
    min: Number = None
    max: Number = None
    count: int = 0


class Headline(Output, kw_only=True):
    """The metric that a run is judged by, its own first one where nothing judges it; `value` is the best by the `direction` (max or min)."""

    metric: str
    value: Number = None
    direction: str = "max"


class RunError(Output, kw_only=True):
    """What a failed run says of itself."""

    code: str
    message: str
    hint: str = ""
    stage: str = ""


class Run(Output, kw_only=True):
    """One execution. `attempts` counts them; `reason` says why where the state alone does not.

    `settled` is false while the outcome of an ended run is not yet in the ledger (registered, judged, admitted):
    whoever waits for a run waits for that too. `headline` says how the run did; null where it has logged nothing that could.
    `model_version` is the one that it made, or predicts with. `error` is what a failed run says of itself, in short in lists. `actor` is who
    asked for it; lists have it only where `fields` names it.
    """

    run_id: str
    kind: RunKind
    name: str
    project: str
    experiment: str
    state: RunState
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    metrics: dict[str, MetricSummary] = {}
    created: int
    started: int | None = None
    ended: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    attempts: int = 0
    model: str | None = None
    model_version: int | None = None
    metric: str = ""
    verdict: Verdict | None = None
    proposal_id: str | None = None
    reason: str = ""
    settled: bool = True
    archived: bool = False
    note: str = ""
    headline: Headline | None = None
    error: RunError | None = None
    actor: str = ""


class Attempt(Output, kw_only=True):
    """One attempt of a run."""

    attempt: int
    state: RunState
    started: int | None = None
    ended: int | None = None
    duration_ms: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    reason: str = ""


class Stage(Output, kw_only=True):
    """One stage of a run: state is started, finished, cached, failed, or stopped where the run ended in it; `key` is the identity of its result."""

    name: str
    state: str
    started: int | None = None
    duration_ms: int | None = None
    key: str = ""
    info: dict[str, Any] = {}


class Artifact(Output, kw_only=True):
    """A file that a run produced."""

    path: str
    size: int
    sha256: str


class RunDetail(Run, kw_only=True):
    """A run with its evidence. `same_as` is the version that a training turned out to be, which is then its `model_version`:
    nothing new was trained. `repeats` is the run whose look at the evaluation rows it took verdict and alpha from; where it is
    null, it was a look. `result` is the worker's outcome for this kind of run (ingest, score, drift, …); `dropped` are lines of
    its journals that a full disk did not take."""

    attempt_list: list[Attempt] = []
    stages: list[Stage] = []
    artifacts: list[Artifact] = []
    gate: dict[str, Any] | None = None
    same_as: int | None = None
    repeats: str | None = None
    result: dict[str, Any] | None = None
    pins: dict[str, int] = {}
    after: list[str] = []
    command: list[str] = []
    cwd: str = ""
    python: str = ""
    recipe_hash: str = ""
    environment: dict[str, Any] = {}
    folder: str = ""
    dropped: int = 0


class ModelVersion(Output, kw_only=True):
    """A registered version; `metrics` holds {value, low, high} for each metric."""

    version: int
    run_id: str
    metrics: dict[str, Any] = {}
    verdict: Verdict | None = None
    created: int
    aliases: list[str] = []


class Model(Output, kw_only=True):
    """A registered model; `metric` is what the gate judges by."""

    name: str
    project: str
    aliases: dict[str, int] = {}
    versions: list[ModelVersion] = []
    metric: str = ""
    direction: str = "max"


class Proposal(Output, kw_only=True):
    """The card of a model: why a retraining is proposed, on what evidence, and what came of it. `waiting` is what fired while its
    training is under way: a card opens for it afterwards. `nothing_new`: `version` was there before, and the training came to the same."""

    id: str
    project: str
    model: str
    state: ProposalState
    revision: int = 1
    reasons: list[str] = []
    evidence: dict[str, Any] = {}
    created: int
    updated: int | None = None
    until: int | None = None
    decided_by: str = ""
    why: str = ""
    run_id: str | None = None
    verdict: Verdict | None = None
    version: int | None = None
    nothing_new: bool = False
    pins: dict[str, int] = {}
    expires: int | None = None
    waiting: list[str] = []


class DataVersion(Output, kw_only=True):
    """A data version of a source; `files` counts its batches."""

    project: str
    source: str
    version: int
    snapshot: str
    rows: int
    files: int
    min_event_time: int | None = None
    max_event_time: int | None = None
    created: int
    schema_version: int = 1
    quarantined: int = 0
