"""Labels: what the numbers stand for."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl
import pytest

from mlops_store.errors import Problem
from mlops_tui.worker.training.labels import Labels, fit


@pytest.mark.parametrize(
    ("values", "classes", "codes"),
    [
        ([True, False, True], [False, True], [1, 0, 1]),
        ([0, 1, 1], [0, 1], [0, 1, 1]),
        ([2.0, 5.0, 2.0], [2, 5], [0, 1, 0]),
        (["yes", "no", None], ["no", "yes"], [1, 0, None]),
    ],
)
def test_two_classes_of_any_type(values: list[object], classes: list[object], codes: list[object]) -> None:
    target = pl.Series("y", values)
    labels = msgspec.json.decode(msgspec.json.encode(fit(target, "classification")), type=Labels)
    assert labels.classes == classes
    encoded, unseen = labels.encode(target)
    np.testing.assert_array_equal(encoded, np.array(codes, dtype=float))
    assert unseen == []


def test_the_second_label_is_positive_and_labels_come_back() -> None:
    labels = fit(pl.Series("y", ["late", "early"]), "classification")
    assert labels.decode(np.array([0, 1])).to_list() == ["early", "late"]


def test_a_new_class_gets_a_number_of_its_own() -> None:
    labels = fit(pl.Series("y", ["a", "b", "c"]), "multiclass")
    encoded, unseen = labels.encode(pl.Series("y", ["c", "z", "a"]))
    assert encoded.tolist() == [2.0, 3.0, 0.0] and unseen == ["z"]


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        ([1, 1], "classification", "has 1"),
        ([0, 1, 2], "classification", "has 3"),
        ([0.5, 1.0], "classification", "fractions"),
        (["a"], "multiclass", "1 labels"),
        (["a", "b"], "regression", "needs numbers"),
        ([1.0, float("inf")], "regression", "infinite"),
        ([], "classification", "has 0"),
    ],
)
def test_what_does_not_fit_the_task(values: list[object], task: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        fit(pl.Series("y", values), task)


def test_a_third_label_in_a_two_class_task_is_refused() -> None:
    labels = fit(pl.Series("y", [0, 1]), "classification")
    with pytest.raises(Problem, match="labels that training did not have: 2"):
        labels.encode(pl.Series("y", [0, 2]))
