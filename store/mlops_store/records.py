"""The shapes of what is on disk: one struct for each kind of record that is truth.

Times are integers, UTC milliseconds, unless a field says otherwise. Every struct is tolerant of
unknown fields, so that an older program reads what a newer one wrote.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RunState = Literal["QUEUED", "STARTING", "RUNNING", "STOPPING", "FINISHED", "FAILED", "KILLED", "LOST"]
RunKind = Literal["train", "evaluate", "ingest", "drift", "score", "inspect", "features", "gc", "sdk"]
ProposalState = Literal["OPEN", "APPROVED", "RUNNING", "DONE", "ERROR", "REJECTED", "SNOOZED", "EXPIRED"]
Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]

ENDED: frozenset[str] = frozenset({"FINISHED", "FAILED", "KILLED", "LOST"})


class Record(msgspec.Struct, kw_only=True, omit_defaults=False):
    """Base of all records."""


# --- ledger -----------------------------------------------------------------------------------------


class LedgerEntry(Record):
    """One decision or registry change; one line of `ledger/NNNNNN.jsonl`.

    `hash` is the sha256 (hex) over the canonical JSON of all other fields; `prev` is the hash of the entry
    before. `more` is true when further entries of the same command follow: a command is applied whole
    or not at all. `key` is the idempotency key of the command, on its last entry, with its `reply`.
    """

    seq: int
    time: int
    actor: str
    verb: str
    subject: str
    data: dict[str, Any]
    why: str = ""
    key: str = ""
    reply: Any = None
    more: bool = False
    prev: str = ""
    hash: str = ""


# --- data -------------------------------------------------------------------------------------------


class Column(Record):
    """A column of a schema; `type` is a logical type: int, float, bool, str, datetime, date, duration, binary.

    `optional`: it came after the source's first schema, so a delivery may lack it. That is no part of a snapshot's identity.
    """

    name: str
    type: str
    nullable: bool = True
    optional: bool = False


class BatchFile(Record):
    """One admitted delivery of a source.

    `sha256` is of the delivered bytes; `stored` is the path of the immutable Parquet copy, relative to the home.
    """

    sha256: str
    rows: int
    path: str
    stored: str
    bytes: int
    admitted: int
    min_event_time: int | None = None
    max_event_time: int | None = None


class Manifest(Record):
    """A data version of a source: `data/<project>/<source>/v<version>/manifest.json`.

    `snapshot` is the sha256 over the sorted (sha256, rows) of the files and the schema.
    """

    project: str
    source: str
    version: int
    snapshot: str
    schema: list[Column]
    schema_version: int
    files: list[BatchFile]
    rows: int
    created: int
    min_event_time: int | None = None
    max_event_time: int | None = None
    path: str = ""


# --- runs -------------------------------------------------------------------------------------------


class RunSpec(Record):
    """What was asked for: `runs/<yyyy-mm>/<run_id>/spec.json`, written once, before anything runs.

    `limits` are resource limits by name (`RLIMIT_NOFILE`: [soft, hard], -1 for none) and `nice` is added to the
    launcher's own niceness. `withheld` names the variables of the submitter's environment that look like secrets: the
    run does not get them.
    """

    run_id: str
    kind: RunKind
    name: str
    project: str
    experiment: str
    actor: str
    created: int
    project_dir: str = ""
    model: str | None = None
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    command: list[str] = []
    python: str = ""
    cwd: str = ""
    env: dict[str, str] = {}
    umask: int = 0o022
    after: list[str] = []
    pins: dict[str, int] = {}
    proposal_id: str | None = None
    request: dict[str, Any] = {}
    recipe_hash: str = ""
    limits: dict[str, list[int]] = {}
    nice: int = 0
    withheld: list[str] = []


class SourcePin(Record):
    """A source as a run sees it: a version and where its manifest is (path relative to the home)."""

    version: int
    snapshot: str
    manifest: str


class VersionPin(Record):
    """A registered model version as a run sees it; `tree` is the object digest of its content tree."""

    model: str
    version: int
    run_id: str
    digest: str
    tree: str
    python: str


class PastLook(Record):
    """One verdict or evaluation of a model: the rows it saw, the sha256s of their batches, and how they were told apart
    (`time` or `key_hash`)."""

    run_id: str
    evaluation_key: str
    split_by: str = ""
    batches: list[str] = []


class PastVerdict(Record):
    """A verdict on a registered version whose candidate is known by its digest (`gate.candidate`), with the version's tree."""

    verdict_id: str
    version: int
    tree: str
    gate: GateOutcome


class LaunchContext(Record):
    """What the daemon resolved at launch: `attempts/<n>/context.json`. The worker reads nothing else of the system."""

    run_id: str
    attempt: int
    home: str
    project: str
    project_dir: str
    code_dir: str
    launched: int
    sources: dict[str, SourcePin] = {}
    champion: VersionPin | None = None
    target_version: VersionPin | None = None
    looked: list[PastLook] = []
    judged: list[PastVerdict] = []
    previous_run: str | None = None
    request: dict[str, Any] = {}


class Identity(Record):
    """Which process: a pid is reused, so its start time and the boot are part of it."""

    pid: int
    start_ticks: int
    boot_id: str
    pid_ns: str
    started: int
    host: str = ""


class ExitRecord(Record):
    """How a process ended: `attempts/<n>/exit.json`. `exit_code` null with `lost` true means no evidence was left;
    `incomplete`: one of our workers ended with 0 and left no outcome."""

    exit_code: int | None
    signal: int | None
    ended: int
    duration_ms: int | None = None
    stopped: bool = False
    lost: bool = False
    reason: str = ""
    incomplete: bool = False


# --- what a worker hands to the daemon: `attempts/<n>/outcome.json`, written last --------------------------


class Outcome(Record):
    """What a finished worker asks to be recorded. `kind` names which of the optional parts is set."""

    kind: RunKind
    ingest: IngestOutcome | None = None
    training: TrainingOutcome | None = None
    evaluation: EvaluationOutcome | None = None
    drift: DriftOutcome | None = None
    score: ScoreOutcome | None = None
    inspect: InspectOutcome | None = None
    features: FeaturesOutcome | None = None
    gc: GcOutcome | None = None


class GcOutcome(Record):
    """What a collection did: for each class {items, bytes}, what it kept and why, and whether it was cut short by an error."""

    swept: dict[str, dict[str, int]] = {}
    kept: dict[str, int] = {}
    freed: int = 0
    trashed: int = 0
    problems: list[str] = []


class RejectedFile(Record):
    """A file that was not admitted; `rows_path` is Parquet of the offending rows where there are any (relative to the home)."""

    path: str
    sha256: str
    bytes: int
    reason: str
    kept: str = ""
    details: list[dict[str, Any]] = []
    rows_path: str = ""


class IngestOutcome(Record):
    """Result of one look at a source: what was admitted, refused, or already there."""

    source: str
    base_version: int
    manifest: Manifest | None = None
    admitted: list[BatchFile] = []
    rejected: list[RejectedFile] = []
    unchanged: list[str] = []
    replaced: list[str] = []
    warnings: list[dict[str, Any]] = []
    schema_diff: list[dict[str, Any]] = []
    profile: str = ""
    seen: list[dict[str, Any]] = []


class FeatureView(Record):
    """A feature view as defined in a project's code; `definition` is the hash that makes a version."""

    name: str
    source: str
    entities: list[str]
    features: list[Column]
    definition: str
    max_age_ms: int | None = None
    knowledge: str = "assumed"
    description: str = ""


class InspectOutcome(Record):
    """What a project's code declares."""

    views: list[FeatureView] = []
    problems: list[dict[str, Any]] = []


class FeaturesOutcome(Record):
    """Features as they were known at the times asked for: the first rows, how many there are, and statuses by view."""

    rows: list[dict[str, Any]]
    count: int
    statuses: dict[str, dict[str, int]]
    output: str = ""


class CheckResult(Record):
    """One check of a gate with its evidence."""

    check: str
    verdict: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    clusters: int | None = None
    rows: int | None = None
    reason: str = ""


class GateOutcome(Record):
    """The verdict over one candidate, one baseline and one set of evaluation rows.

    `candidate` is the digest of what was trained, `judged_on` that of the evaluation rows with the labels and what candidate and
    naive baseline say of them. `same_as` is the registered version that the candidate is; `repeats` the verdict whose
    look, alpha and checks these are, since nothing that it was given has changed.
    """

    verdict: Verdict
    better_than_champion: bool
    checks: list[CheckResult]
    evaluation_key: str
    evaluation_rows: int
    clusters: int
    look: int
    alpha: float
    champion: str | None = None
    difference: CheckResult | None = None
    split_by: str = ""
    champion_metrics: dict[str, Any] = {}
    naive_metrics: dict[str, Any] = {}
    candidate: str = ""
    judged_on: str = ""
    same_as: int | None = None
    repeats: str | None = None


class TrainingOutcome(Record):
    """A trained and judged candidate that asks to be registered."""

    model: str
    metric: str
    direction: str
    metrics: dict[str, Any]
    gate: GateOutcome | None
    tree: str
    digest: str
    manifest: dict[str, Any]
    feature_service: list[str]
    views: list[FeatureView]
    python: str
    pins: dict[str, int] = {}
    training_rows: int = 0
    evaluation_batches: list[str] = []


class EvaluationOutcome(Record):
    """A registered version judged on named data."""

    model: str
    version: int
    metrics: dict[str, Any]
    evaluation_key: str
    evaluation_rows: int
    clusters: int
    slices: list[dict[str, Any]] = []
    baseline_version: int | None = None
    baseline_metrics: dict[str, Any] = {}
    difference: CheckResult | None = None
    evaluation_batches: list[str] = []
    split_by: str = ""


class DriftOutcome(Record):
    """What a new data version looks like beside the champion's training data, and how the champion did on it.

    `batches` and `columns` are about all rows since the champion's training. `chunks` are its non-overlapping pieces, oldest first:
    {batches, label, rows, start, end, alarm, major, columns, cannot_tell, mature, performance, change, statistics}; `statistics` of the
    newest ones has [name, psi, band, alert, null share] of every column. `rows` are those that count: a row that a later delivery
    replaced is not among them, and a file without any left is in no chunk but among `superseded`. `cannot_tell` is "" or how many
    rows of how many there are ("48 of 100 rows") where no column could have alarmed. `mature_labelled_rows`
    counts from spine version `since_version`, the last decision. `sources` are the data versions that were read.
    `decay` is None where it is not known, and `decay_reason` says why.
    """

    source: str
    version: int
    model: str
    champion_version: int
    batches: list[str]
    new_rows: int
    mature_labelled_rows: int
    columns: list[dict[str, Any]] = []
    alarm: bool = False
    major: bool = False
    prediction: dict[str, Any] | None = None
    label: dict[str, Any] | None = None
    domain_classifier: dict[str, Any] | None = None
    performance: dict[str, Any] | None = None
    decay: dict[str, Any] | None = None
    decay_reason: str = ""
    estimate: dict[str, Any] | None = None
    chunk_start: int | None = None
    chunk_end: int | None = None
    chunks: list[dict[str, Any]] = []
    sources: dict[str, int] = {}
    since_version: int = 0
    cannot_tell: str = ""
    superseded: list[str] = []


class ScoreOutcome(Record):
    """A recorded batch of predictions."""

    model: str
    version: int
    input: str
    input_sha256: str
    output: str
    output_sha256: str
    rows: int
    feature_service: list[str]
    snapshots: dict[str, str]
    statuses: dict[str, dict[str, int]] = {}
