"""What mlops.toml may say. Durations are milliseconds once read."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from mlops_store.errors import Problem
from mlops_tui.project.types import Cron, Duration, Feature, KOfN, Name, QuietHours, Windows
from mlops_tui.project.values import DEFAULT_METRIC, METRICS

Scalar = bool | int | float | datetime | date | str


class Table(BaseModel):
    """Base of all tables: unknown keys and wrong types are errors."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=False, populate_by_name=True
    )


class NotifyConfig(Table):
    """Who is told when a proposal opens or a verdict falls: a command (its stdin is the event as JSON) or a URL (POST)."""

    command: str = ""
    webhook: str = ""


class ProjectTable(Table):
    name: Name
    description: str = ""
    notify: NotifyConfig | None = None


class Expectation(Table):
    """Predicates over one column. All that are given must hold for each row that is not NULL (`not_null` for all)."""

    in_: list[Scalar] | None = Field(default=None, alias="in")
    min: int | float | datetime | date | None = None
    max: int | float | datetime | date | None = None
    not_null: bool = False
    unique: bool = False
    regex: str = ""
    severity: Literal["block", "warn"] = "block"

    def rules(self) -> dict[str, str]:
        """Name of a predicate → as it is written: {"min": "min 0", "not_null": "not_null"}, in the order they are checked."""
        found = {
            name: getattr(self, "in_" if name == "in" else name) for name in ("in", "min", "max", "regex")
        }
        given = {name: f"{name} {value}" for name, value in found.items() if value not in (None, "")}
        flags = {name: name for name in ("not_null", "unique") if getattr(self, name)}
        return {name: text if len(text) <= 84 else text[:84] + "…" for name, text in given.items()} | flags


class SourceConfig(Table):
    """A named place that data arrives at. `path` is a glob relative to the project's folder."""

    path: str = Field(min_length=1)
    key: list[str] = []
    event_time: str = ""
    known_at: str = ""
    knowledge_delay: Duration = 0
    label_delay: Duration = 0
    late_columns: list[str] = []
    expect: dict[str, Expectation] = {}
    description: str = ""
    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        return self._name

    @property
    def knowledge(self) -> str:
        """`column`, `delay`, or `assumed` where nothing says when a row could be known."""
        return "column" if self.known_at else "delay" if self.knowledge_delay else "assumed"


class SearchConfig(Table):
    """How long and where to look for parameters. `timeout` is milliseconds."""

    trials: int = Field(default=20, ge=1, le=10_000)
    families: list[str] = []
    timeout: Duration = 300_000
    cv_folds: int = Field(default=3, ge=2, le=20)
    seed: int = 0


class SplitConfig(Table):
    """How evaluation rows are told apart: in time, or by a hash of key columns. `by` "" = time where there is event time."""

    by: Literal["", "time", "key_hash"] = ""
    key: list[str] = []
    test_share: float = Field(default=0.2, gt=0.0, lt=1.0)


class GateConfig(Table):
    """`checks` as in the grammar of gate checks; `cluster` is "day" or a column ("" = day where there is event time)."""

    checks: list[str] = []
    cluster: str = ""


class NewDataRule(Table):
    min_new_rows: int = Field(ge=1)


class DriftRule(Table):
    k_of_n: KOfN = "2/3"


class DecayRule(Table):
    """Fires where the champion is worse than on its first mature chunks by more than `margin`, in k of n chunks."""

    k_of_n: KOfN = "2/3"
    margin: float = Field(default=0.0, ge=0.0)


class RetrainConfig(Table):
    """When to propose training again. A rule that is absent never fires."""

    on_new_data: NewDataRule | None = None
    on_drift: DriftRule | None = None
    on_decay: DecayRule | None = None
    schedule: Cron | None = None
    cool_down: Duration = 0
    expires: Duration = 30 * 86_400_000
    max_open: Literal[1] = 1
    quiet_hours: QuietHours | None = None
    auto_approve: bool = False
    auto_promote: Literal["never", "on_pass"] = "never"


class ModelConfig(Table):
    """A model: its recipe. With `command` the training code is the user's own and only tracked.

    `columns` are the columns of the spine's own rows (after `prepare`) that are features; None = all that are
    not key, time, target or late. `trusted_columns` may predict the target perfectly without being refused.
    """

    recipe: str = ""
    command: str = ""
    python: str = ""
    description: str = ""
    spine: str = ""
    target: str = ""
    task: Literal["", "classification", "multiclass", "regression"] = ""
    metric: str = ""
    features: list[Feature] = []
    columns: list[str] | None = None
    trusted_columns: list[str] = []
    slices: list[str] = []
    window: Windows = ["all"]
    params: dict[str, Any] = {}
    seed: int = 0
    search: SearchConfig = SearchConfig()
    split: SplitConfig = SplitConfig()
    gate: GateConfig = GateConfig()
    retrain: RetrainConfig = RetrainConfig()
    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        return self._name

    @property
    def direction(self) -> str:
        """`max` or `min`: which way the metric is better."""
        return METRICS.get(self.task, {}).get(self.metric, "max")

    @model_validator(mode="after")
    def _fill(self) -> ModelConfig:
        if self.task and not self.metric:
            self.metric = DEFAULT_METRIC[self.task]
        if self.metric and not self.gate.checks and not self.command:
            op = ">" if self.direction == "max" else "<"
            checks = [f"{self.metric} {op} champion", f"{self.metric} {op} naive"]
            self.gate = self.gate.model_copy(update={"checks": checks})
        return self


class ProjectConfig(Table):
    """The whole file."""

    project: ProjectTable
    source: dict[Name, SourceConfig] = {}
    model: dict[Name, ModelConfig] = {}
    notify: NotifyConfig | None = None
    _directory: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _names(self) -> ProjectConfig:
        for source_name, source in self.source.items():
            source._name = source_name
        for model_name, model in self.model.items():
            model._name = model_name
        if self.notify is None:
            self.notify = self.project.notify
        return self

    @property
    def name(self) -> str:
        return self.project.name

    @property
    def sources(self) -> dict[str, SourceConfig]:
        return self.source

    @property
    def models(self) -> dict[str, ModelConfig]:
        return self.model

    @property
    def directory(self) -> Path:
        """The folder that the file was loaded from."""
        return self._directory

    def source_named(self, name: str) -> SourceConfig:
        """Raises Problem where the project has no such source."""
        if name not in self.source:
            raise Problem(
                "no_source",
                f"project {self.name} has no source {name!r}",
                _there_are(self.source),
            )
        return self.source[name]

    def model_named(self, name: str) -> ModelConfig:
        """Raises Problem where the project has no such model."""
        if name not in self.model:
            raise Problem(
                "no_model",
                f"project {self.name} has no model {name!r}",
                _there_are(self.model),
            )
        return self.model[name]


def _there_are(names: dict[str, Any]) -> str:
    return f"mlops.toml has {', '.join(names)}" if names else "mlops.toml has none"
