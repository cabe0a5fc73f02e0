"""Stage `register`: the candidate becomes a tree of objects, and the outcome asks for a version.

A candidate is registered whatever the verdict says: registered is not promoted. One that is a registered version already
becomes no second one. What is registered is proven to
predict what was trained: the tree is checked out again, loaded through the allow-list, and compared.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from mlops_store.atomic import copy_file, read_json, write_atomic, write_json
from mlops_store.errors import Problem
from mlops_store.ids import now_ms
from mlops_store.objects import Objects
from mlops_store.records import Column, FeatureView, GateOutcome, Outcome, TrainingOutcome
from mlops_tui import capture
from mlops_tui.project.code_files import code_files
from mlops_tui.project.load import recipe_hash
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.statistics.bins import build_profile
from mlops_tui.worker.training import gate, rows, settings, version_files
from mlops_tui.worker.training.evaluate import read_judged
from mlops_tui.worker.training.labels import Labels
from mlops_tui.worker.training.train import DAY_MS
from mlops_tui.worker.training.version_files import (
    Environment,
    EvaluationRows,
    PinnedSnapshot,
    Signature,
    VersionFile,
    VersionProfile,
)

INPUTS = ("features", "search", "train", "evaluate", "gate")
CACHED = False


def run(ctx: StageContext) -> None:
    """Writes the outcome. Raises Problem where the saved model does not predict as the trained one."""
    verdict = read_json(ctx.path("gate", "gate.json"), GateOutcome)
    objects = ctx.worker.objects
    if verdict.same_as is not None:
        same = next(past for past in ctx.worker.launch.judged if past.version == verdict.same_as)
        described = described_model(ctx, objects, same.tree)
        ctx.worker.write_outcome(Outcome(kind="train", training=outcome(ctx, same.tree, described, verdict)))
        ctx.log(f"the same as version {same.version}: nothing new was trained, verdict {verdict.verdict}")
        return
    tree = ctx.out / "tree"
    write_tree(ctx, tree)
    version_files.load_version(tree)
    digest = objects.put_tree(tree)
    shutil.rmtree(tree)
    described = described_model(ctx, objects, digest)
    ctx.worker.write_outcome(Outcome(kind="train", training=outcome(ctx, digest, described, verdict)))
    ctx.log(f"registered as tree {digest[:12]}, verdict {verdict.verdict}")


def described_model(ctx: StageContext, objects: Objects, digest: str) -> VersionFile:
    """What was put: read back from the objects, so that the record and the tree cannot differ."""
    files = objects.tree(digest)
    return version_files.decode_version(objects.read(files["version.json"].sha256))


def write_tree(ctx: StageContext, tree: Path) -> None:
    """All files of the version below `tree`."""
    tree.mkdir()
    for name in ("model.skops", "encoding.json", "sample.parquet"):
        copy_file(ctx.path("train", name), tree / name)
    copy_file(ctx.path("evaluate", "evaluation.json"), tree / "metrics.json")
    copy_code(ctx.worker.code_dir, tree / "code")
    code = ctx.worker.objects.put_tree(tree / "code")
    write_json(tree / "signature.json", signature(ctx))
    write_json(tree / "version.json", version_file(ctx, code))
    write_atomic(tree / "profile.json", msgspec.json.encode(profile(ctx)))


def copy_code(source: Path, target: Path) -> None:
    """The run's own copy of the project's code, whole: what the recipe could read in training it can read in scoring."""
    target.mkdir()
    for path, inner in code_files(source):
        copy_file(path, target / inner)


def signature(ctx: StageContext) -> Signature:
    """Raw spine columns that scoring needs, the model's features, and what it gives."""
    known = read_json(ctx.path("train", "labels.json"), Labels)
    frame = pl.read_parquet_schema(ctx.path("features", "train.parquet"))
    features = [Column(name=name, type=str(frame[name])) for name in ctx.fact("features", "feature_columns")]
    return Signature(inputs=delivered_inputs(ctx), features=features, output=output(known), labels=known)


def delivered_inputs(ctx: StageContext) -> list[Column]:
    """Event time, own feature columns and join keys, as far as they are delivered; the key where prepare() runs."""
    manifest = ctx.worker.manifest(ctx.model.spine)
    recipe, spine = ctx.worker.recipe, ctx.worker.spine
    needed = {spine.event_time, *ctx.fact("features", "feature_columns")}
    needed |= {entity for view in recipe.views.values() for entity in view.entities if _used(ctx, view.name)}
    if recipe.prepare is not None:
        needed |= set(spine.key)
    late = {*spine.late_columns, ctx.model.target}
    return [column for column in manifest.schema if column.name in needed - late]


def _used(ctx: StageContext, view: str) -> bool:
    return any(text.partition(":")[0] == view for text in ctx.model.features)


def output(known: Labels) -> list[Column]:
    if known.task == "regression":
        return [Column(name="prediction", type="float", nullable=False)]
    label = Column(name="prediction", type=known.dtype, nullable=False)
    if known.task == "classification":
        return [label, Column(name="probability", type="float", nullable=False)]
    return [label, *(Column(name=f"probability_{c}", type="float", nullable=False) for c in known.classes)]


def version_file(ctx: StageContext, code: str) -> VersionFile:
    """The pinned tuple."""
    worker, model = ctx.worker, ctx.model
    found = capture.interpreter()
    return VersionFile(
        project=worker.spec.project,
        model=model.name,
        run_id=worker.spec.run_id,
        created=now_ms(),
        task=model.task,
        metric=model.metric,
        direction=model.direction,
        target=model.target,
        recipe=model.recipe,
        recipe_hash=worker.spec.recipe_hash or recipe_hash(worker.config, model.name, worker.code_dir),
        code=code,
        code_hash=worker.recipe.code_hash,
        family=ctx.fact("search", "family"),
        params=ctx.fact("search", "params"),
        window=ctx.fact("search", "window"),
        seed=settings.read(worker).seed,
        snapshots={
            n: PinnedSnapshot(version=p.version, snapshot=p.snapshot)
            for n, p in worker.launch.sources.items()
        },
        feature_service=ctx.fact("features", "feature_service"),
        feature_columns=ctx.fact("features", "feature_columns"),
        views=msgspec.convert(ctx.fact("features", "views"), list[FeatureView]),
        training=gate.training(ctx),
        evaluation=msgspec.convert(ctx.fact("collect", "evaluation"), EvaluationRows),
        environment=Environment(
            python=found["path"],
            version=found["version"],
            platform=platform.platform(),
            packages=found["packages"],
        ),
        modules=ctx.fact("train", "modules"),
    )


def profile(ctx: StageContext) -> VersionProfile:
    """The training reference with the distribution of predictions on the evaluation rows, which differ from day to day:
    by days of event time, never by the gate's clusters, which may be as many as there are rows."""
    reference = msgspec.json.decode(ctx.path("train", "reference.json").read_bytes(), type=VersionProfile)
    judged = read_judged(str(ctx.path("evaluate", "predictions.parquet")), ctx.model.task, [], 0)
    predicted = judged.predictions["candidate"]
    values: Any = np.asarray(predicted.argmax(axis=1)) if predicted.ndim == 2 else predicted
    times = rows.read(ctx, "eval").times
    days = None if times is None else times // DAY_MS
    reference.prediction = build_profile(pl.DataFrame({"prediction": values}), days=days)
    return reference


def outcome(ctx: StageContext, digest: str, version: VersionFile, verdict: GateOutcome) -> TrainingOutcome:
    if verdict.same_as is None and version.run_id != ctx.worker.spec.run_id:
        raise Problem(
            "register_failed", "the tree that was put belongs to another run", "start the run again"
        )
    return TrainingOutcome(
        model=version.model,
        metric=version.metric,
        direction=version.direction,
        metrics=ctx.fact("evaluate", "metrics"),
        gate=verdict,
        tree=digest,
        digest=digest,
        manifest=msgspec.to_builtins(version),
        feature_service=version.feature_service,
        views=version.views,
        python=version.environment.python,
        pins={name: pin.version for name, pin in version.snapshots.items()},
        training_rows=version.training.rows,
        evaluation_batches=ctx.fact("collect", "eval_batches"),
    )
