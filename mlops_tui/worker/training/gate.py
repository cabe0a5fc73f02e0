"""Stage `gate`: the verdict over candidate, champion and naive baseline on rows that neither has seen.

Never from the cache: to hold a candidate against a baseline is a look at the evaluation rows, and looks are counted. Where
nothing that a verdict follows from has changed, it takes look, alpha and checks of the verdict that it repeats (`candidate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from mlops_store.atomic import read_json, write_json
from mlops_store.looks import looks_before
from mlops_store.records import GateOutcome
from mlops_tui.worker.sources import TIME
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training import candidate, evaluation, leakage, rows
from mlops_tui.worker.training.evaluate import read_judged
from mlops_tui.worker.training.rows import ROW, Table
from mlops_tui.worker.training.selection import ROLE, TRAIN, Mask
from mlops_tui.worker.training.unseen import among, unseen
from mlops_tui.worker.training.version_files import Training

INPUTS = ("features", "train", "evaluate")
CACHED = False


def run(ctx: StageContext) -> None:
    """Writes gate.json (a GateOutcome). Raises Problem where a side has seen evaluation rows."""
    table = rows.read(ctx, "eval")
    refuse_leakage(ctx, table)
    trained, judged_on = candidate.digest(ctx), candidate.judged_on(ctx)
    known = candidate.registered(ctx, trained)
    past = candidate.repeated(ctx, known, judged_on) if known else None
    checks: Sequence[Any]
    if past is not None:
        outcome, checks = past.gate, past.gate.checks
        ctx.log(f"nothing has changed since verdict {past.verdict_id[:12]}: no look is spent")
    else:
        outcome, checks = judge(ctx)
    outcome.candidate, outcome.judged_on = trained, judged_on
    outcome.same_as, outcome.repeats = known.version if known else None, past.verdict_id if past else None
    write_json(ctx.out / "gate.json", outcome)
    write_json(ctx.out / "verdict.json", {"verdict": outcome.verdict, "gate": outcome, "checks": checks})
    ctx.artifact("verdict.json")
    ctx.tag("verdict", outcome.verdict)
    ctx.log(
        f"look {outcome.look} at these {outcome.evaluation_rows} rows ({outcome.clusters} clusters), alpha {outcome.alpha:.4g}"
    )
    for check in outcome.checks:
        ctx.log(f"{check.check}: {check.verdict} {check.reason}")
    better = "; better than the champion" if outcome.better_than_champion else ""
    ctx.log(f"verdict: {outcome.verdict}{better}")


def judge(ctx: StageContext) -> tuple[GateOutcome, Sequence[Any]]:
    """The verdict of a new look, and its checks slice by slice."""
    champion = ctx.worker.launch.champion
    task, metric = ctx.model.task, ctx.model.metric
    judged = read_judged(
        str(ctx.path("evaluate", "predictions.parquet")), task, ctx.fact("evaluate", "slices"), ctx.model.seed
    )
    key = str(ctx.fact("collect", "evaluation_key"))
    split_by = str(ctx.fact("collect", "split")["by"])
    look = looks_before(ctx.worker.launch.looked, key, split_by, ctx.fact("collect", "eval_batches")) + 1
    result = evaluation.judge(judged, ctx.model.gate.checks, metric, look)
    measured = read_json(ctx.path("evaluate", "evaluation.json"), dict)["metrics"]
    name = f"{champion.model}@{champion.version}" if champion else None
    outcome = evaluation.gate_outcome(result, metric, key, name, measured)
    outcome.split_by = split_by
    return outcome, result.checks


def refuse_leakage(ctx: StageContext, table: Table) -> None:
    """Raises Problem, with the offending rows kept as an artifact, where a training manifest meets the evaluation rows."""
    worker, rule = ctx.worker, ctx.fact("collect", "split")
    champion = worker.launch.champion
    trained = leakage.version_of(worker.objects, champion.tree).training if champion else None
    spine = _spine(ctx, trained)
    judging = spine[table.frame[ROW]]
    sides = {"the candidate": (training(ctx), _trained(ctx, spine, judging))}
    if champion is not None and trained is not None:
        sides[f"the champion, version {champion.version}"] = (trained, ~unseen(worker, judging, trained))
    for who, (trained, seen) in sides.items():
        found, why = leakage.offending(table.frame, trained, rule, seen)
        if found.height:
            problem = leakage.refusal(found, who, why, table.frame.height)
            raise ctx.worker.refuse(found, "leakage/evaluation_rows.parquet", problem)


def _spine(ctx: StageContext, champion: Training | None) -> pl.DataFrame:
    """The rows of the spine as `collect` left them, with the columns that tell them apart; without a key, with all."""
    rows = pl.scan_parquet(ctx.path("collect", "spine.parquet"), glob=False)
    key = ctx.worker.spine.key
    if key:
        wanted = {*key, TIME, ROLE, *(champion.split.get("key", []) if champion else [])}
        rows = rows.select(name for name in rows.collect_schema() if name in wanted)
    return rows.collect()


def _trained(ctx: StageContext, spine: pl.DataFrame, judging: pl.DataFrame) -> Mask:
    """Judging rows whose key is among the candidate's training rows; none where rows have no key of their own."""
    key = [name for name in ctx.worker.spine.key if name in spine.columns]
    return among(judging, spine.lazy().filter(pl.col(ROLE) == TRAIN), key)


def training(ctx: StageContext) -> Training:
    """The training manifest of the candidate."""
    return Training(
        source=ctx.model.spine,
        batches=ctx.fact("train", "batches"),
        rows=ctx.fact("train", "rows"),
        window=ctx.fact("search", "window"),
        min_event_time=ctx.fact("train", "min_event_time"),
        max_event_time=ctx.fact("train", "max_event_time"),
        split=ctx.fact("collect", "split"),
    )
