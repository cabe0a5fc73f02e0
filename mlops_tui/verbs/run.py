"""Runs: training, evaluation, scoring and every other job in its own process."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from mlops_store.records import RunKind, RunState
from mlops_tui.verbs._declare import Natural, Output, Page, PageInput, ProjectInput, Reason, Verb, arg, opt
from mlops_tui.verbs._shapes import Artifact, Run, RunDetail, SubmitInput

RUN = arg("run id, or an unambiguous start of it", metavar="RUN")


class RunStart(SubmitInput, kw_only=True):
    model: Annotated[str, arg("model of mlops.toml")]
    params: Annotated[
        dict[str, Any], opt("set a parameter of the recipe; repeatable", "--set", kind="pairs", metavar="K=V")
    ] = {}
    after: Annotated[list[str], opt("start only when this run has ended; repeatable", metavar="RUN")] = []
    pins: Annotated[
        dict[str, Any],
        opt("use this data version of a source; repeatable", "--pin", kind="pairs", metavar="SOURCE=VERSION"),
    ] = {}
    name: Annotated[str | None, opt("label of the run")] = None
    experiment: Annotated[str | None, opt("experiment to put it in; default: the model's name")] = None
    tags: Annotated[
        dict[str, str], opt("tag the run; repeatable", "--tag", kind="values", metavar="K=V")
    ] = {}
    seed: Annotated[int | None, opt("seed of everything random")] = None
    as_of: Annotated[
        int | None, opt("judge maturity as of this time instead of the source's watermark", kind="time")
    ] = None
    reason: Reason = ""


class RunSweep(SubmitInput, kw_only=True):
    model: Annotated[str, arg("model of mlops.toml")]
    space: Annotated[
        dict[str, str],
        opt(
            "what to search: K=low..high, K=low..high:log or K=a,b,c; repeatable",
            kind="values",
            metavar="K=SPACE",
        ),
    ]
    params: Annotated[
        dict[str, Any], opt("set a parameter of all runs; repeatable", "--set", kind="pairs", metavar="K=V")
    ] = {}
    trials: Annotated[
        Annotated[int, Meta(ge=1)] | None, opt("draw this many points; default: all of a grid of lists")
    ] = None
    seed: Annotated[int, opt("seed of the draw")] = 0
    name: Annotated[str | None, opt("name of the sweep; its runs get it with a number, and as tag sweep")] = (
        None
    )
    experiment: Annotated[str | None, opt("experiment to put them in; default: the model's name")] = None
    tags: Annotated[
        dict[str, str], opt("tag the runs; repeatable", "--tag", kind="values", metavar="K=V")
    ] = {}
    reason: Reason = ""


class Sweep(Output, kw_only=True):
    """The runs of a sweep, in order, and the point of each. `metric` is what ranks them, where mlops.toml says it; `direction`, which way."""

    sweep: str
    metric: str = ""
    direction: str = ""
    runs: list[str]
    points: list[dict[str, Any]]


class RunList(PageInput, kw_only=True):
    filter: Annotated[str | None, opt("only runs that this finds, such as 'state = FAILED or best(roc_auc) >= 0.8'")] = None  # fmt: skip
    sort: Annotated[str, opt("created, name, duration, … or a metric such as metrics.roc_auc; a leading - turns it around")] = "-created"  # fmt: skip
    fields: Annotated[list[str], opt("of parameters, metrics and tags only these, such as params.lr,metrics.roc_auc,tags.owner; headline: none of them; they are the columns of the table; repeatable; default: all", metavar="FIELD,…")] = []  # fmt: skip
    kind: Annotated[
        RunKind | None, opt("only this kind; default: training and SDK runs, unless the filter names kinds")
    ] = None
    all_kinds: Annotated[bool, opt("every kind of run", "--all")] = False
    state: Annotated[RunState | None, opt("only this state")] = None
    model: Annotated[str | None, opt("only runs of this model")] = None
    experiment: Annotated[str | None, opt("only runs of this experiment")] = None
    archived: Annotated[bool, opt("archived runs too")] = False
    deleted: Annotated[bool, opt("only deleted runs that can still be restored")] = False


class RunRef(ProjectInput, kw_only=True):
    run_id: Annotated[str, RUN]


class RunSeveral(RunRef, kw_only=True):
    more: Annotated[list[str], arg("and these", metavar="RUN")] = []
    reason: Reason = ""


class RunSet(ProjectInput, kw_only=True):
    runs: Annotated[list[str], arg("runs, by id or an unambiguous start of it", metavar="RUN")] = []
    filter: Annotated[str | None, opt("all runs of the project that this finds, such as 'state = FAILED and age > 90d'")] = None  # fmt: skip
    reason: Reason = ""


class RunMark(Output, kw_only=True):
    """A run that was archived, deleted or brought back."""

    run_id: str
    kind: RunKind
    name: str
    project: str
    state: RunState


class RunMarks(Output, kw_only=True):
    """`changed` by the command; `unchanged` were so before."""

    changed: list[RunMark]
    unchanged: list[RunMark] = []


class RunChange(Run, kw_only=True):
    """The first run that was named, as it is now; `changed` are all that the command changed, `unchanged` those that were so before."""

    changed: list[RunMark] = []
    unchanged: list[RunMark] = []


class RunAdopt(ProjectInput, kw_only=True):
    paths: Annotated[
        list[str], arg("folders of runs, from another box or another home", kind="path", metavar="PATH")
    ]
    lost: Annotated[bool, opt("take a run that left no exit record as LOST")] = False
    reason: Reason = ""


class RunLogs(ProjectInput, kw_only=True):
    run_id: Annotated[str, RUN]
    tail: Annotated[Natural | None, opt("only the last N lines")] = None
    offset: Annotated[int | None, opt("from this byte; a negative one counts from the end")] = None


class LogChunk(Output, kw_only=True):
    """A piece of a run's log, at most 1 MB. `next` is the offset to go on from; `ended`: nothing will follow."""

    run_id: str
    text: str
    offset: int
    next: int
    size: int
    ended: bool


class RunArtifacts(ProjectInput, kw_only=True):
    run_id: Annotated[str, RUN]
    paths: Annotated[
        list[str], arg("only these: a file, a folder or a pattern such as 'plots/*.png'", metavar="PATH")
    ] = []
    to: Annotated[
        str | None, opt("copy them into this folder, each checked by its sha256", kind="path", metavar="DIR")
    ] = None
    force: Annotated[bool, opt("replace files that are there already")] = False


class ArtifactList(Output, kw_only=True):
    """The files that a run produced, by path; they lie in `folder`. With --to, `to` is where they are now: `copied` of them, and `unchanged`
    were there before, with the same bytes."""

    run_id: str
    folder: str
    artifacts: list[Artifact] = []
    to: str | None = None
    copied: int = 0
    unchanged: int = 0


class RunMetrics(ProjectInput, kw_only=True):
    run_id: Annotated[str, RUN]
    keys: Annotated[list[str], arg("only these metrics", metavar="KEY")] = []
    buckets: Annotated[int, opt("at most this many entries for each metric"), Meta(ge=1, le=10_000)] = 500
    axis: Annotated[Literal["step", "time"], opt("what x is")] = "step"
    start: Annotated[int | None, opt("only points from this x on: a step, or a UTC millisecond with --axis=time", "--from", metavar="X")] = None  # fmt: skip
    end: Annotated[int | None, opt("only points up to this x, itself too", "--to", metavar="X")] = None


Bucket = tuple[int, float, float, float]
"""x, least, greatest and last value"""


class Curve(Output, kw_only=True):
    """A metric over time: `buckets` are [x, min, max, last], x ascending, where x is the first step (or UTC millisecond) of the bucket.
    `points` were logged; `nonfinite` of them are NaN or infinite, and in no bucket."""

    key: str
    points: int
    nonfinite: int
    buckets: list[Bucket]


class RunCurves(Output, kw_only=True):
    """The curves of a run, by name."""

    run_id: str
    axis: str
    metrics: list[Curve]


class RunTrends(ProjectInput, kw_only=True):
    runs: Annotated[
        list[str], arg("runs, by id or an unambiguous start of it", metavar="RUN"), Meta(max_length=100)
    ]
    key: Annotated[str, opt("the metric")]
    buckets: Annotated[int, opt("at most this many values for each run"), Meta(ge=1, le=100)] = 8


class Trend(Output, kw_only=True):
    """The last finite value of the metric in each of a few stretches of equal width, oldest first; none where the run has none."""

    run_id: str
    values: list[float]


class Trends(Output, kw_only=True):
    """Of each run that was asked for, in order."""

    key: str
    runs: list[Trend]


class RunFields(ProjectInput, kw_only=True):
    prefix: Annotated[str, opt("only fields that begin so, such as 'params.', whatever the case")] = ""


class RunField(Output, kw_only=True):
    """A field of the filter language. `name` is as the language writes it; `group` is column, param, metric or tag; `runs` counts those that have it
    (null for columns, which all have); `examples` are values of the newest runs, or all possible ones where they are few."""

    name: str
    group: Literal["column", "param", "metric", "tag"]
    type: Literal["text", "number", "time", "span"]
    runs: int | None = None
    examples: list[str] = []


class Fields(Output, kw_only=True):
    """Columns first, then parameters, metrics and tags, each by name; `truncated` where there are more than 2,000."""

    fields: list[RunField]
    truncated: bool = False


class RunWhy(ProjectInput, kw_only=True):
    run_id: Annotated[str, RUN]
    stage: Annotated[str | None, arg("only this stage")] = None


class StageChange(Output, kw_only=True):
    """One input of a stage that differs from the run before; values are shortened text."""

    input: str
    before: str | None = None
    after: str | None = None


class StageWhy(Output, kw_only=True):
    """Why a stage ran or was taken from the cache."""

    stage: str
    state: str
    key: str
    previous_key: str = ""
    reason: str = ""
    changes: list[StageChange] = []


class Why(Output, kw_only=True):
    run_id: str
    previous: str | None = None
    stages: list[StageWhy] = []


class RunCompare(ProjectInput, kw_only=True):
    runs: Annotated[list[str], arg("two or more runs", metavar="RUN")]


class CompareRow(Output, kw_only=True):
    """One thing compared; `values` has one entry for each run, in order; null where a run lacks it."""

    section: str
    key: str
    values: list[Any]
    differs: bool


class JudgedOn(Output, kw_only=True):
    """What the metrics of a run are over. Runs of one `key` were judged on the same rows (`rows` of them, from these `files`, where that is recorded),
    those of one `data` searched on the same data versions."""

    key: str
    rows: int | None = None
    data: str = ""
    files: list[str] = []


class Comparison(Output, kw_only=True):
    """Sections: evaluation, metrics, params, data, features, code, run, tags, environment. `judged` says of each run what its metrics are over, null where that is not
    recorded (the SDK's own): a difference of metrics of two `key`s is not of the models alone."""

    runs: list[str]
    rows: list[CompareRow]
    judged: list[JudgedOn | None] = []


class RunTag(RunSeveral, kw_only=True):
    tags: Annotated[
        dict[str, str], opt("set this tag; repeatable", "--tag", kind="values", metavar="K=V")
    ] = {}
    remove: Annotated[list[str], opt("take this tag away; repeatable", metavar="KEY")] = []


class RunNote(RunSeveral, kw_only=True):
    text: Annotated[str, arg("the note; an empty one takes it away")]


class Marked(Output, kw_only=True):
    """What people say of the first run that was named, after they said it: its note, and its tags as they are shown. `changed` are the ids of
    all runs that the command changed, `unchanged` of those that were so before."""

    run_id: str
    name: str
    project: str
    tags: dict[str, str] = {}
    note: str = ""
    changed: list[str] = []
    unchanged: list[str] = []


VERBS = [
    Verb("run", "start", RunStart, Run, "Train a model in the background.",
         help="The run is queued, and outlives this terminal and the daemon. With --wait the exit code is 0 when the "
         "gate passed, 4 when it said FAIL or INCONCLUSIVE, 1 when the run failed; ^C stops waiting, not the run.",
         example="mlops-tui run start late-departure --set max_leaf_nodes=15 --wait", writes=True, plans=True, waits="option"),
    Verb("run", "sweep", RunSweep, Sweep, "Train a model many times, over a space of parameters.",
         help="Points of a grid, or drawn at random and repeatable by --seed. The runs carry the tag sweep: `run list --filter 'tags.sweep = NAME' "
         "--sort=-metrics.KEY` ranks them.", example="mlops-tui run sweep late-departure --space max_leaf_nodes=7..63:log --space learning_rate=0.01..0.3:log --trials 10",
         writes=True, danger=True, plans=True),
    Verb("run", "list", RunList, Page[Run], "List runs, newest first.",
         empty="no runs yet: `mlops-tui run start MODEL` starts one; `mlops-tui run list --all` lists every kind",
         help="--filter takes the language of docs/scripting.md: `field = value`, also != < <= > >= ~ : in (…) is null, with and, or, not; "
         "a bare word looks for itself in name, id, experiment, model and tags. The other options narrow it further.",
         example="mlops-tui run list --filter 'state = FAILED and age < 2d' --sort=-metrics.roc_auc"),
    Verb("run", "show", RunRef, RunDetail, "Show a run with its evidence.", example="mlops-tui run show 0192f"),
    Verb("run", "stop", RunSeveral, RunChange, "Stop runs and every process that they started.",
         help="Asks first (SIGTERM), then insists. A queued run is withdrawn. Of several runs, those that have ended meanwhile stay as they are.",
         example="mlops-tui run stop 0192f", writes=True, danger=True, plans=True),
    Verb("run", "resume", RunSeveral, RunChange, "Run again from the failed stage, as a new attempt.",
         help="Of several runs all or none: where one cannot be resumed, it says which and why.",
         example="mlops-tui run resume 0192f --wait", writes=True, plans=True, waits="option"),
    Verb("run", "logs", RunLogs, LogChunk, "Print a run's output.",
         help="With --follow it goes on until the run ends.", example="mlops-tui run logs 0192f --follow"),
    Verb("run", "artifacts", RunArtifacts, ArtifactList, "List the files that a run produced, or copy them out.",
         help="With --to all of them are copied or none: each is checked before the first is in its place. A file that is there already is replaced with --force only.",
         example="mlops-tui run artifacts 0192f --to ./results", local=True),
    Verb("run", "metrics", RunMetrics, RunCurves, "Print the curves of a run's metrics.",
         help="A curve of many points comes as an envelope: of each stretch the least, the greatest and the last value.",
         example="mlops-tui run metrics 0192f roc_auc --buckets 100 --json"),
    Verb("run", "trends", RunTrends, Trends, "Print a metric of many runs in a few values each.",
         help="For sparklines: up to 100 runs in one question.",
         example="mlops-tui run trends 0192f 0193a --key roc_auc --buckets 8"),
    Verb("run", "fields", RunFields, Fields, "List what runs can be filtered, sorted and shown by.",
         help="The columns of the filter language, and the parameters, metrics and tags that runs of the project have. Counts may be a few seconds old.",
         example="mlops-tui run fields --prefix params."),
    Verb("run", "why", RunWhy, Why, "Say why each stage ran or came from the cache.",
         example="mlops-tui run why 0192f features"),
    Verb("run", "compare", RunCompare, Comparison, "Compare runs side by side, up to 100.",
         example="mlops-tui run compare 0192f 0193a"),
    Verb("run", "tag", RunTag, Marked, "Set or remove tags of runs.",
         help="All of the runs, or none. A tag that a person sets stands over one of the same name that the run logs itself, also later. Recorded in the ledger; "
         "`ledger undo` takes it back.",
         example="mlops-tui run tag 0192f 0193a --tag owner=ann --tag reviewed=yes --remove draft", writes=True),
    Verb("run", "note", RunNote, Marked, "Write a note on runs.",
         help="It replaces the note before. `run list --filter 'note: outage'` finds it.",
         example="mlops-tui run note 0192f 'the radar was down on the 3rd'", writes=True),
    Verb("run", "archive", RunSet, RunMarks, "Leave runs out of lists.",
         help="They stay as they are; `run list --archived` shows them too.",
         example="mlops-tui run archive --filter 'state = FAILED and age > 90d'", writes=True, plans=True),
    Verb("run", "unarchive", RunSet, RunMarks, "Show archived runs in lists again.",
         example="mlops-tui run unarchive 0192f", writes=True, plans=True),
    Verb("run", "delete", RunSet, RunMarks, "Delete runs: to the trash, for 30 days.",
         help="Refused for runs that are not over, that are what an alias names, that an open card or a running run needs, and for the "
         "lineage of what an alias names: the data, verdicts and drift that it stands on. `home gc` empties the trash.",
         example="mlops-tui run delete 0192f 0193a --reason 'wrong column'", writes=True, danger=True, plans=True),
    Verb("run", "adopt", RunAdopt, RunMarks, "Take up run folders from another box.",
         help="A run's folder is all of it: copy it (rsync) anywhere, or straight to its place in runs/. Ids stay; adopting twice is nothing; another run "
         "under the same id is refused.",
         example="mlops-tui run adopt /mnt/gpu-box/runs/2026-01/0192f3a4c5d6e7f8091a2b3c4d5e6f70", local=True, writes=True),
    Verb("run", "restore", RunSet, RunMarks, "Bring deleted runs back from the trash.",
         example="mlops-tui run restore 0192f", writes=True, plans=True),
]  # fmt: skip
