"""The search on real data: seeded, ordered in time, honest about failures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from mlops_store.errors import Problem
from mlops_tui.worker.statistics import metrics
from mlops_tui.worker.training import families
from mlops_tui.worker.training.encoding import ColumnEncoding, Encoding
from mlops_tui.worker.training.families import FAMILIES, Family
from mlops_tui.worker.training.folds import group_folds, hash_keys, in_window, time_folds, window_ms
from mlops_tui.worker.training.tuning import OPTIMISTIC, USER, Board, Rows, Setup, Start, only_known, search

DAY = 86_400_000


def data(task: str = "classification") -> Rows:
    x, y = load_breast_cancer(return_X_y=True) if task == "classification" else load_diabetes(return_X_y=True)
    x, y = x[:, :6], y.astype(float)
    times = np.arange(len(y), dtype=np.int64) // 5 * DAY
    return Rows(matrix=x, target=y, clusters=times // DAY, times=times, folds=time_folds(times, DAY, 3))


def setup(task: str = "classification", **changes: Any) -> Setup:
    names = ["logistic_regression", "hist_gradient_boosting"] if task == "classification" else ["ridge"]
    chosen = [fast(family) for family in families.chosen(names, task)]
    encoding = Encoding(
        columns=[ColumnEncoding(name=f"c{i}", kind="number", dtype="") for i in range(6)], rows=1
    )
    metric = metrics.get("roc_auc" if task == "classification" else "rmse", task)
    base = Setup(
        task=task,
        metric=metric,
        classes=2,
        encoding=encoding,
        families=chosen,
        trials=4,
        log=lambda line: None,
    )
    return replace(base, **changes)


def fast(family: Family) -> Family:
    if family.name != "hist_gradient_boosting":
        return family
    return replace(
        family, build=lambda params, job: FAMILIES[family.name].build({**params, "max_iter": 5}, job)
    )


def broken(params: dict[str, Any], job: Any) -> Any:
    raise RuntimeError("this estimator cannot be made")


def content(board: Board) -> list[Any]:
    return [
        (e.trial, e.family, e.params, e.window, e.score, e.folds, e.low, e.high, e.error)
        for e in board.entries
    ]


def test_the_same_seed_gives_the_same_board_and_another_seed_other_parameters() -> None:
    first, again, other = (search(data(), setup(seed=seed)) for seed in (1, 1, 2))
    assert content(first) == content(again)
    assert [e.params for e in first.entries] != [e.params for e in other.entries]


def test_the_board_has_the_baseline_the_defaults_first_and_optimistic_intervals() -> None:
    board = search(data(), setup())
    trials = {entry.trial: entry for entry in board.entries}
    assert trials[-1].family == "naive" and trials[-1].score == 0.5
    assert [trials[0].params, trials[1].params] == [
        {"C": 1.0},
        dict(FAMILIES["hist_gradient_boosting"].defaults),
    ]
    best = board.best()
    assert best is board.entries[0] and best.interval == OPTIMISTIC
    assert best.score is not None and best.low is not None and best.high is not None
    assert best.low < best.score < best.high


def test_a_loss_is_minimised() -> None:
    board = search(data("regression"), setup("regression"))
    scores = [entry.score for entry in board.entries if entry.score is not None]
    assert scores == sorted(scores) and board.entries[-1].family == "naive"


def test_a_failing_family_is_recorded_and_the_others_win() -> None:
    chosen = [Family("bad", ("classification",), {}, lambda trial, prefix: {}, broken), *setup().families]
    board = search(data(), setup(families=chosen))
    failed = [entry for entry in board.entries if entry.state == "failed"]
    assert failed and all("cannot be made" in entry.error and entry.score is None for entry in failed)
    assert board.best().family != "bad"


def test_all_failing_is_a_problem_with_the_reason() -> None:
    only = [Family("bad", ("classification",), {}, lambda trial, prefix: {}, broken)]
    with pytest.raises(Problem, match="bad: RuntimeError: this estimator cannot be made"):
        search(data(), setup(families=only, trials=2))


def test_fixed_parameters_hold_in_every_trial() -> None:
    board = search(data(), setup(fixed={"C": 0.25}))
    used = {entry.params["C"] for entry in board.entries if entry.family == "logistic_regression"}
    assert used == {0.25}


def test_a_misspelt_parameter_is_refused() -> None:
    with pytest.raises(Problem, match="'lerning_rate'"):
        only_known({"lerning_rate": 0.1}, setup().families)
    only_known({"anything": 1}, [Family(USER, ("classification",), {}, lambda t, p: {}, broken)])


def test_windows_are_searched() -> None:
    board = search(data(), setup(windows=["all", "40d"], trials=5))
    assert {entry.window for entry in board.entries} == {"all", "40d"}


def test_the_timeout_stops_after_a_whole_trial() -> None:
    board = search(data(), setup(trials=50, timeout=0.0))
    assert board.stopped == "timeout after 1 of 50 trials"


def test_time_folds_expand_and_know_no_label_too_early() -> None:
    times = np.repeat(np.arange(60, dtype=np.int64) * DAY, 3)
    folds = time_folds(times, 2 * DAY, 3)
    assert len(folds) == 3
    for fold in folds:
        assert times[fold.train].max() + 2 * DAY <= times[fold.valid].min()
        assert not set(times[fold.train]) & set(times[fold.valid])
    assert [len(fold.train) for fold in folds] == sorted(len(fold.train) for fold in folds)


def test_time_folds_of_few_moments() -> None:
    assert time_folds(np.zeros(10, dtype=np.int64), 0, 3) == []
    two = time_folds(np.array([0] * 9 + [DAY], dtype=np.int64), 0, 3)
    assert all(len(fold.train) and len(fold.valid) for fold in two)


def test_group_folds_keep_keys_together_and_hashes_are_stable() -> None:
    keys = hash_keys([(f"k{i % 40}", 1) for i in range(200)])
    for fold in group_folds(keys, 3):
        assert not set(keys[fold.train]) & set(keys[fold.valid])
    assert hash_keys([("a", 1)]).tolist() == hash_keys([("a", 1)]).tolist()


def test_windows_count_back_from_the_end() -> None:
    times = np.arange(10, dtype=np.int64) * DAY
    rows = np.arange(10)
    assert in_window(times, rows, 9 * DAY, "3d").tolist() == [7, 8, 9]
    assert in_window(times, rows, 9 * DAY, "all").tolist() == rows.tolist()
    with pytest.raises(Problem):
        window_ms("3 moons")


def test_a_search_begins_where_the_champion_stands() -> None:
    own = families.chosen(["hist_gradient_boosting"], "classification")[0].defaults
    start = Start(family="hist_gradient_boosting", params={**own, "max_iter": 80}, window="all")
    board = search(data(), setup(start=start))
    first = next(entry for entry in board.entries if entry.trial == 0)
    assert (first.family, first.params["max_iter"]) == ("hist_gradient_boosting", 80)
    assert {e.trial: e.family for e in board.entries}[1] == "logistic_regression"


def test_a_champion_of_another_space_is_no_start() -> None:
    start = Start(family="hist_gradient_boosting", params={"depth": 3}, window="all")
    board = search(data(), setup(start=start))
    assert next(entry for entry in board.entries if entry.trial == 0).family == "logistic_regression"


def test_numbers_that_are_no_probabilities_are_refused() -> None:
    class Odd:
        classes_ = (0, 1)

        def __init__(self, value: float) -> None:
            self.value = value

        def predict_proba(self, matrix: np.ndarray) -> np.ndarray:
            return np.full((len(matrix), 2), self.value)

    matrix = np.zeros((3, 1))
    with pytest.raises(Problem, match="not probabilities"):
        families.predict(Odd(7.0), matrix, "classification", 2)
    assert families.predict(Odd(0.5), matrix, "classification", 2).tolist() == [0.5] * 3
