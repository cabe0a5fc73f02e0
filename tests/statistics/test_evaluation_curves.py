"""Chart data: sizes, ends, and agreement with scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

from mlops_tui.worker.statistics import curves

RNG = np.random.default_rng(0)
P = RNG.random(20_000)
Y = (RNG.random(20_000) < P).astype(float)


def test_roc_is_thinned_and_keeps_its_ends_and_area():
    frame = curves.roc_curve(Y, P)
    assert 100 < frame.height <= 500
    assert frame.row(0) == (0.0, 0.0, np.inf) and frame.row(-1)[:2] == (1.0, 1.0)
    area = np.trapezoid(frame["true_positive_rate"], frame["false_positive_rate"])
    assert area == pytest.approx(sk.roc_auc_score(Y, P), abs=1e-3)


def test_small_curves_are_exact():
    y, p = Y[:200], np.round(P[:200], 1)
    fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
    frame = curves.roc_curve(y, p)
    assert frame["false_positive_rate"].to_list() == pytest.approx(fpr.tolist())
    assert frame["true_positive_rate"].to_list() == pytest.approx(tpr.tolist())
    precision, recall, threshold = sk.precision_recall_curve(y, p)
    frame = curves.pr_curve(y, p).reverse()
    assert frame["precision"].to_list() == pytest.approx(precision[:-1].tolist())
    assert frame["recall"].to_list() == pytest.approx(recall[:-1].tolist())
    assert frame["threshold"].to_list() == pytest.approx(threshold.tolist())
    big = curves.pr_curve(Y, P)
    assert big.height <= 500 and big["recall"][-1] == 1.0 and big["threshold"][0] == P.max()


def test_calibration_has_bin_counts():
    frame = curves.calibration_curve(Y, P)
    assert frame["rows"].sum() == 20_000
    assert (frame["mean_score"] - frame["positive_rate"]).abs().max() < 0.05
    assert curves.calibration_curve([1.0], [1.0])["rows"].to_list() == [0] * 9 + [1]
    assert curves.calibration_curve([1.0], [1.0])["positive_rate"][0] is None


def test_confusion():
    frame = curves.confusion(Y, P)
    assert frame["rows"].to_list() == sk.confusion_matrix(Y, P >= 0.5).ravel().tolist()
    y, p = RNG.integers(0, 3, 100), RNG.dirichlet(np.ones(3), 100)
    assert curves.confusion(y, p)["rows"].to_list() == sk.confusion_matrix(y, p.argmax(1)).ravel().tolist()
    assert curves.confusion([], []).height == 4


def test_residuals():
    y = RNG.normal(size=1000)
    histogram = curves.residual_histogram(y, np.zeros(1000), bins=9999)
    assert histogram.height == 500 and histogram["rows"].sum() == 1000
    quantiles = curves.residual_quantiles(y, np.zeros(1000))
    assert quantiles["residual"][0] == y.min() and quantiles["residual"][-1] == y.max()
    assert np.corrcoef(quantiles["residual"], quantiles["normal_score"])[0, 1] > 0.99


def test_residuals_of_two_sides_have_the_same_bins():
    y = RNG.normal(size=1000)
    within = curves.residual_range(y, [np.zeros(1000), y / 2])
    one, other = (curves.residual_histogram(y, side, within=within) for side in (np.zeros(1000), y / 2))
    assert one.select("low", "high").equals(other.select("low", "high")) and one.height == 20
    assert one["rows"].sum() == other["rows"].sum() == 1000
    assert curves.residual_range([], [[]]) is None


def test_residuals_are_told_by_what_was_predicted():
    predicted = RNG.normal(size=5000)
    y = predicted + 0.5 * predicted**2 + RNG.normal(size=5000) / 10
    frame = curves.residuals_by_prediction(y, predicted)
    assert frame["rows"].to_list() == [500] * 10
    assert frame["low"][0] == predicted.min() and frame["high"][-1] == predicted.max()
    # what the model left out is seen: much is left at both ends, nothing in the middle
    assert frame["median"][0] > 1 and frame["median"][-1] > 1 and abs(frame["median"][4]) < 0.05
    inside = [
        ((y - predicted)[(predicted >= a) & (predicted <= b)] < c).mean()
        for a, b, c in frame.select("low", "high", "p10").rows()
    ]
    assert inside == pytest.approx([0.1] * 10)
    constant = curves.residuals_by_prediction(y, np.zeros(5000))
    assert constant["rows"].to_list() == [5000] and constant["median"][0] == pytest.approx(np.median(y))
    assert curves.residuals_by_prediction(y[:25], predicted[:25])["rows"].to_list() == [12, 13]


@pytest.mark.parametrize(
    "curve",
    [
        curves.roc_curve,
        curves.pr_curve,
        curves.residual_histogram,
        curves.residual_quantiles,
        curves.residuals_by_prediction,
    ],
)
def test_nothing_gives_an_empty_frame(curve):
    assert curve([], []).height == 0 and curve([None], [1.0]).height == 0
    with pytest.raises(ValueError, match="differ in shape"):
        curve([1.0], [1.0, 2.0])
