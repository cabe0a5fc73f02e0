"""What `watch` draws of a run: the curve that says most, and all of its stages."""

from __future__ import annotations

from mlops_tui.cli.commands.watch import drawn_metric, wrapped
from mlops_tui.verbs._shapes import MetricSummary, Run


def run(metric: str = "", **counts: int) -> Run:
    metrics = {key.replace("__", "/"): MetricSummary(count=count) for key, count in counts.items()}
    return Run(
        run_id="1", kind="train", name="n", project="p", experiment="e", state="FINISHED", metrics=metrics, metric=metric, created=0
    )  # fmt: skip


def test_the_curve_is_of_the_runs_own_metric_or_of_the_most_points() -> None:
    assert drawn_metric(run("auc", auc=2, loss=9)) == "auc"
    assert drawn_metric(run("auc", auc=1, search__score=4, system__cpu=90)) == "search/score"
    assert drawn_metric(run("auc", auc=1, loss=3, search__score=4)) == "search/score"
    assert drawn_metric(run("auc", auc=1, system__cpu=90)) == "system/cpu"
    assert drawn_metric(run("auc", auc=1)) == ""


def test_stages_are_in_two_lines() -> None:
    assert wrapped(["collect", "validate", "search"], " · ", 18, 2) == ["collect · validate", "search"]
    assert wrapped(["collect", "validate", "search", "train", "gate"], " · ", 18, 2) == ["collect · validate", "search · train · …"]  # fmt: skip
    assert wrapped([], " · ", 18, 2) == []
