"""Monitoring: how the data and the champion have done, by what drift and evaluation runs have recorded."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from mlops_tui.verbs._declare import ListInput, Output, Page, ProjectInput, Verb, arg, opt


class MonitorList(ListInput, kw_only=True):
    pass


class Monitored(Output, kw_only=True):
    """A source, with the model whose rows it holds where one looks at it. `looks` counts drift runs, `alarms` those that
    alarmed; `alarm`, `major`, `features` (that alarmed), `performance` and `decay` are of the newest beside the `champion`
    (or, with `serves` false, beside the newest version). `quarantined` files wait, `warnings` are those of the newest data version."""

    project: str
    source: str
    model: str | None = None
    champion: int | None = None
    serves: bool = True
    version: int
    rows: int
    time: int
    min_event_time: int | None = None
    max_event_time: int | None = None
    looks: int = 0
    alarms: int = 0
    looked: int | None = None
    alarm: bool | None = None
    major: bool = False
    cannot_tell: str = ""
    features: list[str] = []
    metric: str = ""
    performance: dict[str, Any] | None = None
    decay: dict[str, Any] | None = None
    quarantined: int = 0
    warnings: int = 0


class MonitorShow(ProjectInput, kw_only=True):
    model: Annotated[str | None, arg("name of the model; default: the project's only one")] = None
    last: Annotated[int, opt("at most this many batches and looks, the newest"), Meta(ge=1, le=1000)] = 100


class MonitoredBatch(Output, kw_only=True):
    """Rows that were looked at as one: a delivered file, or small ones together; in order of event time.

    `state` is what the champion has to do with it: `trained` (it has learned from it), `judged` (its gate judged by it), `looked`,
    `waiting` or `superseded` (later files brought all of its rows again). `rows` are those that count, as far as somebody has looked. `version` is the first data version with it. What follows is from the newest look at it, beside `champion` (or else from the
    gate that judged by it): `alarm` and the `features` that alarmed (`share` of those that were compared), `performance` {metric, value, low,
    high, rows, clusters, reason}, `baseline` (that version's own {value, low, high} when it was registered) and `change` {value, low, high,
    against} since the first mature chunk after its promotion. `cannot_tell` ("48 of 100 rows"): too few for any alarm.
    """

    label: str
    files: list[str]
    version: int
    rows: int
    start: int | None = None
    end: int | None = None
    state: str = "waiting"
    run_id: str | None = None
    champion: int | None = None
    alarm: bool | None = None
    major: bool = False
    cannot_tell: str = ""
    features: list[str] = []
    share: float | None = None
    mature: int = 0
    performance: dict[str, Any] | None = None
    baseline: dict[str, Any] | None = None
    change: dict[str, Any] | None = None


class DriftPoint(Output, kw_only=True):
    """A feature in one look, beside version `champion`: PSI and its noise band; it alarms above the band, the floor and the significance across
    columns."""

    run_id: str
    champion: int | None = None
    psi: float | None = None
    band: float | None = None
    p_adjusted: float | None = None
    effect: float | None = None
    alert: bool = False
    severity: str = ""
    status: str = ""
    reason: str = ""
    null_share: float | None = None
    reference_null_share: float | None = None


class BatchPoint(Output, kw_only=True):
    """A feature in one batch, which is number `batch` of `batches`."""

    batch: int
    psi: float | None = None
    band: float | None = None
    alert: bool = False
    null_share: float | None = None


class FeatureSeries(Output, kw_only=True):
    """`role` is feature, label or prediction. `points` are in the order of `looks`; a look that lacks the feature has none. `batches` are in
    the order of the batches, for those whose newest look has kept them (features only)."""

    name: str
    role: str = "feature"
    kind: str = ""
    alarms: int = 0
    points: list[DriftPoint]
    batches: list[BatchPoint] = []


class Look(Output, kw_only=True):
    """A drift run: all rows since the last decision, from `start` to `end` of event time, beside `champion`."""

    run_id: str
    time: int
    version: int
    champion: int
    since_version: int
    rows: int
    mature_labelled_rows: int
    start: int | None = None
    end: int | None = None
    alarm: bool = False
    major: bool = False
    cannot_tell: str = ""
    features: list[str] = []
    performance: dict[str, Any] | None = None
    estimate: dict[str, Any] | None = None
    domain_auc: float | None = None
    decay: dict[str, Any] | None = None
    decay_reason: str = ""


class Judgement(Output, kw_only=True):
    """A version judged on rows that it has not seen: by the gate of its training (`kind` gate), or by `model evaluate`."""

    kind: str
    run_id: str
    time: int
    version: int
    metric: str
    value: dict[str, Any] | None = None
    rows: int | None = None
    verdict: str | None = None
    baseline: int | None = None
    baseline_value: dict[str, Any] | None = None
    difference: dict[str, Any] | None = None


class ChampionMove(Output, kw_only=True):
    """The champion became another version (`to`, null: none) than it was (`before`); `back`: by a rollback. `seq` is the entry in the ledger."""

    seq: int
    time: int
    actor: str
    before: int | None = None
    to: int | None = None
    back: bool = False
    why: str = ""


class SourceQuality(Output, kw_only=True):
    """Deliveries of a source: admitted `files` and `versions`, what was `quarantined` ever and `waiting` now; `warnings` of each
    version {version, message, …}; `reasons` of refused files, newest first {path, reason, time, state}."""

    source: str
    versions: int
    files: int
    rows: int
    quarantined: int = 0
    waiting: int = 0
    warnings: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []


class Monitoring(Output, kw_only=True):
    """Everything recorded about a model's data and how its versions do on them; `looks` and the `moves` of the champion oldest first. What was
    looked at or judged says beside which version; `champion` is the one that serves now (`serves` false: the newest, nothing is promoted)."""

    project: str
    model: str
    source: str
    champion: int | None = None
    serves: bool = True
    metric: str = ""
    direction: str = "max"
    baseline: dict[str, Any] | None = None
    batches: list[MonitoredBatch] = []
    looks: list[Look] = []
    features: list[FeatureSeries] = []
    judgements: list[Judgement] = []
    moves: list[ChampionMove] = []
    quality: list[SourceQuality] = []


VERBS = [
    Verb("monitor", "list", MonitorList, Page[Monitored], "List sources and models with drift, performance, quality.",
         empty="no monitored sources yet: `mlops-tui project add DIR` watches the sources of a folder's mlops.toml",
         example="mlops-tui monitor list --filter 'drift in (alarm, major)' --sort=-alarms"),
    Verb("monitor", "show", MonitorShow, Monitoring, "Show drift, performance and data quality over batches.",
         help="Recorded facts only: what drift runs, gates, evaluations and the checks of files have found. Nothing is computed again.",
         example="mlops-tui monitor show late-departure --json"),
]  # fmt: skip
