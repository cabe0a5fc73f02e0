"""What `status` answers: a project, or the whole home, at a glance."""

from __future__ import annotations

from typing import Annotated, Any

from mlops_store.records import ProposalState, RunKind, RunState, Verdict
from mlops_tui.verbs._declare import Output, ProjectInput, opt
from mlops_tui.verbs.daemon import DaemonStatus


class Status(ProjectInput, kw_only=True):
    everything: Annotated[bool, opt("all projects of the home, also in a project's folder", "--all")] = False


class StatusProject(Output, kw_only=True):
    """A project; `problems` names what is wrong with its mlops.toml now."""

    name: str
    dir: str
    added: int
    problems: list[str] = []


class _NamedRun(Output, kw_only=True):
    """Which run, and how it is."""

    run_id: str
    name: str
    kind: RunKind
    project: str
    model: str | None = None
    state: RunState


class LiveRun(_NamedRun, kw_only=True):
    """A run that has not ended. `stage` is what it is at; `progress` the share (0 to 1) of the pipeline's stages that are
    over, null for a program of one's own. Of one that waits: what it `waits` for, and its `position` in the queue. `expected_start` and
    `expected_end` are by earlier runs like it; null where nothing is known."""

    stage: str = ""
    progress: float | None = None
    waits: str = ""
    position: int | None = None
    expected_start: int | None = None
    expected_end: int | None = None
    created: int
    started: int | None = None
    proposal_id: str | None = None


class FailedRun(_NamedRun, kw_only=True):
    """A run of the last day that failed, where nothing like it has ended well since. `reason` is empty where its log alone tells."""

    ended: int
    reason: str = ""


class TrainedOn(Output, kw_only=True):
    """A source of the champion: the data version it was `trained` on, and the `newest` one."""

    source: str
    trained: int
    newest: int


class DriftState(Output, kw_only=True):
    """The newest look at new data beside this champion. `features` are those that alarmed; `cannot_tell` ("48 of 100 rows") says that
    there were too few rows for any alarm."""

    run_id: str
    version: int
    time: int
    rows: int
    alarm: bool
    major: bool
    features: list[str] = []
    cannot_tell: str = ""


class CardState(Output, kw_only=True):
    """The card of a model that is not over; `headline` is its first reason."""

    id: str
    project: str
    model: str
    state: ProposalState
    revision: int
    headline: str = ""
    reasons: list[str] = []
    created: int
    updated: int | None = None
    until: int | None = None
    expires: int | None = None
    run_id: str | None = None


class ModelHealth(Output, kw_only=True):
    """A registered model. `value` {value, low, high} is the champion's metric on its own evaluation rows. `new_rows` counts
    mature labelled rows since the last decision, as of the last look; null where nobody has looked. `performance` {value, low, high, rows, …}
    is the champion's on the newest judged rows, `decay` {value, low, high, against, …} its change since the promotion."""

    project: str
    name: str
    metric: str = ""
    direction: str = "max"
    versions: int = 0
    newest: int | None = None
    champion: int | None = None
    value: dict[str, Any] | None = None
    verdict: Verdict | None = None
    trained: int | None = None
    promoted: int | None = None
    data: list[TrainedOn] = []
    new_rows: int | None = None
    drift: DriftState | None = None
    performance: dict[str, Any] | None = None
    decay: dict[str, Any] | None = None
    decay_reason: str = ""
    proposal: CardState | None = None


class Waiting(Output, kw_only=True):
    """Files of a source that wait in the quarantine; `since` is when the oldest came."""

    project: str
    source: str
    files: int
    since: int


class Disk(Output, kw_only=True):
    """`home_bytes` are counted in the background, as of `measured`; null until that was done once."""

    home_bytes: int | None = None
    measured: int | None = None
    free_bytes: int
    total_bytes: int


class StatusReport(Output, kw_only=True):
    """Everything at a glance. `project` is the one that was asked for, null for all. `queue` counts runs that have not ended,
    by state; `queued` those that wait. `proposals` are all cards that are not over, and those in error that nothing has answered;
    `failed` are failures of the last day that nothing like them has mended since."""

    time: int
    project: str | None = None
    projects: list[StatusProject] = []
    runs: list[LiveRun] = []
    queue: dict[str, int] = {}
    queued: int = 0
    failed: list[FailedRun] = []
    models: list[ModelHealth] = []
    proposals: list[CardState] = []
    quarantine: list[Waiting] = []
    disk: Disk
    daemon: DaemonStatus
