"""The evidence behind a version's metrics: curves, confusion, calibration, residuals and slices, as a training or an evaluation left them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mlops_store.atomic import read_json_if
from mlops_store.errors import Problem
from mlops_store.index import models, parquet
from mlops_store.index.models import Row
from mlops_store.index.tx import Read
from mlops_store.run_folder import RunFolder
from mlops_tui.services import run_rows
from mlops_tui.services.versions import Named, named, number_of
from mlops_tui.verbs._report import (
    CalibrationBin,
    ConfusionCell,
    CurvePoints,
    ModelReport,
    Report,
    ReportRun,
    ReportSide,
    ResidualBin,
    ResidualQuantile,
    ResidualsAt,
    SliceValue,
)

FOLDER = "evaluation"
_CURVES = {
    "roc": ("false_positive_rate", "true_positive_rate"),
    "pr": ("recall", "precision"),
}
_BINS: dict[str, tuple[str, type[Any]]] = {
    "confusion": ("confusion", ConfusionCell),
    "calibration": ("calibration", CalibrationBin),
    "residuals": ("residuals", ResidualBin),
    "residual_quantiles": ("residual_quantiles", ResidualQuantile),
    "residuals_by_prediction": ("residuals_by_prediction", ResidualsAt),
}
_OF_TASK = {"regression": ("residuals", "residual_quantiles", "residuals_by_prediction")}
_LATER = "residuals_by_prediction"
"""Was not written by evaluations of older programs: where it is not there, nothing is missing."""
_OF_CLASSES = ("roc", "pr", "calibration", "confusion")

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class _Judged:
    """What the ledger or the index has of an evaluation."""

    run: ReportRun
    metrics: Row
    beside: Row
    difference: Row | None
    clusters: int | None


class _Recorded(msgspec.Struct):
    """What is read of `evaluation.json`."""

    task: str = ""
    slices: list[SliceValue] = []


def report(read: Read, request: ModelReport) -> Report:
    """The evidence of the version's own gate, or of the run that is asked for. Raises Problem."""
    version = named(read, request.model, request.project)
    known = _all(read, version)
    judged = _chosen(read, request, version, known)
    folder = RunFolder(read.home.run_dir(judged.run.run_id)).artifacts
    recorded = _json(folder / FOLDER / "evaluation.json", _Recorded) or _Recorded()
    made = Report(
        model=version.model,
        project=version.project,
        version=version.version,
        run_id=judged.run.run_id,
        kind=judged.run.kind,
        time=judged.run.time,
        task=recorded.task,
        metric=version.row["metric"] or "",
        direction=version.row["direction"] or "max",
        rows=judged.run.rows,
        clusters=judged.clusters,
        difference=judged.difference,
        sides=_sides(judged),
        slices=recorded.slices,
        importance=_json(_own_training(read, version) / "importance.json", dict[str, Any]),
        runs=[one.run for one in known],
    )
    _add_files(made, folder / FOLDER, request.points)
    return made


def _sides(judged: _Judged) -> list[ReportSide]:
    sides = [ReportSide(side="candidate", version=judged.run.candidate, metrics=judged.metrics)]
    if judged.run.champion is not None:
        sides.append(ReportSide(side="champion", version=judged.run.champion, metrics=judged.beside))
    return sides


def _own_training(read: Read, version: Named) -> Path:
    return RunFolder(read.home.run_dir(version.row["run_id"])).artifacts


# --- which evaluation ---------------------------------------------------------------------------------------------


def _all(read: Read, version: Named) -> list[_Judged]:
    """The runs that have judged the version, its own training first, then newest first."""
    found = [_by_gate(version.row)]
    for row in models.evaluations_of(read, version.project, version.model, version.version):
        run = ReportRun(run_id=row["run_id"], kind="evaluate", time=row["created"], rows=row["evaluation_rows"],
                        candidate=row["version"], champion=row["baseline_version"])  # fmt: skip
        found.append(
            _Judged(
                run, row["metrics"] or {}, row["baseline_metrics"] or {}, row["difference"], row["clusters"]
            )
        )
    later = models.judged_beside(read, version.project, version.model, version.label)
    return found + [_by_gate(row) for row in later if row["version"] != version.version]


def _by_gate(row: Row) -> _Judged:
    """A training's own evaluation of what it made."""
    gate = row["gate"] or {}
    run = ReportRun(run_id=row["run_id"], kind="gate", time=row["created"], rows=gate.get("evaluation_rows"), candidate=row["version"],
                    champion=number_of(gate.get("champion")))  # fmt: skip
    return _Judged(
        run,
        row["metrics"] or {},
        gate.get("champion_metrics") or {},
        gate.get("difference"),
        gate.get("clusters"),
    )


def _chosen(read: Read, request: ModelReport, version: Named, known: list[_Judged]) -> _Judged:
    if request.run_id is None:
        return known[0]
    run_id = run_rows.find_run(read, request.run_id, request.project)
    for one in known:
        if one.run.run_id == run_id:
            return one
    names = ", ".join(one.run.run_id for one in known)
    raise Problem(
        "no_such_evaluation",
        f"run {run_id} has not judged {version.label}",
        f"these have: {names}",
    )


# --- files --------------------------------------------------------------------------------------------------------


def _json(path: Path, kind: Any) -> Any:
    """A JSON file as data; None where it is not there or not readable: what a chart lacks is named in `missing`."""
    try:
        return read_json_if(path, kind)
    except (OSError, msgspec.DecodeError):
        return None


def _add_files(made: Report, folder: Path, points: int) -> None:
    """What the files hold; without a known task whatever of them is there."""
    wanted = _OF_TASK.get(made.task, _OF_CLASSES) if made.task else (*_OF_CLASSES, *_OF_TASK["regression"])
    for name in wanted:
        path = folder / f"{name}.parquet"
        try:
            columns = parquet.read(path)
            if name in _CURVES:
                setattr(
                    made,
                    name,
                    [
                        _curve(side, cls, columns, places, *_CURVES[name], points)
                        for side, cls, places in _parts(columns)
                    ],
                )
            else:
                field, kind = _BINS[name]
                setattr(made, field, _structs(columns, kind))
        except (Problem, KeyError, msgspec.ValidationError):
            if path.exists() or (made.task and name != _LATER):
                made.missing.append(f"{FOLDER}/{name}.parquet")
    if not made.task and not any((made.roc, made.confusion, made.residuals)):
        made.missing.append(FOLDER)
    made.classes = list(dict.fromkeys(cell.actual for cell in made.confusion))


def _parts(columns: Columns) -> Iterator[tuple[Any, str | None, list[int]]]:
    """(side, class, row numbers) of each curve in a file, in order."""
    classes = columns.get("class") or [None] * len(columns["model"])
    places: dict[tuple[Any, str | None], list[int]] = {}
    for place, key in enumerate(zip(columns["model"], classes, strict=True)):
        places.setdefault(key, []).append(place)
    for (side, cls), rows in places.items():
        yield side, cls, rows


def _curve(
    side: Any, cls: str | None, columns: Columns, places: list[int], x: str, y: str, points: int
) -> CurvePoints:
    """At most `points` of the rows, evenly spaced, both ends among them."""
    count = len(places)
    picked = (
        places if count <= points else [places[round(n * (count - 1) / (points - 1))] for n in range(points)]
    )
    return CurvePoints(
        side=side, cls=cls, x=[columns[x][place] for place in picked], y=[columns[y][place] for place in picked],
        threshold=[columns["threshold"][place] for place in picked],
    )  # fmt: skip


def _structs(columns: Columns, kind: type[Any]) -> list[Any]:
    names = {"model": "side", "class": "cls"}
    keys = [names.get(name, name) for name in columns]
    rows = [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return msgspec.convert(rows, list[kind])  # type: ignore[valid-type]
