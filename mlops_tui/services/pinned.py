"""What a version was made of: its `version.json`, read from the tree of objects that the ledger names by digest."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index.models import Row
from mlops_store.objects import Objects
from mlops_store.records import FeatureView

FILE = "version.json"
EVALUATION = "metrics.json"

T = TypeVar("T")


class Fact(msgspec.Struct, kw_only=True):
    """Base: what is not recorded is empty, what is recorded and not known here is ignored."""


class SliceResult(Fact):
    """The primary metric on a part of the evaluation rows; the interval is corrected for the number of slices."""

    slice: str
    rows: int | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    champion: float | None = None
    naive: float | None = None


class Evaluation(Fact):
    """What was measured before registration, as far as the ledger does not have it."""

    slices: list[SliceResult] = []


class PinnedSnapshot(Fact):
    version: int | None = None
    snapshot: str | None = None


class Training(Fact):
    """Which rows the model has seen; times are UTC ms."""

    source: str | None = None
    batches: list[str] = []
    rows: int | None = None
    window: str | None = None
    min_event_time: int | None = None
    max_event_time: int | None = None


class Environment(Fact):
    python: str | None = None
    version: str | None = None
    platform: str | None = None
    packages: dict[str, str] = {}


class Pinned(Fact):
    """The pinned tuple of a version. `code` is the digest of the tree of its code."""

    task: str | None = None
    target: str | None = None
    recipe_hash: str | None = None
    code: str | None = None
    code_hash: str | None = None
    family: str | None = None
    params: dict[str, Any] = {}
    window: str | None = None
    seed: int | None = None
    snapshots: dict[str, PinnedSnapshot] = {}
    feature_columns: list[str] = []
    views: list[FeatureView] = []
    training: Training = msgspec.field(default_factory=Training)
    environment: Environment = msgspec.field(default_factory=Environment)


def pinned(home: Home, row: Row) -> Pinned:
    """The pinned tuple of a registered version (`row` of `index.models.version`).

    A version without a `version.json` (a model of someone's own command) has its training manifest only. Raises Problem
    where the tree is missing or damaged.
    """
    found = _decoded(home, row, FILE, Pinned)
    return found if found is not None else Pinned(training=_converted(row))


def evaluation(home: Home, row: Row) -> Evaluation:
    """The evaluation of a registered version; empty where none is recorded. Raises Problem as `pinned` does."""
    return _decoded(home, row, EVALUATION, Evaluation) or Evaluation()


def _decoded(home: Home, row: Row, name: str, kind: type[T]) -> T | None:
    """A JSON file of the version's tree; None where it has none."""
    objects = Objects(home)
    try:
        file = objects.tree(row["tree"]).get(name) if row["tree"] else None
        return None if file is None else msgspec.json.decode(objects.read(file.sha256), type=kind)
    except msgspec.DecodeError as error:
        raise _damaged(row, error) from error


def _converted(row: Row) -> Training:
    try:
        return msgspec.convert(row["manifest"] or {}, Training)
    except msgspec.ValidationError as error:
        raise _damaged(row, error) from error


def _damaged(row: Row, error: Exception) -> Problem:
    return Problem(
        "version_damaged",
        f"what is recorded of {row['model']}@{row['version']} is not readable: {error}",
        "restore the home's objects from a backup; `mlops-tui doctor` lists what is damaged",
    )
