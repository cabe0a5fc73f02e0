"""Models: versions, aliases and what was shown of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mlops_tui.project.takes import Takes
from mlops_tui.verbs._declare import ListInput, Output, Page, ProjectInput, Reason, Verb, arg, opt
from mlops_tui.verbs._report import ModelReport, Report
from mlops_tui.verbs._shapes import Model, ModelVersion, Run, SubmitInput

MODEL = arg("name of the model")
VERSION = arg("MODEL, MODEL@3 or MODEL@alias; without @ the champion", metavar="MODEL[@VERSION]")


class ModelList(ListInput, kw_only=True):
    pass


class ModelShow(ProjectInput, kw_only=True):
    model: Annotated[str, VERSION]
    as_of: Annotated[int | None, opt("as the registry was at this time", kind="time")] = None


class VersionDetail(ModelVersion, kw_only=True):
    """A version with what pins it: snapshots, feature service, code tree, environment, parameters, gate."""

    metric: str = ""
    direction: str = "max"
    gate: dict[str, Any] | None = None
    feature_service: list[str] = []
    pins: dict[str, int] = {}
    training_rows: int = 0
    digest: str = ""
    tree: str = ""
    python: str = ""
    params: dict[str, Any] = {}
    manifest: dict[str, Any] = {}
    waivers: list[dict[str, Any]] = []


class ModelDetail(Model, kw_only=True):
    """A model; `selected` is the version that was asked for, or the champion."""

    selected: VersionDetail | None = None
    as_of: int | None = None


class ModelEvaluate(SubmitInput, kw_only=True):
    model: Annotated[str, VERSION]
    data: Annotated[int | None, opt("data version of the spine; default: the newest", metavar="VERSION")] = (
        None
    )
    baseline: Annotated[str | None, opt("version to compare with on the same rows", metavar="VERSION")] = None


class ModelParameters(ProjectInput, kw_only=True):
    model: Annotated[str, arg("model of mlops.toml")]
    family: Annotated[str | None, opt("as if this kind of estimator were the only one; default: those of mlops.toml")] = None  # fmt: skip


class ParameterDrawn(Output, kw_only=True):
    """How the search of a family draws a parameter: it begins with `default`, then draws from `low` to `high` itself (both null: from the choices),
    evenly, or with `log` evenly in the logarithm."""

    family: str
    default: Any
    low: float | None = None
    high: float | None = None
    log: bool = False


class Parameter(Output, kw_only=True):
    """A parameter that a training takes. `value` is what mlops.toml says of it now: null where it says nothing, then the search draws it as
    `drawn` says, or (`required`) whoever starts a run has to name it. A list is searched over. `takes` says what a value can be."""

    name: str
    group: Literal["search", "estimator", "command"]
    help: str
    takes: Takes
    value: Any = None
    required: bool = False
    drawn: list[ParameterDrawn] = []


class Parameters(Output, kw_only=True):
    """What `run start --set` takes for a model. `families` are those that `family` can be; with `others`, any other name is taken too."""

    project: str
    model: str
    families: list[str] = []
    others: bool = False
    parameters: list[Parameter]


class ModelCompare(ProjectInput, kw_only=True):
    a: Annotated[str, arg("MODEL@2 or MODEL@alias", metavar="A")]
    b: Annotated[str, arg("MODEL@3 or MODEL@alias; a bare 3 or alias means the same model", metavar="B")]


class ModelCompareRow(Output, kw_only=True):
    """One thing compared. Sections: data, features, code, params, environment; diff has in `b` the changed lines of a file."""

    section: str
    key: str
    a: Any = None
    b: Any = None
    differs: bool = True


class MetricCompareRow(Output, kw_only=True):
    """A metric of both on the same rows: values with intervals {value, low, high}, and the interval of b − a."""

    metric: str
    a: dict[str, Any] = {}
    b: dict[str, Any] = {}
    difference: dict[str, Any] | None = None
    rows: int | None = None
    same_rows: bool = False


class ModelComparison(Output, kw_only=True):
    """`task` is that of both. `note` says why there is no difference of metrics, where there is none. `run_id` is the run that has judged both on the same rows: `model report`
    of either with `--run` has the evidence of both."""

    model: str
    a: int
    b: int
    task: str = ""
    rows: list[ModelCompareRow]
    metrics: list[MetricCompareRow] = []
    note: str = ""
    run_id: str | None = None


class ModelPromote(ProjectInput, kw_only=True):
    model: Annotated[str, arg("MODEL@VERSION", metavar="MODEL@VERSION")]
    alias: Annotated[str, opt("alias to move")] = "champion"
    expected_from: Annotated[
        int | None, opt("refuse unless the alias is on this version now (0: on none)", metavar="VERSION")
    ] = None
    verdict_id: Annotated[str | None, opt("refuse unless this is the version's newest verdict")] = None
    reason: Reason = ""


class ModelRollback(ProjectInput, kw_only=True):
    model: Annotated[str, MODEL]
    alias: Annotated[str, opt("alias to move back")] = "champion"
    expected_from: Annotated[
        int | None, opt("refuse unless the alias is on this version now", metavar="VERSION")
    ] = None
    reason: Reason = ""


class AliasMove(Output, kw_only=True, rename={"from_": "from"}):
    """One move of an alias; `seq` is its entry in the ledger."""

    project: str
    model: str
    alias: str
    from_: int | None = None
    to: int | None = None
    verdict_id: str | None = None
    verdict: str | None = None
    why: str = ""
    actor: str = ""
    time: int = 0
    seq: int = 0


class ModelHistory(ListInput, kw_only=True):
    model: Annotated[str, MODEL]


class ModelCard(ProjectInput, kw_only=True):
    model: Annotated[str, VERSION]


class Card(Output, kw_only=True):
    """A model card in Markdown, from recorded facts only."""

    model: str
    version: int
    markdown: str


class ModelWaive(ProjectInput, kw_only=True):
    model: Annotated[str, arg("MODEL@VERSION", metavar="MODEL@VERSION")]
    check: Annotated[str, opt("the check that is waived, as in mlops.toml")]
    reason: Reason
    lasts: Annotated[int, opt("how long it holds", "--for", kind="duration")] = 30 * 86_400_000


class Waiver(Output, kw_only=True):
    """A waiver stands beside the verdict, never instead of it."""

    model: str
    version: int
    verdict_id: str
    check: str
    name: str
    reason: str
    expires: int


VERBS = [
    Verb("model", "list", ModelList, Page[Model], "List registered models with their versions and aliases.",
         empty="no models yet: `mlops-tui run start MODEL --wait` trains and registers a first version"),
    Verb("model", "show", ModelShow, ModelDetail, "Show a model, or one version of it.",
         example="mlops-tui model show late-departure@champion --as-of 2026-01-31"),
    Verb("model", "parameters", ModelParameters, Parameters, "List the parameters that training a model takes.",
         help="Those of its search, and those of its estimators or of its command: what each takes, what it is now, and how a search draws it. "
         "`run start --set` and `run sweep --space` take them.",
         example="mlops-tui model parameters late-departure --family random_forest"),
    Verb("model", "evaluate", ModelEvaluate, Run, "Judge a version on a data version, in the background.",
         help="On rows that its training has not seen; it gives intervals and no verdict. Whoever sees the result has seen these rows, so the "
         "ledger counts a look at them, and the next gate that judges this model on the same rows is stricter.",
         example="mlops-tui model evaluate late-departure@2 --data 5 --wait", writes=True, plans=True, waits="option"),
    Verb("model", "report", ModelReport, Report, "Show the evidence of an evaluation: confusion, curves, slices.",
         help="As it was recorded when the version was trained, or by the run that --run names. The champion of that time is beside it, on the same rows.",
         example="mlops-tui model report late-departure@2 --json"),
    Verb("model", "compare", ModelCompare, ModelComparison, "Compare two versions: data, features, code, metrics.",
         example="mlops-tui model compare late-departure@1 2"),
    Verb("model", "promote", ModelPromote, AliasMove, "Move an alias (champion) to a version.",
         help="Refused, saying what changed, when --expected-from or --verdict-id do not match; and when the version's "
         "verdict is not PASS and not waived (exit code 4).",
         example="mlops-tui model promote late-departure@2 --expected-from 1", writes=True, danger=True, plans=True),
    Verb("model", "rollback", ModelRollback, AliasMove, "Move an alias back to where it was before.",
         example="mlops-tui model rollback late-departure --reason 'errors at JFK'",
         writes=True, danger=True, plans=True),
    Verb("model", "history", ModelHistory, Page[AliasMove], "List the moves of a model's aliases, newest first.",
         empty="no alias moves yet: `mlops-tui model promote MODEL@VERSION` moves one"),
    Verb("model", "card", ModelCard, Card, "Print a model card in Markdown."),
    Verb("model", "waive", ModelWaive, Waiver, "Waive one check of a version's gate, with a reason and an expiry.",
         help="A waiver stands beside the verdict, never instead of it: promote accepts it until it expires. "
         "`--check gate` answers for a version that no gate has judged.",
         example="mlops-tui model waive late-departure@2 --check 'worst_slice.roc_auc >= 0.6' --reason 'new terminal'",
         writes=True, danger=True),
]  # fmt: skip
