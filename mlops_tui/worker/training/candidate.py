"""Whether a candidate is new, and whether holding it against the baseline tells anything that was not told before.

A verdict follows from the candidate, the baseline, and what each says of which evaluation rows. Where all of that is the
same, so is the verdict: it is taken from the look that it repeats, and no look is spent.
"""

from __future__ import annotations

import hashlib
import io
from typing import Any

import polars as pl

from mlops_store.atomic import canonical, sha256_bytes
from mlops_store.errors import Problem
from mlops_store.records import PastVerdict
from mlops_tui import capture
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training import leakage, settings
from mlops_tui.worker.training.evaluate import SIDES
from mlops_tui.worker.training.rows import ROW

_TRAINED = ("modules", "rows", "batches", "min_event_time", "max_event_time", "naive")
_FOUND = ("family", "params", "window")


def digest(ctx: StageContext) -> str:
    """Of what was trained, from which rows, by which recipe, code and interpreter; nothing of the run or of what judged it.

    The model stands by its sample of predictions: a model file holds addresses, and is another one after each fit.
    """
    worker = ctx.worker
    python = capture.interpreter()
    found: dict[str, Any] = {
        "recipe": worker.spec.recipe_hash,
        "checks": list(ctx.model.gate.checks),
        "code": worker.recipe.code_hash,
        "packages": worker.recipe.packages,
        "python": [python["path"], python["version"]],
        "scikit-learn": python["packages"].get("scikit-learn"),
        "seed": settings.read(worker).seed,
        "trained": {name: ctx.fact("train", name) for name in _TRAINED},
        "found": {name: ctx.fact("search", name) for name in _FOUND},
        "service": [ctx.fact("features", name) for name in ("feature_service", "feature_columns", "views")],
        "files": {name: sha for name, sha in ctx.outputs("train").items() if name != "model.skops"},
    }
    return sha256_bytes(canonical(found))


def judged_on(ctx: StageContext) -> str:
    """Digest of the evaluation rows: their labels, clusters and slices, and what candidate and naive baseline say of each."""
    frame = pl.read_parquet(ctx.path("evaluate", "predictions.parquet"), glob=False)
    champion = SIDES[-1]
    kept = [name for name in frame.columns if name != ROW and name.partition(":")[0] != champion]
    out = io.BytesIO()
    frame.select(kept).rechunk().write_ipc(out)
    return hashlib.sha256(out.getbuffer()).hexdigest()


def registered(ctx: StageContext, candidate: str) -> PastVerdict | None:
    """The newest verdict on the version that this candidate is; None where it is new, or the version's files are gone."""
    for past in reversed(ctx.worker.launch.judged):
        if past.gate.candidate == candidate and _whole(ctx, past.tree):
            return past
    return None


def repeated(ctx: StageContext, known: PastVerdict, rows: str) -> PastVerdict | None:
    """The newest verdict on that version, on the same rows, beside the same champion; beside any where the version is the
    champion now, since beside itself a model differs by nothing."""
    champion = ctx.worker.launch.champion
    name = f"{champion.model}@{champion.version}" if champion else None
    itself = champion is not None and champion.version == known.version
    alike = [
        past
        for past in ctx.worker.launch.judged
        if past.version == known.version and past.gate.judged_on == rows
    ]
    beside = [past for past in alike if past.gate.champion == name] or (alike if itself else [])
    return beside[-1] if beside else None


def _whole(ctx: StageContext, tree: str) -> bool:
    try:
        objects = ctx.worker.objects
        leakage.version_of(objects, tree)
        return all(objects.has(file.sha256) for file in objects.tree(tree).values())
    except Problem:
        return False
