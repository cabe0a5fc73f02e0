"""Collect: the spine's rows of the pinned data version, each with its role: train, eval, or history.

Writes `spine.parquet` (all rows of the spine up to the watermark in arrival order, the newest version of each key; its
columns, `__time` Datetime us UTC, `__batch_number`, `__role`) and `selection.json`:

    {spine, rule: {by, kind, …}, watermark, as_of, label_delay (ms), evaluation_key,
     training: {batches: [sha256], rows, min_event_time, max_event_time}, evaluation: {the same},
     left_out: {reason: rows}, sources: {name: {version, snapshot}}}

Times are UTC ms, None where the source has no event time. Facts: the same by name, and `pins`, `snapshots`,
`train_batches`, `eval_batches`, `max_event_time`, `split`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from mlops_store.atomic import canonical, sha256_bytes, write_json
from mlops_store.errors import Problem
from mlops_tui.worker import sources
from mlops_tui.worker.assemble import model_sources, prepared
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.sources import BATCH, TIME, newest, scan, with_times
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training import selection
from mlops_tui.worker.training.leakage import version_of
from mlops_tui.worker.training.selection import EVAL, HISTORY, ROLE, TRAIN, Choice, Rows, Rule
from mlops_tui.worker.training.unseen import unseen
from mlops_tui.worker.training.version_files import Training

INPUTS: tuple[str, ...] = ()
USES_RECIPE = True
_KEPT_ROWS = 1000


def inputs(worker: WorkerContext) -> dict[str, Any]:
    """What the choice of rows depends on, readable."""
    model, spine = worker.model, worker.spine
    found: dict[str, Any] = {
        f"data {name}": f"v{worker.manifest(name).version} {worker.manifest(name).snapshot}"
        for name in model_sources(model, worker.recipe)
    }
    found["spine"] = spine.model_dump(mode="json", by_alias=True, exclude={"expect", "path", "description"})
    found["split"] = model.split.model_dump()
    found["target"] = model.target
    found["as_of"] = worker.request.get("as_of")
    trained = _champion_training(worker)
    found["champion trained until"] = trained.max_event_time if trained else None
    found["champion trained on"] = _digest(trained)
    if (worker.manifest(spine.name).max_event_time or 0) > worker.launch.launched:
        found["now"] = worker.launch.launched  # rows ahead of the clock: what is mature changes by itself
    return found


def run(ctx: StageContext) -> None:
    """Raises Problem where there is too little data, or a column of the configuration is not in it."""
    worker, source = ctx.worker, ctx.worker.spine
    batches = worker.batches(source.name)
    frame = scan(worker.source_files(source.name)).collect()
    _need_columns(frame, [*source.key, *ctx.model.split.key], source.name)
    left_out: dict[str, int] = {}
    kept = newest(frame, source.key)
    left_out["older version of a key"] = frame.height - kept.height
    timed = with_times(kept.lazy(), source, f"source {source.name!r}").collect().drop("__known", strict=False)
    as_of = worker.request.get("as_of")
    if source.event_time and as_of is not None:
        until = pl.lit(int(as_of) * 1000).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        left_out["after as_of"] = int(timed.select((pl.col(TIME) > until).sum()).item())
        timed = timed.filter(pl.col(TIME) <= until)
    watermark = _watermark(timed, as_of, worker.launch.launched) if source.event_time else None
    rows = _rows(ctx, timed, [batch.sha256 for batch in batches], watermark, left_out)
    rule = _rule(ctx, rows)
    side = selection.key_side(timed, rule.key, rule.share) if rule.by == "key_hash" else None
    trained = _champion_training(worker)
    seen = None if trained is None else ~unseen(worker, timed, trained)
    until_ms = trained.max_event_time if trained else None
    choice = selection.choose(rows, rule, side, None if until_ms is None else until_ms * 1000, seen)
    left_out["trained the champion"] = 0 if choice.seen is None else int(choice.seen.sum())
    left_out["not earlier than the evaluation rows"] = (
        int((rows.usable & ~choice.train & ~choice.eval).sum()) - left_out["trained the champion"]
    )
    roles = np.where(choice.eval, EVAL, np.where(choice.train, TRAIN, HISTORY))
    timed.with_columns(pl.Series(ROLE, roles)).write_parquet(ctx.out / "spine.parquet")
    _record(ctx, rows, choice, watermark, left_out)


def _rows(
    ctx: StageContext,
    frame: pl.DataFrame,
    batches: list[str],
    watermark: int | None,
    left_out: dict[str, int],
) -> Rows:
    source = ctx.worker.spine
    labelled = _target(ctx, frame).is_not_null().to_numpy().copy()
    time = frame[TIME].to_physical().to_numpy() if source.event_time else None
    _refuse_future(ctx, frame, labelled)
    left_out["unlabelled"] = int((~labelled).sum())
    usable = labelled
    if time is not None and watermark is not None:
        mature = time + source.label_delay * 1000 <= watermark * 1000
        left_out["label not mature"] = int((labelled & ~mature).sum())
        usable = labelled & mature
    return Rows(frame[BATCH].to_numpy().astype(np.int64), usable, time, batches)


def _refuse_future(ctx: StageContext, frame: pl.DataFrame, labelled: selection.Mask) -> None:
    """A label cannot be known of what has not happened yet. Raises Problem, with the rows as an artifact."""
    if not ctx.worker.spine.event_time:
        return
    now = ctx.worker.launch.launched
    ahead = frame.filter(pl.Series(labelled) & (pl.col(TIME).dt.timestamp("ms") > now))
    if ahead.height:
        problem = Problem("future_rows", f"{ahead.height} labelled rows have an event time in the future (first: {ahead[TIME].min()!s})",
                          "is event_time the right column, in UTC?")  # fmt: skip
        raise ctx.worker.refuse(ahead.head(_KEPT_ROWS), "leakage/future-rows.parquet", problem)


def _target(ctx: StageContext, frame: pl.DataFrame) -> pl.Series:
    """The target of each row; `prepare` may be what makes it. Raises Problem where nothing does."""
    target = ctx.model.target
    if target not in frame.columns and ctx.worker.recipe.prepare is not None:
        frame = prepared(frame, ctx.config, ctx.worker.recipe, ctx.model)
    if target not in frame.columns:
        names = ", ".join(name for name in frame.columns if not name.startswith("__"))
        raise Problem(
            "no_target",
            f"there is no target column {target!r}",
            f"name one of these as the target in [model.{ctx.model.name}]: {names}",
            status=2,
        )
    values = frame[target]
    return values.fill_nan(None) if values.dtype.is_float() else values


def _rule(ctx: StageContext, rows: Rows) -> Rule:
    split, source = ctx.model.split, ctx.worker.spine
    by = split.by or ("time" if rows.time is not None else "key_hash")
    return Rule(by=by, key=list(split.key or source.key), share=split.test_share)


def _watermark(frame: pl.DataFrame, as_of: Any, launched: int) -> int:
    """Up to when the source tells (ms), or the moment that was asked for."""
    return (
        int(as_of) if as_of is not None else sources.watermark(frame[TIME].dt.timestamp("ms").max(), launched)
    )


def _record(
    ctx: StageContext, rows: Rows, choice: Choice, watermark: int | None, left_out: dict[str, int]
) -> None:
    source, worker = ctx.worker.spine, ctx.worker
    train, judged = _side(rows, choice.train), _side(rows, choice.eval)
    manifests = {name: worker.manifest(name) for name in model_sources(ctx.model, worker.recipe)}
    left_out = {reason: count for reason, count in left_out.items() if count}
    found: dict[str, Any] = {
        "spine": source.name,
        "rule": choice.rule.as_dict(),
        "watermark": watermark,
        "as_of": worker.request.get("as_of"),
        "label_delay": source.label_delay,
        "evaluation_key": selection.evaluation_key(source.name, judged["batches"], choice.rule),
        "training": train,
        "evaluation": judged,
        "left_out": left_out,
        "sources": {name: {"version": m.version, "snapshot": m.snapshot} for name, m in manifests.items()},
    }
    write_json(ctx.out / "selection.json", found)
    ctx.artifact("selection.json")
    ctx.facts.update(found)
    ctx.facts.update(
        pins={name: m.version for name, m in manifests.items()},
        snapshots={name: m.snapshot for name, m in manifests.items()},
        train_batches=train["batches"],
        eval_batches=judged["batches"],
        max_event_time=train["max_event_time"],
        split=choice.rule.as_dict(),
    )
    left = ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "none"
    ctx.log(
        f"{train['rows']} rows of {len(train['batches'])} batches to train on, {judged['rows']} of "
        f"{len(judged['batches'])} to judge by ({choice.rule.kind}); left out: {left}"
    )


def _side(rows: Rows, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> dict[str, Any]:
    numbers = np.unique(rows.batch[mask])
    times = None if rows.time is None else rows.time[mask]
    return {
        "batches": sorted(rows.batches[int(number)] for number in numbers),
        "rows": int(mask.sum()),
        "min_event_time": None if times is None else int(times.min()) // 1000,
        "max_event_time": None if times is None else int(times.max()) // 1000,
    }


def _champion_training(worker: WorkerContext) -> Training | None:
    """The champion's training manifest, None without a champion. Raises Problem where its tree is damaged."""
    champion = worker.launch.champion
    return version_of(worker.objects, champion.tree).training if champion else None


def _digest(trained: Training | None) -> str | None:
    """Identity of what the champion was trained on, short."""
    if trained is None:
        return None
    return sha256_bytes(canonical([trained.source, sorted(trained.batches), trained.split]))[:16]


def _need_columns(frame: pl.DataFrame, columns: list[str], source: str) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise Problem(
            "missing_column",
            f"source {source!r} has no column {missing[0]!r}",
            "correct `key` in mlops.toml",
            2,
        )
