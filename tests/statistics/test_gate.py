"""Gate checks: grammar, verdicts at the edges, slices, looks, and the error rate of `> champion`."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_tui.worker.statistics import gate
from mlops_tui.worker.statistics.bootstrap import Interval


def test_grammar():
    check = gate.parse_check("roc_auc>=naive+.05", "classification")
    assert (check.metric, check.op, check.baseline, check.value) == ("roc_auc", ">=", "naive", 0.05)
    check = gate.parse_check("  worst_slice.rmse <= champion - 1e-1 ", "regression")
    assert (check.metric, check.op, check.baseline, check.value, check.worst_slice) == (
        "rmse",
        "<=",
        "champion",
        -0.1,
        True,
    )
    assert gate.parse_check("r2 > -0.5", "regression").value == -0.5
    assert gate.parse_check("roc_auc <= 0.99", "classification").op == "<="


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "empty"),
        ("auc > 0.7", 1, "unknown metric 'auc' for classification; allowed: roc_auc, average_precision"),
        ("0.7 < roc_auc", 1, "'0.7' is not a metric"),
        ("worst_slice.auc > 1", 13, "unknown metric 'auc'"),
        ("roc_auc", 8, "allowed: > >= < <="),
        ("roc_auc == 0.7", 9, "'=' is not a comparison"),
        ("roc_auc >", 10, "is not a number; allowed: a number, champion or naive"),
        ("roc_auc > best", 11, "'best' is not a number"),
        ("roc_auc > champion * 2", 20, "'*' after champion"),
        ("roc_auc > champion + x", 22, "'x' is not a number"),
        ("roc_auc > 0.7 0.8", 15, "'0.8' after the check"),
        ("roc_auc < champion", 9, "better when higher"),
        ("log_loss > champion", 10, "better when lower"),
        ("rmse < champion", 1, "unknown metric 'rmse'"),
        ("roc_auc > ¿", 11, "'¿'"),
    ],
)
def test_garbage_names_the_column_and_what_is_allowed(text, column, words):
    with pytest.raises(ValueError) as error:
        gate.parse_check(text, "classification")
    assert f"column {column}:" in str(error.value) and words in str(error.value)


def interval(low, high, clusters=30):
    return Interval(
        estimate=(low + high) / 2, low=low, high=high, level=0.95, clusters=clusters, rows=900, method="given"
    )


@pytest.mark.parametrize(
    ("text", "task", "low", "high", "verdict"),
    [
        ("roc_auc >= 0.7", "classification", 0.7, 0.8, "PASS"),
        ("roc_auc > 0.7", "classification", 0.7, 0.8, "INCONCLUSIVE"),
        ("roc_auc >= 0.7", "classification", 0.6, 0.69, "FAIL"),
        ("roc_auc >= 0.7", "classification", 0.6, 0.7, "INCONCLUSIVE"),
        ("roc_auc <= 0.9", "classification", 0.8, 0.9, "PASS"),
        ("roc_auc <= 0.9", "classification", 0.91, 0.95, "FAIL"),
        ("rmse < 3", "regression", 2.0, 2.9, "PASS"),
        ("rmse < 3", "regression", 2.0, 3.0, "INCONCLUSIVE"),
        ("rmse <= 3", "regression", 3.1, 3.2, "FAIL"),
        ("roc_auc > champion", "classification", 0.0, 0.1, "INCONCLUSIVE"),
        ("roc_auc > champion", "classification", 0.001, 0.1, "PASS"),
        ("roc_auc >= champion", "classification", 0.0, 0.1, "PASS"),
        ("roc_auc > champion", "classification", -0.1, -0.01, "FAIL"),
        ("roc_auc > champion", "classification", 0.0, 0.0, "INCONCLUSIVE"),
        ("roc_auc >= champion + 0.05", "classification", 0.04, 0.1, "INCONCLUSIVE"),
        ("roc_auc >= champion - 0.01", "classification", -0.005, 0.1, "PASS"),
        ("rmse <= champion - 0.1", "regression", 0.1, 0.2, "PASS"),
        ("rmse <= champion - 0.1", "regression", 0.0, 0.09, "FAIL"),
        ("rmse <= champion + 0.1", "regression", -0.09, 0.0, "PASS"),
        ("rmse < champion", "regression", 0.01, 0.2, "PASS"),
        ("rmse < champion", "regression", -0.2, -0.1, "FAIL"),
        ("roc_auc >= 0.7", "classification", float("nan"), float("nan"), "FAIL"),
    ],
)
def test_verdicts_at_the_edges(text, task, low, high, verdict):
    assert gate.judge(gate.parse_check(text, task), task, interval(low, high))[0] == verdict


def test_few_clusters_are_inconclusive():
    check = gate.parse_check("roc_auc >= 0.7", "classification")
    assert gate.judge(check, "classification", interval(0.8, 0.9, 9))[0] == "INCONCLUSIVE"
    assert gate.judge(check, "classification", interval(0.8, 0.9, 10))[0] == "PASS"
    assert gate.judge(check, "classification", interval(float("nan"), 0.9, 9))[0] == "FAIL"


def test_looks_spend_alpha_once():
    assert gate.look_level(1) == 0.025
    assert sum(gate.look_level(k) for k in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)
    with pytest.raises(ValueError, match="first look is 1"):
        gate.look_level(0)


def rows(n=6000, days=30, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-x))
    return {"y": y, "candidate": 1 / (1 + np.exp(-x)), "clusters": np.arange(n) % days, "x": x}


def evaluate(checks, data, **more):
    arrays = {key: data[key] for key in ("y", "candidate", "clusters")}
    options = {"task": "classification", "primary_metric": "roc_auc", **arrays, **more}
    return gate.evaluate_gate(checks, **options)


def test_a_better_model_passes_and_is_called_better():
    data = rows()
    noisy = 1 / (1 + np.exp(-data["x"] - np.random.default_rng(1).normal(size=6000)))
    checks = ["roc_auc > champion", "roc_auc >= naive + 0.05", "log_loss < champion"]
    found = evaluate(checks, data, champion=noisy, naive=np.full(6000, 0.5), look=3)
    assert found.verdict == "PASS" and found.better_than_champion and found.alpha == pytest.approx(0.05 / 12)
    assert [c.of for c in found.checks] == ["difference"] * 3
    assert found.checks[0].low == found.difference.low and found.checks[0].clusters == 30
    swapped = evaluate(checks[:1], {**data, "candidate": noisy}, champion=data["candidate"])
    assert swapped.verdict == "FAIL" and not swapped.better_than_champion


def test_first_version_has_no_champion():
    found = evaluate(["roc_auc > champion", "roc_auc >= 0.6"], rows())
    assert found.verdict == "PASS" and not found.better_than_champion and found.difference is None
    assert found.checks[0].verdict is None and found.checks[0].reason == "not applicable, no champion"
    assert not found.checks[0].applicable
    assert evaluate(["roc_auc > champion"], rows()).verdict == "INCONCLUSIVE"
    assert evaluate([], rows()).verdict == "INCONCLUSIVE"
    assert evaluate(["roc_auc > naive"], rows()).verdict == "FAIL"


def test_nan_and_one_class_fail():
    data = rows()
    broken = data["candidate"].copy()
    broken[7] = np.nan
    assert evaluate(["roc_auc >= 0.1"], {**data, "candidate": broken}).verdict == "FAIL"
    assert evaluate(["roc_auc >= 0.1"], {**data, "y": np.ones(6000)}).verdict == "FAIL"
    assert evaluate(["roc_auc > champion"], data, champion=broken).verdict == "FAIL"
    empty = {key: value[:0] for key, value in data.items()}
    assert evaluate(["roc_auc >= 0.1"], empty).verdict == "FAIL"


def test_slices():
    data = rows()
    right, wrong = data["x"] > 0, np.arange(6000) < 99
    check = ["worst_slice.roc_auc >= 0.55"]
    assert evaluate(check, data, slices={"right": right, "left": ~right}).verdict == "PASS"
    small = evaluate(check, data, slices={"right": right, "tiny": wrong}).checks[0]
    assert small.verdict == "INCONCLUSIVE" and "tiny" in small.reason
    assert small.slices[1].reason == "99 rows, at least 100 are needed"
    poor = data["y"] & (np.cumsum(data["y"]) < 9) | ~data["y"] & (np.arange(6000) < 900)
    assert evaluate(check, data, slices={"poor": poor}).checks[0].slices[0].reason.startswith("8 positives")
    flipped = {**data, "candidate": np.where(right, 1 - data["candidate"], data["candidate"])}
    failed = evaluate(check, flipped, slices={"left": ~right, "right": right, "tiny": wrong}).checks[0]
    assert (
        failed.verdict == "FAIL" and failed.reason.startswith("worst slice right") and failed.estimate < 0.5
    )
    alone = evaluate(check, data, slices={"right": right}).checks[0].slices[0]
    both = evaluate(check, data, slices={"right": right, "left": ~right}).checks[0].slices[0]
    assert both.level == pytest.approx(1 - 0.025 / 2) and both.low < alone.low
    assert evaluate(check, data).verdict == "FAIL"
    with pytest.raises(ValueError, match="slice 'odd'"):
        evaluate(check, data, slices={"odd": right[:5]})


def test_regression_and_multiclass():
    rng = np.random.default_rng(0)
    y = rng.normal(size=900)
    a, b, days = y + rng.normal(size=900) * 0.3, y + rng.normal(size=900), np.arange(900) % 30
    found = gate.evaluate_gate(
        ["rmse < champion", "rmse <= champion - 0.1", "rmse <= 0.5", "worst_slice.mae < 1"],
        task="regression", primary_metric="rmse", y=y, candidate=a, champion=b, clusters=days, slices={"up": y > 0},
    )  # fmt: skip
    assert found.verdict == "PASS" and found.better_than_champion
    classes = rng.integers(0, 3, 900)
    p = rng.dirichlet(np.ones(3), 900) + 2 * np.eye(3)[classes]
    p /= p.sum(axis=1, keepdims=True)
    found = gate.evaluate_gate(
        ["macro_f1 >= 0.7", "worst_slice.roc_auc_ovr > 0.7"],
        task="multiclass", primary_metric="accuracy", y=classes, candidate=p, clusters=days, slices={"even": days % 2 == 0},
    )  # fmt: skip
    assert found.verdict == "PASS" and found.primary.estimate > 0.7


@pytest.mark.parametrize("day_effect", [0.0, 0.5])
@pytest.mark.parametrize("days", [12, 30])
def test_an_equal_model_is_rarely_called_better(day_effect, days):
    """Two models of one distribution, each with its own error per row and per day: better in at most 5 %."""
    wins, repeats = 0, 200
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        day = np.arange(1200) % days
        x = rng.normal(size=1200)
        y = rng.random(1200) < 1 / (1 + np.exp(-x - rng.normal(size=days)[day] * day_effect))
        models = [x + rng.normal(size=1200) * 0.5 + rng.normal(size=days)[day] * day_effect for _ in range(2)]
        found = gate.evaluate_gate(
            ["roc_auc > champion"], task="classification", primary_metric="roc_auc", y=y,
            candidate=models[0], champion=models[1], clusters=day, seed=seed, n_resamples=800, alpha=0.1,
        )  # fmt: skip
        wins += found.better_than_champion
    assert wins <= 0.05 * repeats


def test_better_than_the_champion_by_the_primary_metric_alone():
    """A candidate that is sharper and ranks worse wins `log_loss < champion`, and is not called better for it."""
    rng = np.random.default_rng(0)
    x, days = rng.normal(size=3000), np.arange(3000) % 30
    y = (rng.random(3000) < 1 / (1 + np.exp(-2 * x))).astype(float)
    champion = 0.45 + 0.1 / (1 + np.exp(-2 * x))
    candidate = 1 / (1 + np.exp(-2 * (x + rng.normal(size=3000) * 0.5)))
    found = gate.evaluate_gate(
        ["log_loss < champion", "roc_auc >= 0.6"], task="classification", primary_metric="roc_auc",
        y=y, candidate=candidate, champion=champion, clusters=days,
    )  # fmt: skip
    assert found.verdict == "PASS" and found.checks[0].low > 0
    assert found.difference.high < 0 and not found.better_than_champion


def test_a_perfect_candidate_beats_naive_and_no_perfect_champion():
    y, days = np.arange(600) % 2.0, np.arange(600) // 10
    champion = 0.3 + y / 3 + np.linspace(0, 0.1, 600)
    for other in (champion, y.copy()):
        found = gate.evaluate_gate(
            ["roc_auc >= naive + 0.2", "roc_auc > champion"], task="classification", primary_metric="roc_auc",
            y=y, candidate=y, champion=other, naive=np.full(600, 0.5), clusters=days,
        )  # fmt: skip
        assert [one.verdict for one in found.checks] == ["PASS", "INCONCLUSIVE"]
        assert not found.better_than_champion and found.primary.low < 1
