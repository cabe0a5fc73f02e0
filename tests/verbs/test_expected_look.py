"""A card says how strictly the next gate will judge rows that were looked at before."""

from __future__ import annotations

from desk import Desk

from mlops_tui.pages.evidence import look_said
from mlops_tui.services.evidence import expected_look


def looked(desk: Desk, run: str, split_by: str) -> None:
    desk.append(
        "gate.look",
        {"project": "air", "model": "late", "evaluation_key": f"k{run}", "run_id": run * 32, "look": 1, "split_by": split_by,
         "batches": ["flights1"]},
    )  # fmt: skip


def test_the_same_rows_are_looked_at_again_where_a_hash_parts_them(desk: Desk) -> None:
    assert expected_look(desk.read(), "air", "late") is None
    looked(desk, "a", "key_hash")
    looked(desk, "b", "key_hash")
    found = {"expected_look": expected_look(desk.read(), "air", "late")}
    assert look_said(found) == "this will be look 3 at the same rows, at 99.6 %"


def test_newer_rows_judge_where_they_are_parted_by_time(desk: Desk) -> None:
    looked(desk, "a", "time")
    assert expected_look(desk.read(), "air", "late") is None
