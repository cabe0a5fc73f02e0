"""Drift: the oracles of the definitions, bins, noise, findings for odd columns, and the estimates."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

from mlops_tui.worker.statistics import bins, blocks, distances, drift, estimates, metrics, noise

counts = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12).filter(
    lambda pairs: sum(p for p, _ in pairs) and sum(q for _, q in pairs)
)
COLUMNS = ["mean_radius", "worst_texture", "mean_smoothness", "worst_area"]
samples = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@settings(max_examples=200, deadline=None)
@given(counts)
def test_distances_on_shares(pairs):
    p_counts, q_counts = np.array(pairs, dtype=float).T
    p, q = p_counts / p_counts.sum(), q_counts / q_counts.sum()
    floored_p, floored_q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    both_ways = special.rel_entr(floored_p, floored_q).sum() + special.rel_entr(floored_q, floored_p).sum()
    assert distances.psi(p, q) == pytest.approx(both_ways, abs=1e-12)
    assert distances.psi(p, q) == pytest.approx(distances.psi(q, p), abs=1e-12) and distances.psi(p, q) >= 0
    js = distances.js_distance(p, q)
    assert js == pytest.approx(distances.js_distance(q, p), abs=1e-12) and 0 <= js <= 1
    assert js**2 == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-12)
    assert distances.psi(p, p) == 0 and distances.js_distance(p, p) == 0
    shuffle = np.random.default_rng(0).permutation(len(p))
    assert distances.psi(p[shuffle], q[shuffle]) == pytest.approx(distances.psi(p, q), abs=1e-12)
    used = (p_counts + q_counts) > 0
    if used.sum() > 1:
        oracle = stats.chi2_contingency(np.stack([p_counts, q_counts])[:, used], correction=False)
        chi2, p_value, v = distances.chi_square(p_counts, q_counts)
        assert chi2 == pytest.approx(oracle.statistic, abs=1e-9, rel=1e-12)
        assert p_value == pytest.approx(oracle.pvalue, abs=1e-12)
        assert v == pytest.approx(np.sqrt(oracle.statistic / (p_counts.sum() + q_counts.sum())), abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(samples, samples)
def test_distances_on_samples(a, b):
    oracle = stats.ks_2samp(a, b, method="asymp")
    d, p = distances.ks(a, b)
    assert d == pytest.approx(oracle.statistic, abs=1e-12) and p == pytest.approx(oracle.pvalue, abs=1e-12)
    assert distances.ks(a[::-1], b) == (d, p)
    assert distances.ks(a, a)[0] == 0
    assert distances.wasserstein(a, b, 2.0) == pytest.approx(stats.wasserstein_distance(a, b) / 2, abs=1e-12)


def test_distances_of_nothing():
    assert np.isnan(distances.ks([], [1.0])[0]) and np.isnan(distances.wasserstein([1.0], []))
    assert np.isnan(distances.js_distance([0, 0], [0, 1])) and np.isnan(
        distances.chi_square([0, 0], [1, 2])[0]
    )
    assert distances.chi_square([5, 0], [7, 0]) == (0.0, 1.0, 0.0)


def test_benjamini_hochberg_equals_scipy():
    p = np.random.default_rng(0).random(30) ** 2
    assert distances.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), abs=1e-15)
    with_gap = distances.benjamini_hochberg([0.01, np.nan, 0.04])
    assert with_gap[[0, 2]] == pytest.approx([0.02, 0.04]) and np.isnan(with_gap[1])
    assert len(distances.benjamini_hochberg([])) == 0


def test_chi_square_band_is_the_one_in_the_vocabulary():
    assert noise.chi_square_band(10, 100, 100) == pytest.approx(0.338, abs=5e-4)
    assert noise.chi_square_band(10, 1000, 1000) == pytest.approx(0.034, abs=5e-4)


def test_null_law_quantile_and_tail_agree():
    days = [blocks.Spread(0.02, nu, d, 1, 30) for nu, d in ((30, 1), (5, 1), (4, 3.3))]
    for null in (
        noise.Null(0.01, 9),
        *(noise.Null(0.01, 9, one) for one in days),
        noise.Null(0.01, 1, days[1]),
    ):
        for level in (0.5, 0.95, 0.999):
            assert null.tail(null.quantile(level)) == pytest.approx(1 - level, rel=0.02)
    plain = noise.Null(0.02, 9)
    assert plain.quantile(0.95) == pytest.approx(noise.chi_square_band(10, 100, 100), rel=1e-3)
    rng = np.random.default_rng(0)
    drawn = 0.01 * rng.chisquare(9 - 3.3, 200_000) + (3.3 * 0.01 + 0.02) * rng.f(3.3, 3.3 * 4, 200_000)
    assert noise.Null(0.01, 9, days[2]).quantile(0.95) == pytest.approx(np.quantile(drawn, 0.95), rel=0.02)


def test_spread_finds_what_days_add():
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    alike = rng.multinomial(400, shares, 60).astype(float)
    effect = np.stack([rng.multinomial(400, rng.dirichlet(shares * 180)) for _ in range(60)]).astype(float)
    tau = 9 / 181
    assert blocks.spread(alike).variance < 0.01
    one = blocks.spread(effect)
    assert tau < one.variance < 1.6 * tau
    assert (one.block, one.days, one.directions) == (1, 60, 1.0) and one.freedom == pytest.approx(
        59, rel=0.01
    )
    month = blocks.spread(effect, 30)
    assert month.block == 60 // blocks.MIN_BLOCKS and month.freedom < 12 and 1 < month.directions < 9
    assert tau / 30 < month.variance < tau / 4
    assert blocks.spread(alike[:1]) == blocks.Spread() and blocks.spread(alike[:, :1]) == blocks.Spread()
    shares_of, pooled = blocks.block_shares(effect, month)
    assert shares_of.shape == (55, 10) and shares_of.sum(axis=1) == pytest.approx(1)
    apart = ((shares_of - pooled) ** 2 / pooled).sum(axis=1).mean()
    assert apart == pytest.approx(month.variance, rel=0.05)


def test_spread_of_few_is_the_largest_leave_one_out_distance():
    rows = np.array([[90.0, 60], [75, 75], [40, 110]])
    apart = [distances.psi(one / 150, (rows.sum(axis=0) - one) / 300) - (1 / 150 + 1 / 300) for one in rows]
    found = blocks.spread(rows)
    assert found == blocks.Spread(max(apart), 0.0, 1.0, 1, 3, True) and blocks.spread(rows, 3) == found
    # A delivery of a few odd rows is joined with its neighbour, or it would excuse everything.
    assert blocks.spread(np.vstack((rows, [[5.0, 0]]))).variance < max(apart)
    assert blocks.spread(np.full((4, 2), 20.0)) == blocks.Spread()
    assert blocks.spread(np.tile(rows[:1], (3, 1))).variance == 0
    assert not blocks.spread(np.tile(rows, (3, 1))).few
    null = noise.null_of(rows.sum(axis=0), np.array([300.0, 300]), rows, found)
    law = stats.ncx2(1, found.variance / null.scale, scale=null.scale)
    assert null.quantile(0.95) == pytest.approx(law.ppf(0.95), abs=1e-4)
    assert null.quantile(0.95) > max(max(apart), noise.chi_square_band(2, 450, 600))
    assert null.tail(0.5) == pytest.approx(law.sf(0.5)) and null.tail(0.0) == 1.0


def test_the_clinics_three_batches_excuse_no_drift_and_raise_none():
    folder = Path(__file__).parents[2] / "sample_projects/clinic/data/patients"
    batches = [
        pl.read_csv(folder / f"batch-{i}.csv").drop("patient_id", "malignant").with_columns(batch=pl.lit(i))
        for i in (1, 2, 3)
    ]
    both, every = pl.concat(batches[:2]), pl.concat(batches)
    assert not drift.chunk_alerts(
        drift.drift_columns(both, batches[2], batches=both["batch"], columns=COLUMNS)
    )
    trained = np.random.default_rng(0).permutation(every.height) < 451
    chunk = batches[2].with_columns(
        mean_radius=pl.col("mean_radius") * 1.5, worst_texture=pl.col("worst_texture") + 8
    )
    reference = every.filter(trained)
    for rows in (chunk, chunk.sample(40, seed=0).vstack(batches[0].sample(90, seed=0))):
        found = drift.drift_columns(reference, rows, batches=reference["batch"], columns=COLUMNS)
        assert drift.chunk_alerts(found)
        assert found[0].few_batches and "few batches (3)" in found[0].reason
        assert "few batches" in found[0].definition
    assert "few batches" not in drift.drift_columns(reference, rows)[0].definition


@pytest.mark.parametrize(("rho", "high"), [(0.0, 2.2), (0.7, 1.3)])
def test_a_chunk_of_many_days_strays_as_their_mean_does(rho, high):
    """The spread of months against what it is known to be, for one direction of effects without sampling noise."""
    rng = np.random.default_rng(1)
    k, m, found = 90, 30, []
    covariance = rho ** np.abs(np.subtract.outer(np.arange(k + m), np.arange(k + m)))
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(k + m))
    for _ in range(200):
        share = 0.5 + 0.05 * (root @ rng.normal(size=k + m))[:k]
        found.append(blocks.spread(1e6 * np.column_stack((share, 1 - share)), m).variance)
    tail = np.ones(m) / m
    truth = (
        0.05**2 * 4 * (tail @ covariance[:m, :m] @ tail + np.ones(k) @ covariance[:k, :k] @ np.ones(k) / k**2)
    )
    assert truth * 0.95 < np.mean(found) < truth * high


def test_days_of_a_chunk_count_by_their_rows():
    assert blocks.effective_number(None) == blocks.effective_number([]) == 1.0
    assert blocks.effective_number(np.arange(300) % 30) == pytest.approx(30)
    assert blocks.effective_number(["a"] * 98 + ["b", None]) < 1.05


def test_deciles_of_the_reference_with_open_ends():
    values = pl.Series("x", np.arange(1000) / 10)
    profile = bins.profile_column(values)
    assert profile.counts == [100] * 10 + [0] and len(profile.edges) == 9
    at = bins.assign(profile, pl.Series([-1e9, 1e9, None, float("nan"), float("inf"), 9.9]))
    assert at.tolist() == [0, 9, 10, 10, 9, 0]
    assert len(bins.bin_names(profile)) == bins.n_bins(profile) == 11


def test_a_value_that_fills_several_deciles_has_bins_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(2000) < 0.6, 0.0, rng.exponential(size=2000))
    profile = bins.profile_column(pl.Series("x", values))
    below, zero, above = bins.assign(profile, pl.Series([-0.001, 0.0, 0.001]))
    assert below < zero < above
    found = drift.drift_columns(
        pl.DataFrame({"x": values}), pl.DataFrame({"x": np.where(values == 0, -1.0, values)})
    )
    assert found[0].severity == "major"


def test_categories_rare_unseen_and_null():
    reference = pl.Series("c", ["a"] * 500 + ["b"] * 480 + ["r1"] * 6 + ["r2"] * 5 + [None] * 9)
    profile = bins.profile_column(reference)
    assert profile.categories == ["a", "b"] and set(profile.rare) == {"r1", "r2"}
    assert profile.counts == [500, 480, 11, 0, 9]
    assert bins.assign(profile, pl.Series(["b", "r2", "new", None])).tolist() == [1, 2, 3, 4]
    ids = pl.Series("tail", [f"N{n}" for n in np.random.default_rng(0).zipf(1.5, 3000)])
    long = bins.profile_column(ids)
    assert long.counts[-2] == (ids.value_counts()["count"] == 1).sum()
    later = pl.DataFrame({"tail": [f"N{n}" for n in np.random.default_rng(1).zipf(1.5, 3000)]})
    assert not drift.drift_columns(ids.to_frame(), later)[0].alert


def test_profile_survives_json_and_is_all_that_is_needed():
    rng = np.random.default_rng(0)
    reference = pl.DataFrame(
        {"x": rng.normal(size=2000), "c": rng.choice(["a", "b", "ü"], 2000), "n": rng.integers(0, 3, 2000)}
    )
    chunk = pl.DataFrame(
        {"x": rng.normal(1, 1, 700), "c": rng.choice(["a", "b", "neu"], 700), "n": rng.integers(0, 3, 700)}
    )
    profile = drift.build_profile(reference, days=np.arange(2000) // 100)
    stored = drift.decode_profile(msgspec.json.encode(profile))
    assert stored == profile
    found = drift.drift_columns(stored, chunk)
    assert found == drift.drift_columns(reference, chunk, days=np.arange(2000) // 100)
    assert [one.severity for one in found] == ["major", "major", "none"]
    assert found == drift.drift_columns(stored, chunk.sample(fraction=1, shuffle=True, seed=1))
    x = found[0]
    assert x.psi == pytest.approx(distances.psi(x.reference_shares, x.current_shares), abs=1e-9)
    assert x.ks == pytest.approx(stats.ks_2samp(reference["x"], chunk["x"]).statistic, abs=2e-3)
    assert x.wasserstein == pytest.approx(1.0, abs=0.1) and x.batches == 20 and x.batch_unit == "day"
    assert x.band == max(x.chi2_band, x.batch_band)
    assert drift.drift_columns(reference, reference)[0].psi == 0


def test_the_finer_of_batches_and_days_is_kept_in_order_of_time():
    values = np.random.default_rng(0).normal(size=900)
    frame = pl.DataFrame({"x": values})
    batches, days = np.arange(900) // 300, np.arange(900) // 30
    month = drift.build_profile(frame, batches=batches, days=days)
    assert month.columns[0].batch_unit == "day" and month.columns[0].batch_span == 1
    files = drift.build_profile(frame, batches=[f"{99 - day}" for day in days], days=batches)
    assert files.columns[0].batch_unit == "batch"
    assert files.columns[0].batch_counts == month.columns[0].batch_counts
    mixed = np.random.default_rng(1).permutation(900)
    shuffled = drift.build_profile(frame[mixed], batches=batches[mixed], days=days[mixed])
    assert shuffled.columns[0].batch_counts == month.columns[0].batch_counts
    many = drift.build_profile(frame, batches=np.arange(900)).columns[0]
    assert len(many.batch_counts) == bins.MAX_BATCHES and many.batch_span == 900 / bins.MAX_BATCHES
    with pytest.raises(ValueError, match="do not fit"):
        drift.build_profile(frame, days=days[:5])


def test_a_month_is_not_allowed_to_stray_as_a_day_may():
    rng = np.random.default_rng(0)
    day = np.arange(9000) // 100
    profile = drift.build_profile(
        pl.DataFrame({"x": rng.normal(size=9000) + rng.normal(size=90)[day]}), days=day
    )
    month = np.arange(3000) // 100
    chunk = pl.DataFrame({"x": rng.normal(size=3000) + rng.normal(size=30)[month] + 2})
    as_day, as_month = (
        drift.drift_columns(profile, chunk)[0],
        drift.drift_columns(profile, chunk, chunk_days=month)[0],
    )
    assert as_day.psi == as_month.psi and as_day.block == 1 and as_month.block == 10
    assert as_month.chunk_batches == pytest.approx(30) and as_month.band < as_day.band / 3
    assert as_month.severity == "major" and not as_day.alert
    assert drift.drift_columns(profile, chunk, chunk_batches=month)[0] == as_day


def test_odd_columns_are_findings():
    n = 300
    reference = pl.DataFrame(
        {
            "gone": range(n), "nulls": np.arange(n) * 1.5, "was_null": pl.Series([None] * n, dtype=pl.Float64),
            "retyped": range(n), "constant": [1.0] * n, "when": [datetime(2024, 1, 1 + i % 28) for i in range(n)],
            "day": [date(2024, 1, 1 + i % 28) for i in range(n)], "flag": [True, False, None] * (n // 3),
            "list": [[1, 2]] * n, "bytes": [b"a", b"b"] * (n // 2), "struct": [{"a": 1}] * n, "inf": [np.inf] * n,
        }
    )  # fmt: skip
    chunk = reference.drop("gone").with_columns(
        nulls=pl.lit(None, dtype=pl.Float64),
        was_null=pl.lit(2.0),
        retyped=pl.lit("x"),
        constant=pl.lit(0.9),
        fresh=pl.lit(1),
    )
    found = {one.name: one for one in drift.drift_columns(reference, chunk)}
    assert found["gone"].status == "MISSING_COLUMN" and found["fresh"].status == "NEW_COLUMN"
    assert (
        found["nulls"].status == "ALL_NULL"
        and found["nulls"].alert
        and found["nulls"].current_null_share == 1
    )
    assert found["was_null"].alert and found["retyped"].status == "TYPE_CHANGED" and found["retyped"].alert
    assert found["constant"].severity == "major"
    for name in ("when", "day", "flag", "list", "bytes", "struct", "inf"):
        assert found[name].psi == 0 and not found[name].alert, name
    assert {one.status for one in drift.drift_columns(reference, chunk.clear())} == {
        "EMPTY",
        "MISSING_COLUMN",
        "NEW_COLUMN",
    }
    assert {one.status for one in drift.drift_columns(reference.clear(), chunk)} >= {"EMPTY"}
    assert drift.drift_columns(reference, chunk, columns=["flag"])[0].name == "flag"
    assert drift.drift_columns(pl.DataFrame(), pl.DataFrame()) == []


def test_nothing_alerts_below_a_hundred_rows():
    reference, chunk = pl.DataFrame({"x": np.arange(5000.0)}), pl.DataFrame({"x": np.full(99, -5.0)})
    found = drift.drift_columns(reference, chunk)[0]
    assert found.psi > 1 and not found.alert and found.status == "TOO_FEW_ROWS"
    assert drift.drift_columns(reference, pl.concat([chunk, chunk[:1]]))[0].severity == "major"


def test_k_of_n():
    assert drift.k_of_n([True, False, True], 2, 3) and not drift.k_of_n([True, True, False, False], 2, 3)
    assert not drift.k_of_n([True], 2, 3) and drift.k_of_n([True, True], 2, 3)
    with pytest.raises(ValueError, match="k has to be"):
        drift.k_of_n([], 4, 3)


def test_prediction_drift_and_label_shift():
    rng = np.random.default_rng(0)
    assert drift.prediction_drift(rng.beta(2, 5, 3000), rng.beta(5, 2, 800)).severity == "major"
    assert not drift.prediction_drift(rng.beta(2, 5, 3000), rng.beta(2, 5, 800)).alert
    assert drift.label_shift(rng.random(3000) < 0.2, rng.random(800) < 0.5).severity == "major"
    stored = drift.build_profile(pl.DataFrame({"score": rng.beta(2, 5, 3000)}))
    assert drift.prediction_drift(stored, rng.beta(5, 2, 800)).name == "prediction"


def test_cbpe_estimates_what_calibrated_scores_promise():
    rng = np.random.default_rng(0)
    p = rng.beta(2, 3, 20_000)
    y = rng.random(20_000) < p
    found = estimates.cbpe(p)
    assert found.estimated_roc_auc == pytest.approx(metrics.get("roc_auc", "classification")(y, p), abs=0.01)
    assert found.estimated_accuracy == pytest.approx(np.mean((p >= 0.5) == y), abs=0.01)
    assert "estimate" in found.assumption
    small = np.array([0.2, 0.2, 0.7])
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    above = sum(
        small[i] * (1 - small[j]) * ((small[i] > small[j]) + 0.5 * (small[i] == small[j])) for i, j in pairs
    )
    below = sum(small[i] * (1 - small[j]) for i, j in pairs)
    assert estimates.cbpe(small).estimated_roc_auc == pytest.approx(above / below, rel=1e-12)
    assert np.isnan(estimates.cbpe([]).estimated_accuracy) and np.isnan(
        estimates.cbpe([2.0]).estimated_accuracy
    )


def test_decay():
    rng = np.random.default_rng(0)
    x, days = rng.normal(size=6000), np.arange(6000) % 30
    y = rng.random(6000) < 1 / (1 + np.exp(-2 * x))
    blurred = x + rng.normal(size=6000)
    auc, loss = metrics.get("roc_auc", "classification"), metrics.get("brier", "classification")
    worse = estimates.decay(auc, (y, x, days), (y, blurred, days))
    assert worse.high < 0 and worse.clusters == 30 and worse.rows == 12_000
    p, q = 1 / (1 + np.exp(-2 * x)), 1 / (1 + np.exp(-2 * blurred))
    assert estimates.decay(loss, (y, p, days), (y, q, days)).high < 0
    same = estimates.decay(auc, (y[::2], x[::2], days[::2]), (y[1::2], x[1::2], days[1::2]))
    assert same.low < 0 < same.high
    assert np.isnan(estimates.decay(auc, (y, x, days), ([], [], [])).estimate)


def test_domain_classifier():
    rng = np.random.default_rng(0)

    def frame(n, tilt):
        a, b = rng.normal(size=n), rng.normal(size=n)
        return pl.DataFrame({"a": a, "b": tilt * a + b, "c": rng.choice(["x", "y", None], n).tolist()})

    moved = estimates.domain_classifier(frame(1500, 0.0), frame(1200, 1.5))
    assert moved.auc > 0.6 and {name for name, _ in moved.top[:2]} == {"a", "b"} and moved.rows == 2400
    still = estimates.domain_classifier(frame(1500, 0.0), frame(1200, 0.0))
    assert 0.45 < still.auc < 0.55
    assert np.isnan(estimates.domain_classifier(frame(10, 0.0), frame(10, 0.0)).auc)
