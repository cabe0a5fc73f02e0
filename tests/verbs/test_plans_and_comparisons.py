"""How long a plan says that a run takes, what is reversible, and runs side by side."""

from __future__ import annotations

from typing import Any

import pytest
from desk import START, Desk

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.records import EvaluationOutcome, ExitRecord, Outcome
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.pages.compare import labels, other_rows
from mlops_tui.services.costs import cost, takes
from mlops_tui.services.forecast import forecast
from mlops_tui.services.model_evaluate import plan_evaluate
from mlops_tui.services.reversals import UNDO
from mlops_tui.services.run import plan_resume
from mlops_tui.services.run_compare import compare
from mlops_tui.verbs import find
from mlops_tui.verbs.ledger import REVERSIBLE
from mlops_tui.verbs.model import ModelEvaluate
from mlops_tui.verbs.run import RunCompare, RunSeveral


def over(desk: Desk, seconds: float, *, exit_code: int = 0, kind: str = "train", **fields: Any) -> str:
    """A run that took so long."""
    folder = desk.run(kind, **fields)
    took = round(1000 * seconds)
    write_json(
        folder.attempt_dir(1) / "exit.json",
        ExitRecord(exit_code=exit_code, signal=None, ended=START + took, duration_ms=took),
    )
    desk.ingest(folder)
    return folder.run_id


def test_time_is_told_by_the_last_three_that_finished(desk: Desk) -> None:
    with desk.read() as read:
        assert takes(read, "air", "late") == "nothing is known of its time yet"
    over(desk, 500)
    with desk.read() as read:
        assert takes(read, "air", "late") == "about 8m 20s, by 1 earlier run of late"
    for seconds in (30, 36, 60):
        over(desk, seconds)
    over(desk, 1, exit_code=1)
    over(desk, 2, kind="score")
    over(desk, 3, model="other")
    with desk.read() as read:
        assert takes(read, "air", "late") == "about 42.0s, at most 1m 00s, by 3 earlier runs of late"
        assert takes(read, "air", "late", runs=10).startswith("about 7m 00s, at most 10m 00s")
        assert takes(read, "air", "late", "score") == "about 2.0s, by 1 earlier run of late"
        assert cost(read, "air", "late")["seconds_max"] == 60


def test_reading_files_is_counted_by_source(desk: Desk) -> None:
    for source, seconds in (("flights", 4), ("weather", 20)):
        over(desk, seconds, kind="ingest", model=None, request={"source": source, "paths": []})
    with desk.read() as read:
        assert (
            takes(read, "air", None, "ingest", source="flights") == "about 4.0s, by 1 earlier run of flights"
        )


def test_a_plan_to_resume_refuses_what_resuming_refuses(desk: Desk) -> None:
    failed, done = over(desk, 5, exit_code=1), over(desk, 6)
    with desk.read() as read:
        with pytest.raises(Problem) as refused:
            plan_resume(read, RunSeveral(run_id=done))
        assert refused.value.code == "run_finished"
        # its outcome is not in the ledger yet
        with pytest.raises(Problem) as early:
            plan_resume(read, RunSeveral(run_id=failed))
        assert early.value.code == "run_unsettled"
    desk.append("run.settle", {"run_id": failed, "state": "FAILED"}, subject=failed)
    with desk.read() as read:
        plan = plan_resume(read, RunSeveral(run_id=failed))
    assert (
        plan.steps[0].startswith("queue attempt 2")
        and plan.steps[-1] == "a whole run: about 6.0s, by 1 earlier run of late"
    )


def test_a_plan_to_evaluate_names_rows_and_what_it_costs(desk: Desk) -> None:
    desk.version(1, over(desk, 5), {"flights": 1})
    with desk.read() as read:
        plan = plan_evaluate(read, ModelEvaluate(model="late@1", project="air"))
        assert "newest data version" in plan.steps[0] and plan.steps[-1] == "nothing is known of its time yet"
        with pytest.raises(Problem) as same:
            plan_evaluate(read, ModelEvaluate(model="late@1", project="air", baseline="1"))
    assert same.value.code == "same_version"


def test_what_the_app_calls_reversible_is_what_can_be_undone() -> None:
    assert set(REVERSIBLE.values()) == set(UNDO)
    assert all(find(key).writes for key in REVERSIBLE)


def test_runs_that_were_judged_on_other_rows_are_told_apart(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def judged(rows: int) -> str:
        folder = desk.run(journal=[f'["m","auc",0,{START},0.{rows}]'])
        found = EvaluationOutcome(
            model="late", version=1, metrics={}, evaluation_key="k", evaluation_rows=rows, clusters=9
        )
        desk.end(folder, Outcome(kind="evaluate", evaluation=found))
        return folder.run_id

    ids = [judged(40), judged(41), judged(40), desk.run("sdk").run_id]
    with desk.read() as read:
        found = compare(read, RunCompare(runs=ids))
        same = compare(read, RunCompare(runs=[ids[0], ids[2]]))
    assert [each.rows if each else None for each in found.judged] == [40, 41, 40, None]
    assert [other_rows(found, "auc", 0, place) for place in range(4)] == [False, True, False, False]
    assert not other_rows(found, "system/cpu", 0, 1)
    assert next(row.values for row in found.rows) == [
        40,
        41,
        40,
        None,
    ]  # at the head: which rows they were judged on
    for answer, says in ((found, 1), (same, 0)):
        render(find("run compare"), answer, Screen(False, 200))
        assert capsys.readouterr().out.count("not on the same rows") == says


def test_metrics_come_first_and_the_terminal_not_at_all(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(depth: int, terminal: str) -> str:
        journal = [
            f'["m","{key}",0,{START},0.{depth}]'
            for key in ("system/cpu", "search/score", "champion/auc", "val/acc", "log_loss", "auc")
        ]
        folder = desk.run("sdk", params={"depth": depth}, journal=journal)
        found = {
            "TERM": terminal,
            "TMUX": terminal,
            "SSH_TTY": terminal,
            "PWD": terminal,
            "SHLVL": terminal,
            "OMP_NUM_THREADS": depth,
        }
        write_json(folder.capture, {"environment": found, "seed": depth})
        return folder.run_id

    with desk.read() as read:
        found = compare(read, RunCompare(runs=[run(3, "xterm"), run(5, "screen")]))
    assert [row.key for row in found.rows if row.section == "metrics"] == [
        "auc",
        "log_loss",
        "val/acc",
        "champion/auc",
        "search/score",
        "system/cpu",
    ]
    sections = list(dict.fromkeys(row.section for row in found.rows))
    assert sections == ["metrics", "params", "run", "environment"]
    assert [row.key for row in found.rows if row.section == "environment"] == ["seed", "env OMP_NUM_THREADS"]
    render(find("run compare"), found, Screen(False, 80))
    shown = capsys.readouterr().out
    assert "auc" in shown and "+0.2000" in shown and "+2" in shown


def test_runs_are_called_by_name_and_by_both_where_names_are_the_same() -> None:
    ids = ["1" * 32, "2" * 32, "2" * 8 + "3" * 24]
    assert labels(ids, ["a", "b", "b"]) == ["a", "222222222 b", "222222223 b"]
    assert labels(ids[:2], ["", "b"]) == ["11111111", "b"]


def test_a_hundred_runs_are_compared_and_no_more(desk: Desk) -> None:
    ids = [over(desk, 5, params={"depth": number}) for number in range(21)]
    with desk.read() as read:
        with pytest.raises(Problem) as many:
            compare(read, RunCompare(runs=[*ids, *(f"{number:032x}" for number in range(80))]))
        assert many.value.code == "bad_compare"
        found = compare(read, RunCompare(runs=ids))
        depth = next(row for row in found.rows if row.key == "depth")
        assert depth.differs and depth.values == list(range(21))
        with pytest.raises(Problem) as unknown:
            compare(read, RunCompare(runs=[*ids, "f" * 32]))
    assert unknown.value.code == "no_such_run"


def test_the_queue_is_foretold_by_earlier_runs(desk: Desk) -> None:
    for seconds, model in ((60, "late"), (30, "other")):
        over(desk, seconds, model=model)

    def row(
        number: int, state: str, model: str = "late", kind: str = "train", started: int | None = None
    ) -> dict[str, Any]:
        return {
            "run_id": f"r{number}",
            "project": "air",
            "model": model,
            "kind": kind,
            "state": state,
            "started": started,
        }

    with desk.read() as read:
        now = read.now
        begun = now - 20_000
        rows = [
            row(1, "RUNNING", started=begun), row(2, "QUEUED"), row(3, "QUEUED", "other"), row(4, "QUEUED", "unknown"), row(5, "QUEUED"),
            row(6, "QUEUED", kind="score"), row(7, "RUNNING", kind="sdk", started=begun),
        ]  # fmt: skip
        waits = {"r2": "waits for run r1 of the same model", "r3": "waits for a free place (1 of 1 taken)"}
        found = forecast(read, rows, waits, 1, now)
        assert (found["r1"].end, found["r2"].start, found["r2"].end) == (
            now + 40_000,
            now + 40_000,
            now + 100_000,
        )
        assert (found["r3"].start, found["r3"].end) == (now + 100_000, now + 130_000)
        # nobody knows how long the fourth takes: so neither when what comes after it starts
        assert (found["r4"].start, found["r4"].end, found["r5"].start) == (now + 130_000, None, None)
        assert (found["r6"].start, found["r6"].end, found["r6"].position) == (now, None, 5)
        two = forecast(read, rows, waits, 2, now)
        assert two["r3"].start == now and two["r2"].start == now + 40_000
        assert forecast(read, rows, {"r2": "waits for arriving data"}, 1, now)["r2"].start is None
