"""The evidence of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_tui.pages.parts import (
    BULLET,
    count,
    interval,
    level,
    minute,
    names,
    record,
    records,
    score,
    share,
)
from mlops_tui.pages.surface import Surface
from mlops_tui.verbs._report import CurvePoints, Report

_POINTS = 8
_FEATURES = 10


def report(found: Report, screen: Surface) -> None:
    by = "its own training" if found.kind == "gate" else "model evaluate"
    screen.title(f"{found.model}@{found.version} of {found.project}")
    screen.facts([
        ("judged by", f"{by}, run {found.run_id}, {minute(found.time)} UTC"), ("task", found.task),
        ("on", f"{found.rows:,} rows in {count(found.clusters)} clusters" if found.rows is not None else None),
    ])  # fmt: skip
    _metrics(found, screen)
    if found.confusion:
        screen.heading("CONFUSION", "rows by what they are and what was said")
        screen.table(
            ("side", "actual", "said", "rows"),
            [(c.side, c.actual, c.predicted, c.rows) for c in found.confusion],
        )
    _curves("ROC", ("false positives", "true positives"), found.roc, screen)
    _curves("PRECISION AND RECALL", ("recall", "precision"), found.pr, screen)
    if found.calibration:
        screen.heading("CALIBRATION", "what was said, and what came")
        screen.table(
            ("side", "class", "scores", "rows", "mean score", "came true"),
            [(b.side, b.cls or "-", f"{b.low:.1f} to {b.high:.1f}", b.rows, score(b.mean_score), share(b.positive_rate)) for b in found.calibration],
            drop=("class",),
        )  # fmt: skip
    if found.residual_quantiles:
        screen.heading("RESIDUALS", "truth less prediction, by quantile")
        some = [
            one for one in found.residual_quantiles if round(one.quantile * 100) in (1, 5, 25, 50, 75, 95, 99)
        ]
        screen.table(
            ("side", "quantile", "residual"), [(q.side, f"{q.quantile:.2f}", score(q.residual)) for q in some]
        )
    if found.residuals_by_prediction:
        screen.heading("RESIDUALS BY PREDICTION", "truth less prediction")
        screen.table(
            ("side", "predicted", "rows", "10 % below", "median", "90 % below"),
            [(r.side, f"{score(r.low)} to {score(r.high)}", r.rows, score(r.p10), score(r.median), score(r.p90)) for r in found.residuals_by_prediction],
        )  # fmt: skip
    if found.slices:
        screen.heading("SLICES", found.metric)
        screen.table(
            ("slice", "rows", "candidate", "champion", "naive"),
            [(s.slice, s.rows, interval({"value": s.value, "low": s.low, "high": s.high}), score(s.champion), score(s.naive)) for s in found.slices],
        )  # fmt: skip
    features = records((found.importance or {}).get("features"))[:_FEATURES]
    if features:
        screen.heading("IMPORTANCE", str((found.importance or {}).get("of", "")))
        screen.table(
            ("feature", "loss"), [(str(one.get("feature")), score(one.get("loss"))) for one in features]
        )
    if found.missing:
        screen.text(f"not there any more: {names(found.missing, 10)}", BULLET)
    if len(found.runs) > 1:
        screen.heading("JUDGED BY", "--run shows another")
        screen.table(
            ("run", "kind", "when", "version", "beside", "rows"),
            [(one.run_id, one.kind, minute(one.time), one.candidate, one.champion, one.rows) for one in found.runs], keep=("run",),
        )  # fmt: skip


def _metrics(found: Report, screen: Surface) -> None:
    sides = {side.side: side for side in found.sides}
    heads = [f"version {side.version}" if side.version is not None else side.side for side in found.sides]
    keys = sorted({key for side in sides.values() for key in side.metrics})
    screen.heading("METRICS")
    screen.table(
        ("metric", *heads),
        [(key, *(interval(side.metrics.get(key)) for side in found.sides)) for key in keys],
        "none are recorded",
    )
    difference = record(found.difference)
    if difference:
        screen.text(
            f"{found.metric}: {interval(difference, difference=True)} at {level(difference.get('level'))}, positive where the candidate is better",
            BULLET,
        )


def _curves(title: str, axes: tuple[str, str], curves: Sequence[CurvePoints], screen: Surface) -> None:
    if not curves:
        return
    screen.heading(title, "a few points; --json has all")
    rows = []
    for curve in curves:
        last = len(curve.x) - 1
        for place in sorted({round(n * last / (_POINTS - 1)) for n in range(_POINTS)} if last >= 0 else ()):
            rows.append((curve.side, curve.cls or "-", score(curve.x[place]), score(curve.y[place])))
    screen.table(("side", "class", *axes), rows, drop=("class",))
