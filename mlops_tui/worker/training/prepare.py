"""Prepare: the recipe's `prepare` over all rows, and the checks that refuse leaking rows before anything is trained.

Writes `rows.parquet`: the prepared columns of all rows in arrival order, `__row` (Int64), `__time` (Datetime us UTC),
`__role`, `__batch_number`, `__cluster` (text; what the bootstrap resamples) and `__target` (as it is, NULL unlabelled).
"""

from __future__ import annotations

from typing import Any

import polars as pl

from mlops_store.errors import Problem
from mlops_tui.worker.assemble import ROW, feature_columns, prepared
from mlops_tui.worker.context import WorkerContext
from mlops_tui.worker.leakage import differing
from mlops_tui.worker.sources import TIME
from mlops_tui.worker.stage import StageContext
from mlops_tui.worker.training.selection import EVAL, HISTORY, ROLE, TRAIN
from mlops_tui.worker.views import late_columns

INPUTS = ("collect",)
USES_RECIPE = True

TARGET, CLUSTER = "__target", "__cluster"
_CHECKED_ROWS = 500
_KEPT_ROWS = 1000


def inputs(worker: WorkerContext) -> dict[str, Any]:
    model = worker.model
    return {
        "target": model.target,
        "task": model.task,
        "columns": model.columns,
        "cluster": model.gate.cluster,
        "late_columns": worker.spine.late_columns,
    }


def run(ctx: StageContext) -> None:
    """Raises Problem, with the offending rows as an artifact where it comes down to rows."""
    raw = pl.read_parquet(ctx.path("collect", "spine.parquet"), glob=False)
    frame = prepared(raw, ctx.config, ctx.worker.recipe, ctx.model)
    target = ctx.model.target
    if target not in frame.columns:
        raise Problem(
            "no_target", f"prepare does not return the target {target!r}", "keep or make it there", 2
        )
    values = frame[target].fill_nan(None) if frame[target].dtype.is_float() else frame[target]
    frame = frame.with_columns(values.alias(TARGET), _cluster(ctx, frame).alias(CLUSTER))
    _check_target(ctx, frame)
    _check_overlap(ctx, raw)
    if ctx.worker.recipe.prepare is not None:
        _check_row_wise(ctx, raw, frame)
        _check_late(ctx, raw)
    frame.write_parquet(ctx.out / "rows.parquet")
    ctx.facts["dropped_unlabelled"] = int(frame.filter(pl.col(ROLE) == HISTORY)[TARGET].null_count())
    ctx.log(f"{frame.height} rows, {ctx.facts['dropped_unlabelled']} without a target are not trained on")


def _cluster(ctx: StageContext, frame: pl.DataFrame) -> pl.Series:
    """The label of each row's cluster: its day (UTC), a column, or its key where there is no time."""
    source, name = ctx.worker.spine, ctx.model.gate.cluster
    if name == "day" or (not name and source.event_time):
        return frame[TIME].dt.date().cast(pl.String)
    columns = [name] if name else list(ctx.model.split.key or source.key)
    for column in columns:
        if column not in frame.columns:
            names = ", ".join(n for n in frame.columns if not n.startswith("__"))
            raise Problem(
                "missing_column",
                f"gate.cluster {column!r} is not a column of the rows",
                f"there are: {names}",
                2,
            )
    return frame.select(_text(columns)).to_series()


def _text(columns: list[str]) -> pl.Expr:
    return pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in columns], separator="\x1f")


def _check_target(ctx: StageContext, frame: pl.DataFrame) -> None:
    values = frame.filter(pl.col(ROLE) == TRAIN)[TARGET]
    task, kinds = ctx.model.task, values.n_unique()
    if task == "regression":
        if not values.dtype.is_numeric():
            raise Problem(
                "bad_target",
                f"the target {ctx.model.target!r} is {values.dtype}, regression needs numbers",
                "change the task",
                2,
            )
        if kinds < 2:
            raise Problem(
                "bad_target",
                f"all {values.len()} training rows have the target {values[0]}",
                "there is nothing to learn",
            )
        return
    if kinds < 2:
        raise Problem(
            "bad_target",
            f"all {values.len()} training rows are of one class ({values[0]})",
            "there is nothing to learn",
        )
    if task == "classification" and kinds > 2:
        raise Problem("bad_target", f"the target {ctx.model.target!r} has {kinds} values, classification means two",
                      'use task = "multiclass", or "regression" for numbers', 2)  # fmt: skip


def _check_overlap(ctx: StageContext, raw: pl.DataFrame) -> None:
    """No row may both train and judge; without a key, a row is all that it says."""
    key = list(ctx.worker.spine.key) or [name for name in raw.columns if not name.startswith("__")]
    train, judged = raw.filter(pl.col(ROLE) == TRAIN), raw.filter(pl.col(ROLE) == EVAL)
    both = train.join(judged.select(key).unique(), on=key, how="semi", nulls_equal=True)
    if both.height:
        problem = Problem("overlap", f"{both.height} training rows are among the evaluation rows (by {', '.join(key[:8])})",
                          "name the columns that tell rows apart in `key` of the source")  # fmt: skip
        raise ctx.worker.refuse(both.head(_KEPT_ROWS), "leakage/overlap-rows.parquet", problem)


def _check_row_wise(ctx: StageContext, raw: pl.DataFrame, frame: pl.DataFrame) -> None:
    """`prepare` on a few rows, in another order, must give what it gave among all of them."""
    picked = raw.with_row_index("__at").sample(
        min(_CHECKED_ROWS, raw.height), seed=ctx.model.seed, shuffle=True
    )
    at = picked["__at"]
    again = prepared(picked.drop("__at"), ctx.config, ctx.worker.recipe, ctx.model)
    there = frame[at]
    columns = [name for name in frame.columns if not name.startswith("__")]
    lost = [name for name in columns if name not in again.columns]
    wrong = lost + [
        name for name in columns if name in again.columns and differing(there[name], again[name]).any()
    ]
    if not wrong:
        return
    problem = Problem("not_row_wise", f"prepare is not row-wise: {', '.join(map(repr, wrong[:8]))} of a row changes with the rows around it",
                      "what looks at other rows belongs in a feature view or window_view, which keep to what was known")  # fmt: skip
    if lost:
        raise problem
    changed = pl.any_horizontal(differing(there[name], again[name]).alias(name) for name in wrong)
    shown = there.with_columns(again[name].alias(f"{name} (alone)") for name in wrong).filter(changed)
    raise ctx.worker.refuse(shown.head(_KEPT_ROWS), "leakage/not-row-wise.parquet", problem)


def _check_late(ctx: StageContext, raw: pl.DataFrame) -> None:
    """A feature must not change when what is known late is not there yet."""
    late = [name for name in late_columns(ctx.worker.spine, ctx.model) if name in raw.columns]
    if not late:
        return
    rows = raw.filter(pl.col(ROLE) == TRAIN).head(_CHECKED_ROWS)
    before = prepared(rows, ctx.config, ctx.worker.recipe, ctx.model)
    blank = rows.with_columns(pl.lit(None, dtype=rows.schema[name]).alias(name) for name in late)
    try:
        after = prepared(blank, ctx.config, ctx.worker.recipe, ctx.model)
    except Problem as without:
        ctx.log(
            f"prepare cannot do without the late columns ({without.message}): not checked for features made of them"
        )
        return
    own = [
        name
        for name in feature_columns(before, ctx.config, ctx.worker.recipe, ctx.model)
        if name in before.columns
    ]
    wrong = [name for name in own if name not in after.columns or differing(before[name], after[name]).any()]
    if wrong:
        problem = Problem("late_feature", f"{', '.join(map(repr, wrong))} are made of columns that are known too late ({', '.join(sorted(late))})",
                          "take them out of `columns`, or list them in late_columns of the source")  # fmt: skip
        shown = before.select(
            ROW, TIME, *[n for n in before.columns if n in (*ctx.worker.spine.key, *late, *wrong)]
        )
        raise ctx.worker.refuse(shown, "leakage/late-features.parquet", problem)
