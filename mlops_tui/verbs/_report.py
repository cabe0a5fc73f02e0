"""What `model report` answers: the evidence of an evaluation, for charts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from mlops_tui.verbs._declare import Output, ProjectInput, arg, opt

Side = Literal["candidate", "champion"]


class ModelReport(ProjectInput, kw_only=True):
    model: Annotated[
        str, arg("MODEL, MODEL@3 or MODEL@alias; without @ the champion", metavar="MODEL[@VERSION]")
    ]
    run_id: Annotated[
        str | None, opt("a run that has judged it; default: its own training", "--run", metavar="RUN")
    ] = None
    points: Annotated[int, opt("at most this many points of a curve"), Meta(ge=10, le=500)] = 200


class ReportSide(Output, kw_only=True):
    """A version in this evaluation; `metrics` holds {value, low, high}. The candidate is the one that was judged, the champion the one beside it."""

    side: Side
    version: int | None = None
    metrics: dict[str, Any] = {}


class CurvePoints(Output, kw_only=True):
    """A curve of one side, `cls` against the rest where there are more than two classes. roc: x is the false positive rate, y the true positive rate;
    pr: x is recall, y precision. `threshold` null stands for infinity."""

    side: Side
    cls: str | None = None
    x: list[float | None]
    y: list[float | None]
    threshold: list[float | None] = []


class CalibrationBin(Output, kw_only=True):
    """Scores from `low` to `high`: their number, their mean, and the share of positives (null where there are none)."""

    side: Side
    cls: str | None = None
    low: float
    high: float
    rows: int
    mean_score: float | None = None
    positive_rate: float | None = None


class ConfusionCell(Output, kw_only=True):
    side: Side
    actual: str
    predicted: str
    rows: int


class ResidualBin(Output, kw_only=True):
    """Residuals (truth less prediction, in units of the target) from `low` to `high`."""

    side: Side
    low: float
    high: float
    rows: int


class ResidualQuantile(Output, kw_only=True):
    """The residual at a quantile, and the normal score that a normal one would have."""

    side: Side
    quantile: float
    residual: float | None = None
    normal_score: float | None = None


class ResidualsAt(Output, kw_only=True):
    """Residuals (truth less prediction) where the prediction is from `low` to `high`: their median, and what 10 % and 90 % of them are below."""

    side: Side
    low: float
    high: float
    rows: int
    mean_prediction: float
    p10: float
    median: float
    p90: float


class SliceValue(Output, kw_only=True):
    """The primary metric on a part of the rows; the interval is corrected for the number of slices."""

    slice: str
    rows: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    naive: float | None = None


class ReportRun(Output, kw_only=True):
    """A run that has judged the version, as the candidate or beside another: `kind` gate (its training) or evaluate."""

    run_id: str
    kind: str
    time: int
    rows: int | None = None
    candidate: int | None = None
    champion: int | None = None


class Report(Output, kw_only=True):
    """The evidence of one evaluation, as it was recorded. `missing` names files that are not there (any more), `runs` all runs that have
    judged the version. `importance` {of, features, …} is the training's."""

    model: str
    project: str
    version: int
    run_id: str
    kind: str
    time: int
    task: str = ""
    metric: str = ""
    direction: str = "max"
    rows: int | None = None
    clusters: int | None = None
    difference: dict[str, Any] | None = None
    sides: list[ReportSide]
    classes: list[str] = []
    confusion: list[ConfusionCell] = []
    roc: list[CurvePoints] = []
    pr: list[CurvePoints] = []
    calibration: list[CalibrationBin] = []
    residuals: list[ResidualBin] = []
    residual_quantiles: list[ResidualQuantile] = []
    residuals_by_prediction: list[ResidualsAt] = []
    slices: list[SliceValue] = []
    importance: dict[str, Any] | None = None
    missing: list[str] = []
    runs: list[ReportRun] = []
