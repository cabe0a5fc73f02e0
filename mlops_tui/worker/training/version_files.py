"""What a registered version is made of: the files of its tree, written by register, read by scoring.

`model.skops` the model · `encoding.json` · `signature.json` · `version.json` the pinned tuple · `profile.json` the
reference for drift · `metrics.json` · `sample.parquet` encoded rows with the predictions they must give ·
`code/` the project's code as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import polars as pl

from mlops_store.atomic import read_json
from mlops_store.errors import Problem
from mlops_store.records import Column, FeatureView
from mlops_tui.worker.statistics.bins import Profile
from mlops_tui.worker.training import encoding, families, modelfile
from mlops_tui.worker.training.encoding import Encoding, Matrix
from mlops_tui.worker.training.labels import Floats, Labels

T = TypeVar("T")

FORMAT = 1
TOLERANCE = 1e-9
SAMPLE_ROWS = 256
_PREDICTION = "__prediction_"


class Signature(msgspec.Struct, kw_only=True):
    """`signature.json`: what goes in, what comes out. `inputs` are spine columns that a scored file must have;
    `features` the model's columns in order, own columns and `view@version:feature` alike."""

    inputs: list[Column]
    features: list[Column]
    output: list[Column]
    labels: Labels


class PinnedSnapshot(msgspec.Struct, kw_only=True):
    version: int
    snapshot: str


class Training(msgspec.Struct, kw_only=True):
    """The training manifest: exactly which rows the model has seen.

    `batches` are sha256s of delivered files; `min_event_time`, `max_event_time` (ms) bound the rows; `split` says how
    rows were kept from training where time does not part them; `window` is the one that was chosen.
    """

    source: str
    batches: list[str]
    rows: int
    window: str
    min_event_time: int | None = None
    max_event_time: int | None = None
    split: dict[str, Any] = {}


class EvaluationRows(msgspec.Struct, kw_only=True):
    """Which rows the gate judged the model by; as in `Training`."""

    batches: list[str]
    rows: int
    min_event_time: int | None = None
    max_event_time: int | None = None


class Environment(msgspec.Struct, kw_only=True):
    """The interpreter that trained, and every distribution it saw. `python` is its path, `version` sys.version."""

    python: str
    version: str
    platform: str
    packages: dict[str, str]


class VersionFile(msgspec.Struct, kw_only=True):
    """`version.json`: the pinned tuple. `code` is the tree digest of `code/`; `modules` may be loaded from.

    `evaluation` is None in files from before it was recorded.
    """

    project: str
    model: str
    run_id: str
    created: int
    task: str
    metric: str
    direction: str
    target: str
    recipe: str
    recipe_hash: str
    code: str
    code_hash: str
    family: str
    params: dict[str, Any]
    window: str
    seed: int
    snapshots: dict[str, PinnedSnapshot]
    feature_service: list[str]
    feature_columns: list[str]
    views: list[FeatureView]
    training: Training
    environment: Environment
    modules: list[str] = []
    evaluation: EvaluationRows | None = None
    format: int = FORMAT


class VersionProfile(msgspec.Struct, kw_only=True):
    """`profile.json`: references for drift. `features` and `label` are of the training rows, `prediction` of the
    evaluation rows (P(class 1), the class number of the most likely class, or the value)."""

    features: Profile
    label: Profile
    prediction: Profile | None = None


@dataclass
class LoadedVersion:
    """A version ready to predict."""

    folder: Path
    version: VersionFile
    signature: Signature
    encoding: Encoding
    model: Any

    @property
    def labels(self) -> Labels:
        return self.signature.labels

    def predict(self, matrix: Matrix) -> Floats:
        """P(class 1) (n,), class probabilities (n, K), or values (n,)."""
        return families.predict(self.model, matrix, self.version.task, self.labels.count)


def read_version(folder: Path) -> VersionFile:
    """The pinned tuple of a tree. Raises Problem where it is missing, damaged or from a later program."""
    try:
        return decode_version((folder / "version.json").read_bytes())
    except FileNotFoundError:
        raise Problem(
            "version_damaged", f"the version in {folder} has no version.json", "restore it from a backup"
        ) from None


def decode_version(data: bytes) -> VersionFile:
    """The pinned tuple of its JSON. Raises Problem where it is damaged or from a later program."""
    try:
        found = msgspec.json.decode(data, type=VersionFile)
    except msgspec.DecodeError as error:
        raise Problem(
            "version_damaged", f"version.json is not readable: {error}", "restore it from a backup"
        ) from error
    if found.format > FORMAT:
        raise Problem(
            "version_newer",
            f"version.json has format {found.format}, this program knows {FORMAT}",
            "upgrade mlops-tui",
            status=3,
        )
    return found


def read_profile(folder: Path) -> VersionProfile:
    return _read(folder, "profile.json", VersionProfile)


def load_version(folder: Path) -> LoadedVersion:
    """Model, encoding and signature of a checked-out tree, proven to predict what it predicted when registered.

    Code that the model's types come from has to be imported before. Raises Problem.
    """
    version = read_version(folder)
    loaded = LoadedVersion(
        folder=folder,
        version=version,
        signature=_read(folder, "signature.json", Signature),
        encoding=encoding.load((folder / "encoding.json").read_bytes()),
        model=modelfile.load(folder / "model.skops", version.modules),
    )
    check_sample(loaded, folder / "sample.parquet")
    return loaded


def write_sample(path: Path, names: list[str], matrix: Matrix, predicted: Floats) -> None:
    """Keeps at most 256 evenly spaced encoded rows with their predictions."""
    picks = (
        np.unique(np.linspace(0, len(matrix) - 1, min(SAMPLE_ROWS, len(matrix))).astype(np.int64))
        if len(matrix)
        else np.zeros(0, np.int64)
    )
    rows = pl.DataFrame(matrix[picks], schema=[f"{i}" for i in range(len(names))], orient="row")
    outputs = predicted[picks].reshape(len(picks), -1)
    rows.with_columns(
        [pl.Series(f"{_PREDICTION}{k}", outputs[:, k]) for k in range(outputs.shape[1])]
    ).write_parquet(path)


def check_sample(loaded: LoadedVersion, path: Path) -> None:
    """Raises Problem where the model, as loaded here and now, predicts otherwise than when it was registered."""
    try:
        rows = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Problem(
            "version_damaged",
            f"{path.name} of the version is not readable: {error}",
            "restore it from a backup",
        ) from error
    outputs = [name for name in rows.columns if name.startswith(_PREDICTION)]
    wanted = rows.select(outputs).to_numpy()
    matrix = np.asfortranarray(rows.drop(outputs).to_numpy(), dtype=np.float64)
    if not len(matrix):
        return
    given = loaded.predict(matrix).reshape(len(matrix), -1)
    worst = (
        float(np.max(np.abs(given - wanted) / np.maximum(1.0, np.abs(wanted))))
        if given.shape == wanted.shape
        else float("inf")
    )
    if not worst <= TOLERANCE:
        raise Problem("model_changed", f"the loaded model predicts otherwise than when it was registered (by {worst:.3g})",
                      "the packages of its interpreter have changed: restore them, or train again")  # fmt: skip


def _read(folder: Path, name: str, kind: type[T]) -> T:
    try:
        return read_json(folder / name, kind)
    except FileNotFoundError:
        raise Problem(
            "version_damaged", f"the version in {folder} has no {name}", "restore it from a backup"
        ) from None
    except msgspec.DecodeError as error:
        raise Problem(
            "version_damaged", f"{name} of the version is not readable: {error}", "restore it from a backup"
        ) from error
