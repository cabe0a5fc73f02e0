"""Alias moves: what is refused and why, rollback as an undo stack, the registry as of a time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from registry_box import CHAMPION_ONLY, FAILED, PASSED, UNDECIDED, Box, gate, plain

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.ids import new_run_id, now_ms
from mlops_store.records import CheckResult, EvaluationOutcome, ExitRecord, Outcome, RunSpec
from mlops_store.run_folder import RunFolder
from mlops_tui.services import model as service
from mlops_tui.services.settle import settle
from mlops_tui.verbs.model import ModelHistory, ModelList, ModelPromote, ModelRollback, ModelShow


def champion(box: Box, as_of: int | None = None) -> int | None:
    with box.read() as read:
        return service.show(read, ModelShow(model="late", as_of=as_of)).aliases.get("champion")


def problem(call: Any, *args: Any, **more: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        call(*args, **more)
    return caught.value


def test_first_promotion_and_the_next(box: Box) -> None:
    box.register()
    move = box.promote("late@1", reason="first")
    assert plain(move) | {"time": 0, "seq": 0} == {
        "project": "air", "model": "late", "alias": "champion", "from": None, "to": 1, "verdict_id": f"{1:032x}",
        "verdict": "PASS", "why": "first", "actor": "ann", "time": 0, "seq": 0,
    }  # fmt: skip
    box.register()
    box.promote("late@2", expected_from=1)
    assert champion(box) == 2
    with box.read() as read:
        page = service.history(read, ModelHistory(model="late"))
        assert [(item.from_, item.to, item.verdict) for item in page.items] == [
            (1, 2, "PASS"),
            (None, 1, "PASS"),
        ]
        assert page.items[1] == move


def test_what_the_caller_believed_must_hold(box: Box) -> None:
    box.register()
    box.register()
    box.promote("late@1", expected_from=0)
    wrong = problem(box.promote, "late@2", expected_from=0)
    assert (wrong.code, wrong.status) == ("alias_moved", 3) and "version 1" in wrong.message
    wrong = problem(box.promote, "late@2", expected_from=7)
    assert wrong.status == 3 and "version 7" in wrong.message
    wrong = problem(box.promote, "late@2", verdict_id="another")
    assert (wrong.code, wrong.status) == ("verdict_changed", 3) and f"{2:032x}" in wrong.message
    box.promote("late@2", expected_from=1, verdict_id=f"{2:032x}")
    assert problem(box.promote, "late@2").code == "already_there"


def test_a_second_promotion_in_one_group_sees_the_first(box: Box) -> None:
    for _ in range(3):
        box.register()
    box.promote("late@1")
    requests = [ModelPromote(model=f"late@{n}", expected_from=1) for n in (2, 3)]
    first, second = box.do(*(lambda tx, r=r: service.promote(tx, r) for r in requests))
    assert first.ok and second.problem is not None and second.problem.code == "alias_moved"
    assert champion(box) == 2


def test_rollback_in_the_group_of_its_promotion(box: Box) -> None:
    for _ in range(2):
        box.register()
    box.promote("late@1")
    results = box.do(
        lambda tx: service.promote(tx, ModelPromote(model="late@2")),
        lambda tx: service.rollback(tx, ModelRollback(model="late")),
        lambda tx: service.rollback(tx, ModelRollback(model="late")),
    )
    assert [result.ok for result in results] == [True, True, False]
    assert results[2].problem is not None and results[2].problem.code == "nothing_to_roll_back"
    assert champion(box) == 1


@pytest.mark.parametrize(
    ("verdict", "checks", "code"),
    [("FAIL", FAILED, "gate_fail"), ("INCONCLUSIVE", UNDECIDED, "gate_inconclusive")],
)
def test_a_verdict_that_is_not_pass_needs_a_waiver(
    box: Box, verdict: str, checks: list[Any], code: str
) -> None:
    box.register(gate=gate(verdict, checks))
    check = checks[-1]["check"]
    wrong = problem(box.promote, "late@1")
    assert (wrong.code, wrong.status) == (code, 4) and check in wrong.message
    waiver = box.waive("late@1", check, actor="bea", reason="new terminal", lasts=60_000)
    assert (waiver.name, waiver.check, waiver.reason, waiver.verdict_id) == (
        "bea",
        check,
        "new terminal",
        f"{1:032x}",
    )
    assert box.promote("late@1").verdict == verdict
    with box.read() as read:
        shown = service.show(read, ModelShow(model="late@1")).selected
    assert shown is not None and shown.verdict == verdict
    assert [(w["name"], w["check"], w["expires"]) for w in shown.waivers] == [("bea", check, waiver.expires)]


def test_an_expired_waiver_and_one_of_another_verdict_count_for_nothing(box: Box) -> None:
    box.register(gate=gate("FAIL", FAILED))
    check = FAILED[-1]["check"]
    box.waive("late@1", check, lasts=1)
    time.sleep(0.01)
    assert problem(box.promote, "late@1").status == 4
    box.waive("late@1", check)
    again = {
        "project": "air",
        "model": "late",
        "version": 1,
        "verdict_id": "later",
        "verdict": "FAIL",
        "gate": gate("FAIL", FAILED),
    }
    box.append("gate.verdict", again)
    assert problem(box.promote, "late@1").status == 4
    box.waive("late@1", check)
    assert box.promote("late@1").verdict_id == "later"


def test_what_may_be_waived(box: Box) -> None:
    box.register(gate=gate("FAIL", FAILED))
    check = FAILED[-1]["check"]
    assert problem(box.waive, "late@1", FAILED[0]["check"]).code == "no_such_check"
    assert problem(box.waive, "late@1", "gate").code == "no_such_check"
    assert problem(box.waive, "late@1", check, reason="  ").code == "reason_missing"
    assert problem(box.waive, "late@1", check, lasts=0).code == "bad_duration"
    assert problem(box.waive, "late", check).code == "version_missing"


def test_a_version_that_no_gate_judged_needs_a_waiver_of_the_gate(box: Box) -> None:
    box.register(verdict=None)
    wrong = problem(box.promote, "late@1")
    assert (wrong.code, wrong.status) == ("gate_not_run", 4) and "--check 'gate'" in wrong.hint
    box.waive("late@1", "gate")
    box.promote("late@1")
    assert champion(box) == 1


def test_checks_against_a_champion_ask_nothing_of_the_first_version(box: Box) -> None:
    for _ in range(2):
        box.register(gate=gate("INCONCLUSIVE", CHAMPION_ONLY))
    box.promote("late@1")
    wrong = problem(box.promote, "late@2")
    assert (wrong.code, wrong.status) == ("verdict_stale", 4) and "no champion" in wrong.message
    box.waive("late@2", CHAMPION_ONLY[0]["check"])
    box.promote("late@2")


BEAT = [*PASSED, {"check": "roc_auc > champion", "verdict": "PASS", "low": 0.01, "high": 0.03}]


def evaluated(box: Box, low: float, baseline: int = 3, *, counted: bool = True, clusters: int = 30) -> str:
    """An evaluation run of late@2 has ended, beside `baseline`."""
    run_id = new_run_id()
    spec = RunSpec(
        run_id=run_id,
        kind="evaluate",
        name="e",
        project="air",
        experiment="",
        actor="ann",
        created=now_ms(),
        model="late",
    )
    folder = RunFolder.create(box.home, spec)
    difference = CheckResult(check="roc_auc: difference", verdict="PASS" if low > 0 and clusters >= 10 else "INCONCLUSIVE",
                             low=low, high=low + 0.1, clusters=clusters)  # fmt: skip
    found = EvaluationOutcome(model="late", version=2, metrics={}, evaluation_key="e", evaluation_rows=10, clusters=clusters,
                              baseline_version=baseline, difference=difference)  # fmt: skip
    write_json(folder.attempt_dir(1) / "outcome.json", Outcome(kind="evaluate", evaluation=found))
    write_json(folder.attempt_dir(1) / "exit.json", ExitRecord(exit_code=0, signal=None, ended=now_ms()))
    box.writer.ingest([folder.path])
    if counted:
        box.do(lambda tx: settle(tx, run_id))[0].unwrap()
    return run_id


@pytest.fixture
def overtaken(box: Box) -> Box:
    """late@2 passed beside version 1; version 3 is champion by now."""
    box.register()
    box.promote("late@1")
    for _ in range(2):
        box.register(gate=gate("PASS", BEAT, champion="late@1"))
    box.promote("late@3")
    return box


def test_a_verdict_beside_another_champion_is_stale(overtaken: Box) -> None:
    box = overtaken
    wrong = problem(box.promote, "late@2")
    assert (wrong.code, wrong.status) == ("verdict_stale", 4)
    assert "beside late@1" in wrong.message and "late@3 now" in wrong.message
    assert "mlops-tui model evaluate late@2 --baseline 3" in wrong.hint and "model waive" in wrong.hint
    box.rollback()
    box.promote("late@2")  # the champion that it was judged beside is back


def test_a_stale_verdict_can_be_waived(overtaken: Box) -> None:
    overtaken.waive("late@2", "roc_auc > champion")
    assert overtaken.promote("late@2").verdict == "PASS"


def test_an_evaluation_beside_the_champion_of_now_renews_a_stale_verdict(overtaken: Box) -> None:
    box = overtaken
    for low, more in (
        (-0.01, {}),
        (0.0, {}),
        (0.02, {"baseline": 1}),
        (0.02, {"counted": False}),
        (0.02, {"clusters": 9}),
    ):
        evaluated(box, low, **more)  # type: ignore[arg-type]
        assert problem(box.promote, "late@2").code == "verdict_stale", (low, more)
    run = evaluated(box, 0.02)
    with box.read() as read:
        assert run in service.plan_promote(read, ModelPromote(model="late@2")).steps[1]
    assert box.promote("late@2", expected_from=3).to == 2


def test_an_evaluation_answers_for_its_own_metric_and_margin_alone(box: Box) -> None:
    box.register()
    box.promote("late@1")
    margin, other = "roc_auc >= champion + 0.05", "worst_slice.roc_auc >= champion - 0.01"
    checks = [{"check": margin, "verdict": "FAIL"}, {"check": other, "verdict": "PASS"}]
    for _ in range(2):
        box.register(gate=gate("FAIL", checks, champion="late@1"))
    box.promote("late@3", alias="challenger")
    box.append("alias.move", {"project": "air", "model": "late", "alias": "champion", "from": 1, "to": 3})
    evaluated(box, 0.02)
    wrong = problem(box.promote, "late@2")
    assert wrong.code == "verdict_stale" and margin in wrong.message and other in wrong.message
    evaluated(box, 0.06)
    wrong = problem(box.promote, "late@2")
    assert margin not in wrong.message and other in wrong.message and "model evaluate" not in wrong.hint
    box.waive("late@2", other)
    assert box.promote("late@2").verdict == "FAIL"


def test_other_aliases_are_not_guarded(box: Box) -> None:
    box.register(gate=gate("FAIL", FAILED))
    box.promote("late@1", alias="challenger")
    with box.read() as read:
        assert service.show(read, ModelShow(model="late@challenger")).aliases == {"challenger": 1}
    for alias in ("7", "../x", "Champion", ""):
        assert problem(box.promote, "late@1", alias=alias).status == 2


def test_rollback_is_an_undo_stack(box: Box) -> None:
    for _ in range(4):
        box.register()
    for version in (1, 2, 3):
        box.promote(f"late@{version}")
    assert (box.rollback().to, box.rollback().to) == (2, 1)
    assert problem(box.rollback).code == "nothing_to_roll_back"
    box.promote("late@4")
    move = box.rollback(reason="errors", expected_from=4)
    assert (move.from_, move.to, move.why) == (4, 1, "errors")
    assert problem(box.rollback, expected_from=4).code == "alias_moved"
    with box.read() as read:
        assert [item.to for item in service.history(read, ModelHistory(model="late")).items] == [
            1,
            4,
            1,
            2,
            3,
            2,
            1,
        ]


def test_rollback_asks_no_gate(box: Box) -> None:
    box.register(gate=gate("FAIL", FAILED))
    box.waive("late@1", FAILED[-1]["check"], lasts=100)
    box.promote("late@1")
    box.register()
    box.promote("late@2")
    time.sleep(0.15)
    assert box.rollback().to == 1


def test_as_of(box: Box) -> None:
    times = []
    box.register()
    time.sleep(0.003)
    for step in ("late@1", "late@2", None):
        if step == "late@2":
            box.register()
            time.sleep(0.003)
        times.append((box.promote(step) if step else box.rollback()).time)
        time.sleep(0.003)
    assert [champion(box, at) for at in times] == [1, 2, 1]
    with box.read() as read:
        early = service.show(read, ModelShow(model="late", as_of=times[0]))
        assert [version.version for version in early.versions] == [1]
        assert (
            early.selected is not None and early.selected.aliases == ["champion"] and early.as_of == times[0]
        )
        assert (
            problem(service.show, read, ModelShow(model="late@2", as_of=times[0])).code == "no_such_version"
        )
        assert (
            problem(service.show, read, ModelShow(model="late", as_of=times[0] - 60_000)).code
            == "no_such_model"
        )
        before = service.show(read, ModelShow(model="late", as_of=times[0] - 1))
        assert before.aliases == {} and before.selected is not None and before.selected.version == 1


def test_a_verdict_as_of_a_time(box: Box) -> None:
    box.register(gate=gate("INCONCLUSIVE", UNDECIDED))
    at = int(time.time() * 1000)
    time.sleep(0.003)
    box.append(
        "gate.verdict",
        {
            "project": "air",
            "model": "late",
            "version": 1,
            "verdict_id": "v",
            "verdict": "PASS",
            "gate": gate(),
        },
    )
    with box.read() as read:
        now = service.show(read, ModelShow(model="late@1")).selected
        then = service.show(read, ModelShow(model="late@1", as_of=at)).selected
    assert now is not None and then is not None
    assert (now.verdict, then.verdict) == ("PASS", "INCONCLUSIVE")
    assert then.gate is not None and then.gate["verdict"] == "INCONCLUSIVE"


def test_plans_say_what_would_be_done_and_change_nothing(box: Box) -> None:
    for _ in range(2):
        box.register()
    box.promote("late@1")
    seq = box.writer.ledger.seq
    with box.read() as read:
        plan = service.plan_promote(read, ModelPromote(model="late@2"))
        assert plan.steps[0] == "move champion of late from version 1 to version 2"
        assert "not beside the champion of now, version 1" in plan.steps[1]
        assert problem(service.plan_promote, read, ModelPromote(model="late@9")).code == "no_such_version"
        assert (
            problem(service.plan_rollback, read, ModelRollback(model="late")).code == "nothing_to_roll_back"
        )
    box.promote("late@2")
    with box.read() as read:
        plan = service.plan_rollback(read, ModelRollback(model="late"))
        assert plan.steps == ["move champion of late from version 2 to version 1"]
    assert box.writer.ledger.seq == seq + 1


@pytest.mark.parametrize(
    "ref", ["late@", "@2", "late@99", "late@nobody", "late@" + "9" * 60, "late@²", "none@1", "late@-1"]
)
def test_references_that_mean_nothing(box: Box, ref: str) -> None:
    box.register()
    wrong = problem(box.promote, ref)
    assert wrong.code.startswith("no_such_") == (ref not in ("late@", "@2"))
    assert wrong.status == (1 if wrong.code.startswith("no_such_") else 2)


def test_one_name_in_two_projects(box: Box) -> None:
    box.register()
    box.register(project="rail")
    wrong = problem(box.promote, "late@1")
    assert (wrong.code, wrong.status) == ("model_ambiguous", 2) and "air, rail" in wrong.message
    box.promote("late@1", project="rail")
    with box.read() as read:
        page = service.list_(read, ModelList())
        assert [(item.project, item.name, item.aliases) for item in page.items] == [
            ("air", "late", {}), ("rail", "late", {"champion": 1}),
        ]  # fmt: skip
        assert problem(service.history, read, ModelHistory(model="late")).code == "model_ambiguous"
        assert problem(service.show, read, ModelShow(model="late", project="sea")).code == "no_such_model"
        assert service.history(read, ModelHistory(model="late", project="rail")).items[0].project == "rail"


def test_pages(box: Box) -> None:
    for name in ("a", "b", "c"):
        box.register(model=name)
        box.register(model=name)
    box.promote("b@2")
    with box.read() as read:
        first = service.list_(read, ModelList(limit=2))
        assert [item.name for item in first.items] == ["a", "b"] and first.next
        assert [(v.version, v.aliases) for v in first.items[1].versions] == [(1, []), (2, ["champion"])]
        rest = service.list_(read, ModelList(limit=2, page=first.next))
        assert [item.name for item in rest.items] == ["c"] and rest.next is None
        assert problem(service.list_, read, ModelList(page="%%")).code == "bad_page"
        assert service.list_(read, ModelList(project="none")).items == []


def test_pages_of_history(box: Box) -> None:
    for _ in range(3):
        box.register()
    for version in (1, 2, 3):
        box.promote(f"late@{version}")
    with box.read() as read:
        first = service.history(read, ModelHistory(model="late", limit=2))
        rest = service.history(read, ModelHistory(model="late", limit=2, page=first.next))
    assert [item.to for item in first.items] == [3, 2] and [item.to for item in rest.items] == [1]
    assert rest.next is None
