"""Slices: masks of predicates, NULLs as in SQL, hostile names and text."""

from __future__ import annotations

import polars as pl
import pytest

from mlops_store.errors import Problem
from mlops_tui.worker.training.slices import mask

FRAME = pl.DataFrame(
    {
        "origin": ["JFK", "EWR", None, "O'Hare"],
        "distance": [100, 500, 900, None],
        'odd "name"; --': [1, 2, 3, 4],
        "^x.*$": [True, False, True, None],
        "*": [1.0, 2.0, 3.0, 4.0],
    }
)


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("origin = 'JFK'", [1, 0, 0, 0]),
        ("origin <> 'JFK'", [0, 1, 0, 1]),
        ("NOT origin = 'JFK'", [0, 1, 0, 1]),
        ("origin = 'O''Hare'", [0, 0, 0, 1]),
        ("origin IN ('JFK', 'EWR') AND distance > 100", [0, 1, 0, 0]),
        ("origin NOT IN ('JFK')", [0, 1, 0, 1]),
        ("origin IS NULL OR distance BETWEEN 100 AND 200", [1, 0, 1, 0]),
        ("distance IS NOT NULL", [1, 1, 1, 0]),
        ("distance != 100.0", [0, 1, 1, 0]),
        ("origin LIKE '_F%'", [1, 0, 0, 0]),
        ("origin LIKE 'O''%'", [0, 0, 0, 1]),
        ('"odd ""name""; --" >= 3', [0, 0, 1, 1]),
        ('"^x.*$" = TRUE', [1, 0, 1, 0]),
        ('"*" < 2', [1, 0, 0, 0]),
        ("origin = '; DROP TABLE x'", [0, 0, 0, 0]),
    ],
)
def test_masks(predicate: str, expected: list[int]) -> None:
    assert mask(FRAME, predicate).astype(int).tolist() == expected


@pytest.mark.parametrize("predicate", ["nowhere = 1", "distance = 'far'", "origin > 3", "origin = "])
def test_what_cannot_be_computed_names_the_slice(predicate: str) -> None:
    with pytest.raises(Problem) as caught:
        mask(FRAME, predicate)
    assert caught.value.code == "bad_slice" and predicate.strip() in caught.value.message
