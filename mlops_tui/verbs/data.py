"""Data: sources, their versions and what was not admitted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mlops_store.records import Column
from mlops_tui.verbs._declare import ListInput, Output, Page, ProjectInput, Reason, Verb, arg, opt
from mlops_tui.verbs._shapes import DataVersion, Run, SubmitInput

SOURCE = arg("source of mlops.toml")


class DataList(ListInput, kw_only=True):
    source: Annotated[str | None, arg("only this source")] = None


class DataShow(ProjectInput, kw_only=True):
    source: Annotated[str, arg("SOURCE, or SOURCE@3 for an older version", metavar="SOURCE[@VERSION]")]


class Batch(Output, kw_only=True):
    """One admitted file."""

    path: str
    sha256: str
    rows: int
    bytes: int
    admitted: int
    min_event_time: int | None = None
    max_event_time: int | None = None


class ExpectationResult(Output, kw_only=True):
    """What the check of the files that came with a version found: the rows that broke it (0: none did), and what was said then."""

    version: int
    rows: int = 0
    said: str = ""


class Expected(Output, kw_only=True):
    """An expectation of mlops.toml as it is now, and how it was kept, version by version, newest first. `refused`: files in the quarantine
    for it."""

    column: str
    rule: str
    severity: Literal["block", "warn"]
    results: list[ExpectationResult] = []
    refused: int = 0


class DataDetail(DataVersion, kw_only=True):
    """A data version with its files, columns and profile (one entry a column), and what is expected of its source. `rows` were delivered;
    `current_rows` of them count, the last of each key (None: without a key, or not counted). The profile is of the rows as delivered."""

    batches: list[Batch] = []
    schema: list[Column] = []
    profile: list[dict[str, Any]] = []
    current_rows: int | None = None
    warnings: list[dict[str, Any]] = []
    expectations: list[Expected] = []


class DataAdd(SubmitInput, kw_only=True):
    source: Annotated[str, SOURCE]
    paths: Annotated[list[str], arg("files to admit, wherever they are", kind="path", metavar="FILE")]


class DataDiff(ProjectInput, kw_only=True):
    source: Annotated[str, SOURCE]
    a: Annotated[int | None, arg("older version; default: the one before")] = None
    b: Annotated[int | None, arg("newer version; default: the newest")] = None


class SchemaChange(Output, kw_only=True):
    """A column that was added, removed or changed its type or nullability."""

    column: str
    change: str
    before: str | None = None
    after: str | None = None


class Difference(Output, kw_only=True):
    """What version `b` has that `a` had not, and the other way round."""

    source: str
    a: int
    b: int
    rows_a: int
    rows_b: int
    added: list[Batch] = []
    removed: list[Batch] = []
    replaced: list[Batch] = []
    schema: list[SchemaChange] = []
    columns: list[dict[str, Any]] = []
    keys: dict[str, int] | None = None


class DataQuarantine(ListInput, kw_only=True):
    source: Annotated[str | None, arg("only this source")] = None


class Quarantined(Output, kw_only=True):
    """A delivered file that was not admitted; state is waiting, redriven or dropped."""

    project: str
    source: str
    sha256: str
    path: str
    bytes: int
    reason: str
    details: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    time: int
    state: str = "waiting"


class QuarantineRef(ProjectInput, kw_only=True):
    sha256: Annotated[str, arg("sha256 of the file, or a start of it", metavar="SHA256")]
    reason: Reason = ""


class Redrive(SubmitInput, kw_only=True):
    sha256: Annotated[str, arg("sha256 of the file, or a start of it", metavar="SHA256")]
    force: Annotated[
        bool, opt("admit it although expectations are broken; keys, times and schema stay strict")
    ] = False
    reason: Reason = ""


VERBS = [
    Verb("data", "list", DataList, Page[DataVersion], "List data versions, newest first.",
         empty="no data versions yet: files that arrive in a source's folder are admitted; `mlops-tui data add SOURCE FILE` adds one now"),
    Verb("data", "show", DataShow, DataDetail, "Show a data version: files, columns, profile.",
         example="mlops-tui data show flights@3"),
    Verb("data", "add", DataAdd, Run, "Check files and admit them as batches of a source.",
         help="Waits for the check and prints what was admitted; a refused file goes to the quarantine (exit code 1).",
         example="mlops-tui data add flights ~/Downloads/2013-07.parquet", writes=True, plans=True,
         waits="always"),
    Verb("data", "diff", DataDiff, Difference, "Show what changed between two versions.",
         example="mlops-tui data diff flights 2 3"),
    Verb("data", "quarantine", DataQuarantine, Page[Quarantined], "List what was not admitted, and why.",
         empty="no file waits in the quarantine: what is refused is kept there, with the reason"),
    Verb("data", "redrive", Redrive, Run, "Check a quarantined file again, after the rules or the data changed.",
         writes=True, plans=True, waits="always"),
    Verb("data", "drop", QuarantineRef, Quarantined, "Drop a quarantined file for good.", writes=True, danger=True,
         plans=True),
]  # fmt: skip
