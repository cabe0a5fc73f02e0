"""A version predicts: `python -m mlops_tui.worker.production.scoring REQUEST.json`, run with its own interpreter.

The version's tree is checked out (every byte verified), its code/ comes first on the path, its mlops.toml and
recipe say what the features are. Exit 0: `out` and `report` are there. Exit 1: the reason is in `report`.
"""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlops_store.atomic import read_json, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.objects import Objects
from mlops_store.records import SourcePin
from mlops_store.snapshots import Snapshots
from mlops_tui.project.load import load as load_config
from mlops_tui.worker.assemble import ROW, assemble, model_sources, prepared
from mlops_tui.worker.production.version_child import ScoreReport, ScoringRequest
from mlops_tui.worker.recipe_loader import load_recipe
from mlops_tui.worker.training.labels import Floats, Labels
from mlops_tui.worker.training.version_files import LoadedVersion, load_version, read_version

CHUNK = 100_000
"""Rows encoded and predicted at a time: bounds the memory for the matrix."""


def main(arguments: list[str]) -> int:
    """Serves one request. Returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mlops_tui.worker.production.scoring REQUEST.json\n")
        return 2
    request = read_json(Path(arguments[0]), ScoringRequest)
    began = time.monotonic()
    try:
        report = serve(request)
    except Problem as problem:
        write_json(
            Path(request.report),
            ScoreReport(error=_error(problem.code, problem.message, problem.hint, problem.status)),
        )
        return 1
    except Exception as error:  # noqa: BLE001 - the parent gets the reason as a record, the log the traceback
        traceback.print_exc()
        text = f"{type(error).__name__}: {error}"
        write_json(
            Path(request.report),
            ScoreReport(error=_error("score_crashed", text, "the traceback is in the run's log", 1)),
        )
        return 1
    report.seconds = round(time.monotonic() - began, 3)
    write_json(Path(request.report), report)
    return 0


def serve(request: ScoringRequest) -> ScoreReport:
    """Predicts the request's rows into its `out`. Raises Problem."""
    home = Home.locate(request.home)
    folder = checkout(home, request.tree)
    version = read_version(folder)
    config = load_config(folder / "code")
    model = config.model_named(version.model)
    recipe = load_recipe(folder / "code", version.recipe)
    loaded = load_version(folder)
    spine = pl.read_parquet(request.spine, glob=False)
    ids = (
        spine.get_column(ROW)
        if ROW in spine.columns
        else pl.int_range(spine.height, dtype=pl.Int64, eager=True).alias(ROW)
    )
    _need_inputs(loaded, spine)
    wanted = [name for name in model_sources(model, recipe) if name in request.sources]
    sources = {name: source_files(home, request.sources[name]) for name in wanted}
    frame, statuses = assemble(
        prepared(spine.drop(ROW, strict=False), config, recipe, model), config, recipe, sources, model
    )
    predicted = predict(loaded, frame)
    out = pl.DataFrame([ids, *output_columns(loaded.labels, predicted)])
    out.write_parquet(request.out)
    if request.features_out:
        frame.write_parquet(request.features_out)
    return ScoreReport(
        rows=out.height,
        statuses=statuses,
        feature_service=version.feature_service,
        snapshots={name: request.sources[name].snapshot for name in wanted},
        probabilities=[name for name in out.columns if name.startswith("probability")],
        classes=list(loaded.labels.classes),
        task=version.task,
    )


def checkout(home: Home, tree: str) -> Path:
    """The tree as a folder in the cache, each byte checked when it is put there. Raises Problem."""
    return Objects(home).checkout(tree, home.cache / "versions" / tree)


def source_files(home: Home, pin: SourcePin) -> list[Path]:
    """The stored files of a pinned data version, oldest admission first."""
    files = Snapshots(home).read(home.resolve(pin.manifest)).files
    return [home.resolve(file.stored) for file in sorted(files, key=lambda file: file.admitted)]


def predict(loaded: LoadedVersion, frame: pl.DataFrame) -> Floats:
    """Predictions of assembled rows, in chunks. Raises Problem for missing columns, wrong types and NaN results."""
    loaded.encoding.check(frame)
    parts = []
    for start in range(0, frame.height, CHUNK):
        parts.append(loaded.predict(loaded.encoding.encode(frame.slice(start, CHUNK))))
    shape = (0, loaded.labels.count) if loaded.version.task == "multiclass" else (0,)
    found = np.concatenate(parts) if parts else np.zeros(shape)
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).reshape(len(found), -1).any(axis=1).sum())
        raise Problem(
            "bad_prediction",
            f"the model predicts NaN or infinite values for {bad} rows",
            "the estimator is at fault",
        )
    return found


def output_columns(labels: Labels, predicted: Floats) -> list[pl.Series]:
    """`prediction` (label or value), and `probability` (of the second label), or `probability_<label>` for each."""
    if labels.task == "regression":
        return [pl.Series("prediction", predicted)]
    if labels.task == "classification":
        return [labels.decode((predicted >= 0.5).astype(np.int64)), pl.Series("probability", predicted)]
    chosen = labels.decode(predicted.argmax(axis=1))
    return [
        chosen,
        *(pl.Series(f"probability_{label}", predicted[:, k]) for k, label in enumerate(labels.classes)),
    ]


def _need_inputs(loaded: LoadedVersion, spine: pl.DataFrame) -> None:
    """Raises Problem that names all spine columns which the version needs and the rows do not have."""
    missing = [column.name for column in loaded.signature.inputs if column.name not in spine.columns]
    if missing:
        given = [name for name in spine.columns if not name.startswith("__")]
        raise Problem(
            "input_columns",
            f"the input lacks {', '.join(map(repr, missing))}, which {loaded.version.model} needs",
            f"it has: {', '.join(map(repr, given[:20]))}",
        )


def _error(code: str, message: str, hint: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": hint, "status": status}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
