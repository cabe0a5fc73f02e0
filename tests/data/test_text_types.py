"""What the text of a column means, in the ways that people write numbers and dates."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlops_tui.worker.delivery import Refused, take
from mlops_tui.worker.files import read_table
from mlops_tui.worker.infer_columns import unread
from mlops_tui.worker.text_types import infer_text, with_dots


def read(folder: Path, text: str) -> pl.DataFrame:
    (folder / "a.csv").write_text(text)
    return read_table(take(folder / "a.csv", folder)).frame


def test_a_file_with_semicolons_has_decimal_commas_and_days_first(tmp_path: Path) -> None:
    found = read(tmp_path, "id;price;at\n1;12,50;31.01.2024\n2;7;1.2.2024\n3;NA;\n")
    assert found["price"].to_list() == [12.5, 7.0, None]
    assert found.schema["at"] == pl.Date and str(found["at"][1]) == "2024-02-01"


def test_what_could_be_thousands_and_what_is_no_number_stays_text() -> None:
    for values in (["1,234", "2,345"], ["1,5", "x"], ["007,5"], ["1,2,3"]):
        column = pl.Series("c", values)
        assert with_dots(column, None).to_list() == values and infer_text(column, None) == "str"
    assert with_dots(pl.Series("c", ["1,234"]), "float").to_list() == ["1.234"]


@pytest.mark.parametrize(
    ("value", "says"),
    [('"12,50"', "need a dot"), ("12/31/2024", "31.01.2024"), ("abc", ""), ("12.5", "")],
)
def test_what_stays_text_is_said_with_what_to_do(tmp_path: Path, value: str, says: str) -> None:
    found = unread(read(tmp_path, f"id,c\n1,{value}\n2,{value}\n"))
    assert len(found) == bool(says) and says in "".join(found)


def test_an_impossible_day_is_no_date(tmp_path: Path) -> None:
    assert read(tmp_path, "id,at\n1,32.01.2024\n").schema["at"] == pl.String
    with pytest.raises(Refused, match="empty"):
        read(tmp_path, "")
