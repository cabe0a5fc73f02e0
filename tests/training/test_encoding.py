"""The encoding: the same numbers in training and scoring, whatever the frame holds."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from mlops_store.errors import Problem
from mlops_tui.worker.training import encoding
from mlops_tui.worker.training.encoding import TOP, build, dump, load


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "n": [1.5, None, float("inf"), -2.0],
            "i": [1, 2, None, 4],
            "b": [True, None, False, True],
            "c": ["x", "y", None, "x"],
            "t": [
                datetime(2013, 1, 1, tzinfo=UTC),
                None,
                datetime(1970, 1, 1, tzinfo=UTC),
                datetime(1970, 1, 2, tzinfo=UTC),
            ],
        }
    )


def test_each_kind_becomes_its_numbers() -> None:
    matrix = build(frame(), ["n", "i", "b", "c", "t"]).encode(frame())
    nan = np.nan
    expected = [
        [1.5, 1, 1, 0, 1356998400.0],
        [nan, 2, nan, 1, nan],
        [nan, nan, 0, 4, 0.0],
        [-2.0, 4, 1, 0, 86400.0],
    ]
    np.testing.assert_array_equal(matrix, np.array(expected))


def test_json_round_trip_gives_the_same_matrix_on_new_rows() -> None:
    first = build(frame(), ["c", "n", "t"])
    again = load(dump(first))
    assert again == first
    new = frame().with_columns(c=pl.Series(["unseen", "y", None, "x'; DROP TABLE"]))
    np.testing.assert_array_equal(again.encode(new), first.encode(new))
    assert again.encode(new)[:, 0].tolist() == [3.0, 1.0, 4.0, 3.0]


def test_unseen_categories_join_the_rare_ones_where_training_had_some() -> None:
    names = [f"v{i:03d}" for i in range(TOP + 20)]
    values = names + names[:TOP]
    column = build(pl.DataFrame({"c": values}), ["c"])
    assert len(column.columns[0].categories) == TOP
    codes = column.encode(pl.DataFrame({"c": [names[0], names[-1], "unseen", None]}))[:, 0]
    assert codes.tolist() == [0.0, float(TOP), float(TOP), float(TOP + 2)]
    assert codes.max() < 255


def test_missing_columns_are_named() -> None:
    with pytest.raises(Problem, match="'c', 't'") as caught:
        build(frame(), ["n", "c", "t"]).encode(frame().select("n"))
    assert caught.value.code == "features_missing"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("n", ["a", "b", "c", "d"]),
        ("b", [0.5, 1.0, 0.0, 2.0]),
        ("c", [0.5, 1.0, 1.5, 2.0]),
        ("t", [1, 2, 3, 4]),
    ],
)
def test_wrong_types_are_named_with_both_types(column: str, values: list[object]) -> None:
    trained = build(frame(), ["n", "i", "b", "c", "t"])
    with pytest.raises(Problem, match=f"'{column}' is ") as caught:
        trained.encode(frame().with_columns(pl.Series(column, values)))
    assert caught.value.code == "feature_type"


def test_types_that_carry_the_same_values_fit() -> None:
    trained = build(frame(), ["n", "b", "c"])
    looser = pl.DataFrame({"n": [True, False], "b": [1, 0], "c": [7, None]})
    assert trained.encode(looser).tolist()[0] == [1.0, 1.0, 3.0]


def test_all_null_columns_of_any_type_are_null() -> None:
    trained = build(frame(), ["n", "c", "t"])
    empty = pl.DataFrame({"n": pl.Series([None], dtype=pl.String), "c": [None], "t": [None]})
    row = trained.encode(empty)[0]
    assert np.isnan(row[0]) and row[1] == 4.0 and np.isnan(row[2])


def test_an_empty_frame_is_an_empty_matrix() -> None:
    trained = build(frame(), ["n", "c"])
    assert trained.encode(frame().head(0)).shape == (0, 2)


def test_a_column_that_was_all_null_in_training_takes_any_category_as_unknown() -> None:
    trained = build(pl.DataFrame({"c": pl.Series([None, None], dtype=pl.String)}), ["c"])
    assert trained.encode(pl.DataFrame({"c": ["a", None]}))[:, 0].tolist() == [1.0, 2.0]


def test_lists_are_no_features() -> None:
    with pytest.raises(Problem, match="cannot be a feature"):
        build(pl.DataFrame({"x": [[1], [2]]}), ["x"])


def test_damage_is_a_problem() -> None:
    with pytest.raises(Problem, match="not readable"):
        encoding.load(b"{}")
