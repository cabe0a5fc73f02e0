"""Features: views over sources, correct at every point in time."""

from __future__ import annotations

from typing import Annotated, Any

from mlops_store.records import Column
from mlops_tui.verbs._declare import ListInput, Output, Page, ProjectInput, Verb, arg, opt
from mlops_tui.verbs._shapes import Run, SubmitInput


class FeatureList(ListInput, kw_only=True):
    pass


class View(Output, kw_only=True):
    """A feature view; `knowledge` says where its knowledge time comes from, `assumed` where it has none."""

    project: str
    name: str
    version: int
    source: str
    entities: list[str]
    features: list[Column]
    max_age_ms: int | None = None
    knowledge: str = "assumed"
    description: str = ""
    created: int = 0


class FeatureShow(ProjectInput, kw_only=True):
    view: Annotated[str, arg("VIEW or VIEW@2", metavar="VIEW[@VERSION]")]


class ViewDetail(View, kw_only=True):
    """A view with its history, the model versions (`model@3`) that use it, and its code as `code_of`, the newest of them, has it: empty where none does."""

    definition: str = ""
    versions: list[dict[str, Any]] = []
    used_by: list[str] = []
    code: str = ""
    code_of: str = ""


class FeatureGet(SubmitInput, kw_only=True):
    views: Annotated[list[str], arg("views, or `view:feature` for one feature", metavar="VIEW")]
    entity: Annotated[
        dict[str, str], opt("value of an entity key; repeatable", kind="values", metavar="KEY=VALUE")
    ] = {}
    at: Annotated[int | None, opt("point in time; default: now", kind="time")] = None
    spine: Annotated[
        str | None,
        opt("CSV or Parquet of keys and event time, instead of --entity", kind="path", metavar="FILE"),
    ] = None
    output: Annotated[
        str | None, opt("write the rows to this CSV or Parquet file", kind="path", metavar="FILE")
    ] = None


VERBS = [
    Verb("feature", "list", FeatureList, Page[View], "List feature views.",
         empty="no feature views yet: a recipe's views are listed once a run has used them"),
    Verb("feature", "show", FeatureShow, ViewDetail, "Show a view, its versions and the models that use it."),
    Verb("feature", "get", FeatureGet, Run, "Look features up as they were known at a time.",
         help="Each value has a status: PRESENT, NO_ROW, TOO_OLD or NOT_YET_KNOWN. Waits, and prints the rows.",
         example="mlops-tui feature get weather_at_origin --entity origin=JFK --at 2013-05-01T12:00",
         writes=True, waits="always"),
]  # fmt: skip
