"""A registered version judged on data that it has not seen: `model evaluate MODEL@VERSION [--data VERSION]`.

Request: {version: VersionPin or number, baseline: VersionPin}. The rows are the mature, labelled ones of the pinned
data version that neither the version nor its baseline (else the champion, where that is another version) was
trained on. Labels and features are made by the version's own code. Each such run is a look at the rows.
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.home import scratch
from mlops_store.looks import looks_before
from mlops_store.records import EvaluationOutcome, Outcome, VersionPin
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.production.score import target_version
from mlops_tui.worker.production.version_child import score_version
from mlops_tui.worker.sources import BATCH, TIME, newest, scan, watermark, with_times
from mlops_tui.worker.statistics.gate import look_level
from mlops_tui.worker.training import curve_files, evaluation, leakage, selection, slices
from mlops_tui.worker.training.evaluate import in_class_order
from mlops_tui.worker.training.evaluation import Judged
from mlops_tui.worker.training.labels import Labels
from mlops_tui.worker.training.selection import Rule
from mlops_tui.worker.training.unseen import unseen
from mlops_tui.worker.training.version_files import Signature, Training, VersionFile

ROW = "__row"


@dataclass
class Eligible:
    """Rows that may judge: as delivered, with `__row`; their files, and how they were told apart."""

    frame: pl.DataFrame
    batches: list[str]
    rule: Rule


def run(worker: WorkerContext) -> None:
    """Writes an EvaluationOutcome. Raises Problem where there are no rows to judge by."""
    pin = target_version(worker)
    baseline = _baseline(worker, pin)
    version = leakage.version_of(worker.objects, pin.tree)
    sides = {f"{pin.model}@{pin.version}": version.training}
    if baseline is not None:
        sides[f"{baseline.model}@{baseline.version}"] = leakage.version_of(
            worker.objects, baseline.tree
        ).training
    eligible = eligible_rows(worker, sides)
    folder = scratch(worker.home, "evaluate")
    try:
        judged, names = _judged(worker, pin, baseline, version, eligible.frame, folder)
        outcome = _outcome(worker, pin, baseline, version, judged, eligible)
        _write_artifacts(worker, judged, names, outcome, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    worker.write_outcome(Outcome(kind="evaluate", evaluation=outcome))


def eligible_rows(worker: WorkerContext, sides: dict[str, Training]) -> Eligible:
    """Mature rows that no side was trained on. Raises Problem that says why there are none."""
    source = worker.spine
    batches = [file.sha256 for file in worker.batches(source.name)]
    frame = newest(scan(worker.source_files(source.name)).collect(), source.key)
    total = frame.height
    frame = with_times(frame.lazy(), source, f"source {source.name!r}").collect()
    if source.event_time:
        until = watermark(frame[TIME].dt.timestamp("ms").max(), worker.launch.launched)
        frame = frame.filter(pl.col(TIME).dt.timestamp("ms") + source.label_delay <= until)
    rule = _rule(worker, sides)
    mature = frame.height
    for who, trained in sides.items():
        before = frame.height
        frame = frame.filter(pl.Series(unseen(worker, frame, trained)))
        worker.log(f"{who} was not trained on {frame.height} of {before} mature rows")
        if before and not frame.height:
            raise Problem("leakage", f"{who} was trained on all {before} rows that could judge it",
                          "judge it on newer data: `mlops-tui data list` shows the versions")  # fmt: skip
    if not frame.height:
        raise Problem(
            "no_rows",
            f"none of {total} rows can judge: {total - mature} are not mature",
            "newer data, or a shorter label_delay",
        )
    numbers = frame[BATCH].to_list()
    own = [name for name in frame.columns if not name.startswith("__")]
    kept = frame.select(pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW), *own)
    return Eligible(kept, [batches[number] for number in numbers], rule)


def _rule(worker: WorkerContext, sides: dict[str, Training]) -> Rule:
    """How rows are told apart: by time where both sides know theirs, else by the key hash of their training."""
    if worker.spine.event_time and all(one.max_event_time is not None for one in sides.values()):
        split = next((one.split for one in sides.values() if one.split.get("by") == "key_hash"), None)
        if split is None:
            return Rule(by="time", key=[], share=0.0, kind="newest_batch")
    key = next((one.split for one in sides.values() if one.split.get("by") == "key_hash"), {})
    columns = list(key.get("key") or worker.model.split.key or worker.spine.key)
    return Rule(
        by="key_hash",
        key=columns,
        share=float(key.get("test_share", worker.model.split.test_share)),
        kind="key_hash",
    )


def _baseline(worker: WorkerContext, pin: VersionPin) -> VersionPin | None:
    asked = worker.request.get("baseline")
    other = msgspec.convert(asked, VersionPin) if isinstance(asked, dict) else worker.launch.champion
    return other if other is not None and other.version != pin.version else None


def _judged(
    worker: WorkerContext,
    pin: VersionPin,
    baseline: VersionPin | None,
    version: VersionFile,
    rows: pl.DataFrame,
    folder: Path,
) -> tuple[Judged, list[str]]:
    """Labels, clusters and predictions of the labelled rows, and the names of the classes."""
    spine, out, features = (folder / name for name in ("spine.parquet", "scores.parquet", "features.parquet"))
    rows.write_parquet(spine)
    report = score_version(worker.home, pin, spine, worker.launch.sources, out, features_out=features)
    found, frame = pl.read_parquet(out, glob=False), pl.read_parquet(features, glob=False)
    known = _labels(worker, pin)
    if version.target not in frame.columns:
        raise Problem("no_target", f"the rows have no target {version.target!r}", "judge on rows with labels")
    y, unseen = known.encode(frame[version.target])
    labelled = np.flatnonzero(np.isfinite(y))
    if not len(labelled):
        raise Problem(
            "no_rows", f"none of {len(y)} rows has a label in {version.target!r}", "wait for labels"
        )
    predictions = {
        "candidate": in_class_order(found, report.probabilities, report.classes, report.task, known)
    }
    if baseline is not None:
        worker.log(f"{baseline.model}@{baseline.version} predicts the same rows")
        other = score_version(worker.home, baseline, spine, worker.launch.sources, out)
        predictions["champion"] = in_class_order(
            pl.read_parquet(out, glob=False), other.probabilities, other.classes, other.task, known
        )
    classes = known.count + len(unseen)
    kept = frame[labelled]
    judged = Judged(
        task=version.task,
        y=y[labelled],
        clusters=_clusters(worker, kept),
        predictions={who: evaluation.widened(p[labelled], classes) for who, p in predictions.items()},
        slices=slices.masks(kept, worker.model.slices),
        seed=version.seed,
        rows=labelled,
    )
    return judged, [str(label) for label in (*known.classes, *unseen)]


def _used(eligible: Eligible, judged: Judged) -> list[str]:
    assert judged.rows is not None
    return sorted({eligible.batches[int(row)] for row in judged.rows})


def _labels(worker: WorkerContext, pin: VersionPin) -> Labels:
    data = worker.objects.read(worker.objects.tree(pin.tree)["signature.json"].sha256)
    return msgspec.json.decode(data, type=Signature).labels


def _clusters(worker: WorkerContext, frame: pl.DataFrame) -> Any:
    """What the bootstrap resamples, as in training: the day, a named column, or the key."""
    name = worker.model.gate.cluster
    if name == "day" or (not name and worker.spine.event_time):
        return frame[TIME].dt.date().cast(pl.String).to_numpy()
    columns = [name] if name else list(worker.model.split.key or worker.spine.key)
    missing = [column for column in columns if column not in frame.columns]
    if missing or not columns:
        raise Problem(
            "missing_column",
            f"gate.cluster {name!r} is not a column of the rows",
            "correct [model.….gate] cluster",
            status=2,
        )
    text = pl.concat_str(
        [pl.col(column).cast(pl.String).fill_null("") for column in columns], separator="\x1f"
    )
    return frame.select(text).to_series().to_numpy()


def _outcome(
    worker: WorkerContext,
    pin: VersionPin,
    baseline: VersionPin | None,
    version: VersionFile,
    judged: Judged,
    eligible: Eligible,
) -> EvaluationOutcome:
    metric = version.metric
    batches, split_by = _used(eligible, judged), eligible.rule.by
    key = selection.evaluation_key(version.training.source, batches, eligible.rule)
    look = looks_before(worker.launch.looked, key, split_by, batches) + 1
    alpha = look_level(look)
    values = evaluation.metric_values(judged, "candidate")
    for name, entry in values.items():
        worker.journal.metric(name, math.nan if entry["value"] is None else entry["value"])
    outcome = EvaluationOutcome(
        model=pin.model,
        version=pin.version,
        metrics=values,
        evaluation_key=key,
        evaluation_rows=len(judged.y),
        clusters=int(values[metric]["clusters"]),
        slices=evaluation.slice_values(judged, metric),
        evaluation_batches=batches,
        split_by=split_by,
    )
    worker.log(
        f"{metric} {values[metric]['value']} on {len(judged.y)} rows in {outcome.clusters} clusters, look {look}"
    )
    if baseline is not None:
        outcome.baseline_version = baseline.version
        outcome.baseline_metrics = evaluation.metric_values(judged, "champion")
        outcome.difference = evaluation.compare(judged, metric, alpha, f"{baseline.model}@{baseline.version}")
        worker.log(f"difference to version {baseline.version}: {outcome.difference.estimate} "
                   f"[{outcome.difference.low}, {outcome.difference.high}]")  # fmt: skip
    return outcome


def _write_artifacts(
    worker: WorkerContext, judged: Judged, names: list[str], outcome: EvaluationOutcome, folder: Path
) -> None:
    """evaluation/: evaluation.json and the data of charts."""
    made = folder / "evaluation"
    made.mkdir()
    write_json(made / "evaluation.json", outcome)
    for name in ("evaluation.json", *curve_files.write(judged, made, names)):
        worker.add_artifact(made / name, f"evaluation/{name}")
