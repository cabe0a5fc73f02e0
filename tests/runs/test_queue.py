"""The queue's decisions, without a process."""

from __future__ import annotations

import pytest

from mlops_store.errors import Problem
from mlops_tui.daemon.queue import OPTION, Active, Queue, Waiting, default_limit


def decide(
    waiting: list[Waiting],
    active: list[Active] | None = None,
    states: dict[str, str] | None = None,
    quiet: bool = True,
):  # type: ignore[no-untyped-def]
    return Queue(2, 1).decide(waiting, active or [], states or {}, lambda project: quiet)


def test_first_come_first_served_within_the_limit() -> None:
    found = decide([Waiting(name, "train", "p", name) for name in "dbca"])
    assert [run.run_id for run in found.launch] == ["a", "b"]
    assert sorted(found.waits) == ["c", "d"] and "2 of 2" in found.waits["c"]


def test_sdk_runs_take_no_place() -> None:
    found = decide([Waiting("b", "train", "p", "m")], [Active(str(n), "sdk", "p") for n in range(5)])
    assert [run.run_id for run in found.launch] == ["b"]


def test_who_must_wait_lets_others_pass() -> None:
    found = decide(
        [Waiting("a", "train", "p", "m", after=("x",)), Waiting("b", "train", "p", "n")],
        states={"x": "RUNNING"},
    )
    assert [run.run_id for run in found.launch] == ["b"] and "run x" in found.waits["a"]


def test_two_of_one_model_never_start_together() -> None:
    found = decide(
        [Waiting("a", "train", "p", "m"), Waiting("b", "train", "p", "m"), Waiting("c", "train", "q", "m")]
    )
    assert [run.run_id for run in found.launch] == ["a", "c"]


@pytest.mark.parametrize("state", ["FAILED", "KILLED", "LOST"])
def test_upstream_that_did_not_finish(state: str) -> None:
    [(run, reason)] = decide([Waiting("a", "train", "p", "m", after=("x",))], states={"x": state}).kill
    assert run.run_id == "a" and state in reason


def test_arriving_data_holds_training_but_not_what_is_pinned() -> None:
    waiting = [
        Waiting("a", "train", "p", "m"),
        Waiting("b", "train", "p", "n", pinned=True),
        Waiting("c", "evaluate", "p", "o"),
    ]
    found = decide(waiting, quiet=False)
    assert [run.run_id for run in found.launch] == ["b", "c"] and found.waits[
        "a"
    ] == "waits for arriving data"
    behind = decide([Waiting("a", "train", "p", "m"), Waiting("b", "ingest", "p", source="s")])
    assert [run.run_id for run in behind.launch] == ["b"], "a later ingest is waited for too"


def test_a_withdrawn_run_never_starts() -> None:
    found = decide([Waiting("a", "train", "p", "m", stop=True)])
    assert not found.launch and found.kill[0][1] == "withdrawn before it started"


@pytest.mark.parametrize("text", ["0", "-1", "x", "1001"])
def test_bad_limit(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(OPTION, text)
    with pytest.raises(Problem):
        default_limit()
    monkeypatch.setenv(OPTION, "3")
    assert default_limit() == 3 and Queue().small_limit == 1


def test_an_evaluation_and_a_training_of_one_model_take_their_looks_in_turn() -> None:
    found = Queue(3, 1).decide(
        [Waiting("b", "evaluate", "p", "m"), Waiting("c", "evaluate", "p", "n"), Waiting("d", "train", "p", "n")],
        [Active("a", "train", "p", "m")], {}, lambda project: True,
    )  # fmt: skip
    assert [run.run_id for run in found.launch] == ["c"] and sorted(found.waits) == ["b", "d"]
