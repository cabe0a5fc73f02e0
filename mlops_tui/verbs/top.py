"""Verbs without a noun."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from mlops_tui.verbs import TOP, _screens
from mlops_tui.verbs._declare import Input, Output, ProjectInput, Verb, arg, opt
from mlops_tui.verbs._find import Find, FoundList
from mlops_tui.verbs._lineage import Lineage, LineageGraph
from mlops_tui.verbs._shapes import Proposal, Run, RunDetail, SubmitInput
from mlops_tui.verbs._status import Status, StatusReport


class Init(Input, kw_only=True):
    dir: Annotated[str, arg("folder with the data", kind="path", metavar="DIR")] = "."
    target: Annotated[str, opt("column to predict", metavar="COLUMN")]
    data: Annotated[str | None, opt("glob of the data files, relative to DIR; default: found by looking")] = (
        None
    )
    event_time: Annotated[str | None, opt("column that says when a row happened", metavar="COLUMN")] = None
    key: Annotated[list[str], opt("column that identifies a row; repeatable", metavar="COLUMN")] = []
    task: Annotated[Literal["classification", "multiclass", "regression"] | None, opt("kind of model")] = None
    name: Annotated[str | None, opt("name of the project; default: the folder's")] = None
    force: Annotated[bool, opt("replace an mlops.toml that is there")] = False
    dry_run: Annotated[bool, opt("only print what would be written")] = False


class InitResult(Output, kw_only=True):
    """What was written, and what it was decided from."""

    project: str
    dir: str
    config: str
    files: list[str] = []
    findings: dict[str, Any] = {}
    model: str = ""


class Demo(Input, kw_only=True):
    dir: Annotated[
        str | None, opt("folder to put it in; default: a new one in the temp folder", kind="path")
    ] = None


class VersionValue(Output, kw_only=True):
    version: int
    metric: str
    value: float | None


class StageSeconds(Output, kw_only=True):
    name: str
    seconds: float


class DemoResult(Output, kw_only=True):
    """`interval` is of the difference champion − previous on the same evaluation rows: {low, high, estimate}."""

    project: str
    model: str
    champion: VersionValue
    previous: VersionValue
    interval: dict[str, Any]
    proposals: list[Proposal] = []
    scored_rows: int = 0
    stages: list[StageSeconds] = []
    dir: str = ""
    verdict: str = ""


class Predict(SubmitInput, kw_only=True):
    model: Annotated[
        str, arg("MODEL, MODEL@3 or MODEL@alias; without @ the champion", metavar="MODEL[@VERSION]")
    ]
    input: Annotated[str, opt("CSV or Parquet with the rows to score", kind="path", metavar="FILE")]
    output: Annotated[str, opt("CSV or Parquet to write", kind="path", metavar="FILE")]
    force: Annotated[bool, opt("replace the output where it is there already")] = False


class Wait(ProjectInput, kw_only=True):
    run_id: Annotated[str, arg("run id, or an unambiguous start of it", metavar="RUN")]
    until: Annotated[
        str | None,
        opt(
            "also stop waiting when this holds: best|last|min|max|count(KEY) >|>=|<|<=|== NUMBER",
            metavar="EXPR",
        ),
    ] = None
    timeout: Annotated[int | None, opt("give up after this long (exit code 3)", kind="duration")] = None


class Events(Input, kw_only=True):
    follow: Annotated[bool, opt("go on until ^C")] = False
    since: Annotated[str | None, opt("EPOCH:SEQ of the last event that was seen", metavar="EPOCH:SEQ")] = None


class Event(Output, kw_only=True):
    """A change. Types: ledger, run, reset (too old a `since`: ask for everything again), hello (the first line), end (the
    daemon was stopped)."""

    epoch: str
    seq: int
    time: int
    type: str
    subject: str = ""
    data: dict[str, Any] = {}


class Sql(Input, kw_only=True):
    query: Annotated[str, arg("one SELECT over the index", metavar="QUERY")]
    limit: Annotated[int, opt("at most this many rows"), Meta(ge=1, le=100_000)] = 1000
    timeout: Annotated[int, opt("at most this long", kind="duration"), Meta(ge=1, le=25_000)] = 10_000


class SqlColumn(Output, kw_only=True):
    name: str
    type: str


class SqlResult(Output, kw_only=True):
    """`truncated`: there were more rows than `limit`."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool = False


class Doctor(Input, kw_only=True):
    deep: Annotated[bool, opt("also read and hash every data file and object")] = False


class Finding(Output, kw_only=True):
    """Something wrong (`error`) or worth knowing (`warning`), and what to do."""

    level: Literal["error", "warning"]
    code: str
    subject: str
    message: str
    hint: str = ""


class Health(Output, kw_only=True):
    """`ok`: there is no error among the findings. `checks` names what was looked at."""

    ok: bool
    findings: list[Finding] = []
    checks: list[str] = []


class Rebuild(Input, kw_only=True):
    pass


class Rebuilt(Output, kw_only=True):
    """`same`: the old index could be read and held the same; `differences` names the tables that differ."""

    entries: int
    runs: int
    seconds: float
    same: bool | None = None
    differences: list[str] = []


VERBS = [
    *_screens.VERBS,
    Verb("", "init", Init, InitResult, TOP["init"], local=True, service=False,
         help="Finds the task, the key, the event time and the split, and says what it went by.",
         example="mlops-tui init ./churn --target churned"),
    Verb("", "demo", Demo, DemoResult, TOP["demo"], local=True, service=False),
    Verb("", "predict", Predict, Run, TOP["predict"],
         help="In a process of its own, from the version's own code. The output carries model version, feature service "
         "and snapshots.", example="mlops-tui predict late-departure --input june.parquet --output scored.parquet",
         writes=True, plans=True, waits="always"),
    Verb("", "status", Status, StatusReport, TOP["status"],
         help="What runs, the champion of each model with its metric and its drift, open cards, the quarantine, disk and daemon.",
         example="mlops-tui status --all"),
    Verb("", "lineage", Lineage, LineageGraph, TOP["lineage"],
         help="From any run, model version, alias, data version, feature view, card or batch of predictions to any other. Edges are those of W3C PROV "
         "and go from what came later to what it goes back to.",
         example="mlops-tui lineage late-departure@champion --up"),
    Verb("", "find", Find, FoundList, TOP["find"],
         help="Best match first. All words must occur in the name; of runs also in the start of the id or in a tag.",
         example="mlops-tui find 'late champion'",
         empty="no match: give a word or more, all of which occur in one name, id or tag; --all looks into every project"),
    Verb("", "wait", Wait, RunDetail, TOP["wait"], local=True, service=False,
         help="Exit code 0 when it finished and its gate, if any, passed; 4 when the gate said FAIL or INCONCLUSIVE; "
         "1 when it failed; 3 on time-out. ^C stops waiting, not the run.",
         example="mlops-tui wait 0192f --until 'best(roc_auc) > 0.8' --timeout 2h"),
    Verb("", "events", Events, Event, TOP["events"], local=True, service=False,
         example="mlops-tui events --follow"),
    Verb("", "sql", Sql, SqlResult, TOP["sql"],
         example="mlops-tui sql \"SELECT state, count(*) FROM runs GROUP BY ALL\""),
    Verb("", "doctor", Doctor, Health, TOP["doctor"], local=True),
    Verb("", "rebuild", Rebuild, Rebuilt, TOP["rebuild"], local=True,
         service=False, danger=True),
]  # fmt: skip
