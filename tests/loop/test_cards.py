"""Firings become one card; decisions, time and runs move it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from card_desk import HOUR, START, TOML, Desk

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.database import Database
from mlops_store.index.rebuild import build, compare
from mlops_store.run_folder import RunFolder
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services import card_life, proposal, triggers
from mlops_tui.services import run as runs
from mlops_tui.services.loop_facts import last_decision
from mlops_tui.services.run_detail import detail
from mlops_tui.services.settle import settle
from mlops_tui.verbs import find
from mlops_tui.verbs.proposal import (
    ProposalApprove,
    ProposalList,
    ProposalOpen,
    ProposalRef,
    ProposalReject,
    ProposalSnooze,
)
from mlops_tui.verbs.run import RunSeveral


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path).with_champion()
    yield made
    made.close()


def fire(desk: Desk, labelled: int = 150) -> None:
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.drifted(run, labelled)


def approve(desk: Desk, **kwargs: object) -> str:
    card = desk.do(lambda tx: proposal.approve(tx, ProposalApprove(project="shop", id="late", **kwargs)))  # type: ignore[arg-type]
    assert card.run_id is not None
    return card.run_id


def test_new_data_opens_one_card_and_more_attach(desk: Desk) -> None:
    fire(desk, 99)
    assert desk.cards() == []
    fire(desk, 150)
    fire(desk, 250)
    cards = desk.cards()
    assert [(c["state"], c["revision"]) for c in cards] == [("OPEN", 2)]
    assert "250 mature" in cards[0]["reasons"] and "150" not in cards[0]["reasons"]
    assert [f["proposal_id"] for f in desk.rows("SELECT proposal_id FROM firings")] == [cards[0]["id"]] * 2
    shown = proposal.show(desk.reader, ProposalRef(project="shop", id="late"))
    assert (
        shown.pins == {"orders": 4}
        and shown.evidence["file_count"] == 3
        and shown.expires == START + 14 * 24 * HOUR
    )


def test_nobody_looks_twice_at_the_same_data(desk: Desk) -> None:
    assert desk.look() is None
    desk.admit()
    run = desk.look()
    assert run is not None and desk.look() is None
    desk.drifted(run, 5)
    assert desk.look() is None
    desk.admit("stock")
    again = desk.look()
    assert again is not None
    desk.finish(again, None, code=1)
    assert desk.look() is None


def test_other_sources_renew_the_snapshots_of_an_open_card(desk: Desk) -> None:
    fire(desk)
    desk.admit("stock")
    run = desk.look()
    assert run is not None
    desk.drifted(run, 150)
    card = desk.cards()[0]
    assert card["revision"] == 2 and card["pins"] == '{"orders":2,"stock":1}'


def test_approval_pins_runs_and_ends(desk: Desk) -> None:
    fire(desk)
    with pytest.raises(Problem) as problem:
        approve(desk, revision=7)
    assert problem.value.code == "conflict" and "revision 7" in problem.value.message
    run = approve(desk, revision=1, reason="go")
    assert desk.cards()[0]["state"] == "APPROVED" and desk.cards()[0]["decided_by"] == "ann"
    with pytest.raises(Problem, match="APPROVED"):
        desk.do(lambda tx: proposal.approve(tx, ProposalApprove(id=desk.cards()[0]["id"])))
    desk.trained(run)
    card = desk.cards()[0]
    assert (card["state"], card["verdict"], card["run_id"]) == ("DONE", "PASS", run)
    assert desk.rows("SELECT version, pins FROM model_versions ORDER BY version")[1] == {
        "version": 2,
        "pins": '{"orders":2}',
    }


def test_a_failed_training_is_an_error(desk: Desk) -> None:
    fire(desk)
    desk.finish(approve(desk), None, code=1)
    assert desk.cards()[0]["state"] == "ERROR"


def test_settling_twice_changes_nothing(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    desk.trained(run)
    before = desk.rows("SELECT count(*) AS n FROM ledger")
    assert desk.do(lambda tx: settle(tx, run), "daemon", "another key") == "FINISHED"
    assert desk.rows("SELECT count(*) AS n FROM ledger") == before


def test_firings_during_a_run_wait_as_one(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    desk.admit()
    first = desk.look()
    assert first is not None
    desk.drifted(first, 300)
    assert len(desk.cards()) == 1
    assert [f["proposal_id"] for f in desk.rows("SELECT proposal_id FROM firings ORDER BY seq")][1:] == [None]
    desk.trained(run)
    desk.drifted(desk.looking(), 120)  # beside the same champion, counted from the new decision
    assert len(desk.cards()) == 1  # the model cools down
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is None
    desk.now += 7 * HOUR
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is not None
    cards = desk.cards()
    assert [c["state"] for c in cards] == ["DONE", "OPEN"]
    assert len(desk.rows("SELECT 1 AS one FROM firings WHERE proposal_id IS NULL")) == 2
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is None


def test_what_waited_and_is_no_longer_true_opens_nothing(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    desk.admit()
    look = desk.look()
    assert look is not None
    desk.drifted(look, 300)
    desk.trained(run)
    desk.drifted(desk.looking(), 20)
    desk.now += 7 * HOUR
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is None


def test_a_rejection_restarts_the_counter_and_cools_down(desk: Desk) -> None:
    fire(desk)
    desk.do(lambda tx: proposal.reject(tx, ProposalReject(project="shop", id="late", reason="outage")))
    assert desk.cards()[0]["decision_reason"] == "outage"
    desk.now += 7 * HOUR
    assert desk.look() is None
    desk.admit()
    run = desk.look()
    assert run is not None
    assert RunFolder(desk.home.run_dir(run)).spec().request["since_version"] == 2
    desk.drifted(run, 150)
    assert [c["state"] for c in desk.cards()] == ["REJECTED", "OPEN"]


def test_snooze_lasts_and_ends(desk: Desk) -> None:
    fire(desk)
    desk.do(lambda tx: proposal.snooze(tx, ProposalSnooze(project="shop", id="late", lasts=2 * HOUR)))
    fire(desk, 500)
    assert (desk.cards()[0]["state"], desk.cards()[0]["revision"]) == ("SNOOZED", 2)
    assert desk.do(card_life.expire) == []
    desk.now += 2 * HOUR
    assert desk.do(card_life.expire) == [desk.cards()[0]["id"]]
    assert desk.cards()[0]["state"] == "OPEN"


def test_cards_expire(desk: Desk) -> None:
    fire(desk)
    desk.now += 14 * 24 * HOUR - 1
    assert desk.do(card_life.expire) == []
    desk.now += 1
    desk.do(card_life.expire)
    assert desk.cards()[0]["state"] == "EXPIRED"
    with pytest.raises(Problem, match="EXPIRED"):
        desk.do(lambda tx: proposal.reject(tx, ProposalReject(id=desk.cards()[0]["id"])))


def test_on_demand_needs_no_champion_and_no_patience(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.admit()
    asked = desk.do(
        lambda tx: proposal.open(tx, ProposalOpen(project="shop", model="late", reason="a new law"))
    )
    assert (
        asked.state == "OPEN"
        and asked.reasons == ["on demand by ann: a new law"]
        and asked.pins == {"orders": 1}
    )
    again = desk.do(lambda tx: proposal.open(tx, ProposalOpen(project="shop", model="late", reason="still")))
    assert again.id == asked.id and again.revision == 2
    run = approve(desk)
    desk.trained(run, "INCONCLUSIVE", better=False, champion=None)
    assert desk.cards()[0]["verdict"] == "INCONCLUSIVE"
    desk.close()


def test_who_asks_during_a_training_waits_for_its_end(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    for reason in ("a new law", "a newer law"):
        asked = desk.do(
            lambda tx, r=reason: proposal.open(tx, ProposalOpen(project="shop", model="late", reason=r))
        )
    assert (asked.id, asked.state, asked.waiting) == (
        desk.cards()[0]["id"], "APPROVED", ["on demand by ann: a newer law"],
    )  # fmt: skip
    assert asked.reasons and not any("law" in reason for reason in asked.reasons)
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is None
    desk.trained(run)
    # the cool-down of six hours holds up rules, not people
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is not None
    assert [(card["state"], card["revision"]) for card in desk.cards()] == [("DONE", 1), ("OPEN", 1)]
    assert "a newer law" in desk.cards()[1]["reasons"]
    assert desk.do(lambda tx: triggers.release_waiting(tx, "shop", desk.model)) is None


def resume(desk: Desk, run: str) -> None:
    desk.do(lambda tx: runs.resume(tx, RunSeveral(project="shop", run_id=run)))


def test_a_card_goes_on_with_its_resumed_run(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    desk.finish(run, None, code=1)
    resume(desk, run)
    assert desk.cards()[0]["state"] == "RUNNING"
    desk.finish(run, None, code=1, attempt=2)
    assert desk.cards()[0]["state"] == "ERROR"
    resume(desk, run)
    desk.trained(run, "FAIL", better=False, attempt=3)
    card = desk.cards()[0]
    assert (card["state"], card["verdict"], card["run_id"]) == ("DONE", "FAIL", run)


def test_a_card_stays_over_where_another_one_is_open(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    desk.finish(run, None, code=1)
    desk.do(lambda tx: proposal.open(tx, ProposalOpen(project="shop", model="late")))
    resume(desk, run)
    desk.trained(run, attempt=2)
    assert [card["state"] for card in desk.cards()] == ["ERROR", "OPEN"]
    assert desk.rows("SELECT max(version) AS v FROM model_versions") == [{"v": 2}]


def test_a_card_that_is_snoozed_beyond_its_end_comes_back(desk: Desk) -> None:
    fire(desk)
    day = 24 * HOUR
    desk.do(lambda tx: proposal.snooze(tx, ProposalSnooze(project="shop", id="late", lasts=20 * day)))
    assert desk.cards()[0]["expires"] == START + 21 * day
    desk.now += 20 * day - 1
    assert desk.do(card_life.expire) == []
    desk.now += 1
    desk.do(card_life.expire)
    assert desk.do(card_life.expire) == [] and desk.cards()[0]["state"] == "OPEN"
    desk.now += day
    desk.do(card_life.expire)
    assert desk.cards()[0]["state"] == "EXPIRED"
    assert desk.rows("SELECT count(*) AS n FROM ledger WHERE verb = 'proposal.decide'") == [{"n": 1}]


def test_drift_and_decay(desk: Desk) -> None:
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.drifted(run, 10, [True, False, True])
    desk.admit()
    run = desk.look()
    assert run is not None
    desk.drifted(run, 10, [False, False, False], change=-0.02)
    kinds = [f["kind"] for f in desk.rows("SELECT kind FROM firings ORDER BY seq")]
    assert kinds == ["drift", "decay"]
    assert desk.cards()[0]["revision"] == 2


def test_policies_are_in_the_ledger_and_act(tmp_path: Path) -> None:
    desk = Desk(tmp_path, TOML + 'auto_approve = true\nauto_promote = "on_pass"\n').with_champion()
    fire(desk)
    card = desk.cards()[0]
    assert (card["state"], card["decided_by"]) == ("APPROVED", "policy")
    assert desk.rows("SELECT auto_approve, auto_promote FROM policies") == [
        {"auto_approve": True, "auto_promote": "on_pass"}
    ]
    desk.trained(card["run_id"])
    assert desk.rows("SELECT version FROM aliases") == [{"version": 2}]
    move = desk.rows("SELECT actor, from_version, to_version, verdict_id FROM alias_moves ORDER BY seq")[-1]
    assert move == {"actor": "policy", "from_version": 1, "to_version": 2, "verdict_id": card["run_id"]}
    desk.close()


@pytest.mark.parametrize(
    ("verdict", "better", "champion"),
    [("PASS", False, "late@1"), ("FAIL", True, "late@1"), ("PASS", True, "late@3"), ("PASS", True, None)],
)
def test_policy_promotes_only_what_beat_the_champion_of_now(
    tmp_path: Path, verdict: str, better: bool, champion: str | None
) -> None:
    desk = Desk(tmp_path, TOML + 'auto_approve = true\nauto_promote = "on_pass"\n').with_champion()
    fire(desk)
    desk.trained(desk.cards()[0]["run_id"], verdict, better, champion)
    assert desk.rows("SELECT version FROM aliases") == [{"version": 1}]
    desk.close()


def test_schedule_fires_once_for_all_that_was_missed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, TOML + 'schedule = "0 3 * * *"\n').with_champion()

    def tick() -> str | None:
        return desk.do(lambda tx: triggers.on_schedule(tx, "shop", desk.model))

    assert tick() is None
    desk.now += 5 * 24 * HOUR
    assert tick() is not None
    assert tick() is None
    assert len(desk.rows("SELECT 1 AS one FROM firings")) == 1
    desk.close()


def test_a_schedule_misses_nothing_before_it_was_there(desk: Desk) -> None:
    day = 24 * HOUR

    def tick() -> str | None:
        return desk.do(lambda tx: triggers.on_schedule(tx, "shop", desk.model))

    def count() -> list[int]:
        return [int(row["n"]) for row in desk.rows("SELECT inputs->>'count' AS n FROM firings ORDER BY seq")]

    assert tick() is None and desk.rows("SELECT 1 AS one FROM ledger WHERE verb = 'schedule.set'") == []
    desk.now += 12 * day
    desk.write(TOML + 'schedule = "0 3 * * *"\n')
    assert tick() is None and tick() is None
    desk.now += 2 * day
    assert tick() is not None and count() == [2]
    desk.now += 3 * day
    desk.write(TOML + 'schedule = "30 4 * * *"\n')  # another one counts from here
    assert tick() is None
    desk.write(TOML)
    assert tick() is None
    desk.now += 3 * day
    desk.write(TOML + 'schedule = "30 4 * * *"\n')
    assert tick() is None
    desk.now += day
    assert tick() is not None and count() == [2, 1]
    assert len(desk.rows("SELECT 1 AS one FROM ledger WHERE verb = 'schedule.set'")) == 4


def test_list_pages_and_ambiguity(desk: Desk) -> None:
    fire(desk)
    desk.do(lambda tx: proposal.reject(tx, ProposalReject(project="shop", id="late")))
    desk.now += 7 * HOUR
    fire(desk)
    first = proposal.list_(desk.reader, ProposalList(project="shop", limit=1))
    assert first.next is not None and first.items[0].state == "OPEN"
    second = proposal.list_(desk.reader, ProposalList(project="shop", limit=1, page=first.next))
    assert second.next is None and second.items[0].state == "REJECTED"
    with pytest.raises(Problem, match="several cards"):
        proposal.show(desk.reader, ProposalRef(id="prop-"))
    with pytest.raises(Problem, match="no open card"):
        proposal.show(desk.reader, ProposalRef(project="shop", id="other"))


def test_what_waited_and_is_no_longer_true_is_no_reason_of_a_later_card(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    fire(desk, 400)  # waits for the training
    desk.trained(run)
    desk.crown(2)
    card = desk.do(lambda tx: triggers.on_demand(tx, "shop", desk.model, "please"), "ann")
    [found] = [row for row in desk.cards() if row["id"] == card]
    assert "please" in found["reasons"] and "new data" not in found["reasons"]


def standing(desk: Desk) -> list[dict[str, Any]]:
    """What the ledger has come to: versions with their verdicts, and the number of looks."""
    versions = desk.rows("SELECT version, verdict FROM model_versions ORDER BY version")
    return [*versions, *desk.rows("SELECT count(*) AS looks FROM looks")]


def test_a_card_whose_training_made_nothing_new_is_done_with_the_verdict_that_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No version, no look, and no new card of the same data."""
    desk = Desk(tmp_path, TOML + 'auto_promote = "on_pass"\n').with_champion()
    fire(desk)
    first = approve(desk)
    desk.trained(first, candidate="c", judged_on="r", better=False)
    before = standing(desk)
    assert before[-1] == {"looks": 1}
    desk.now += 24 * HOUR
    desk.admit()
    fire(desk)
    second = approve(desk)
    assert second != first
    known = models.judged(
        desk.reader, "shop", "late", RunFolder(desk.home.run_dir(second)).spec().recipe_hash
    )
    assert [(past.version, past.verdict_id, past.gate.candidate) for past in known] == [(2, first, "c")]
    desk.trained(second, candidate="c", judged_on="r", same_as=2, repeats=first)
    assert standing(desk) == before
    card = desk.cards()[-1]
    assert (card["state"], card["verdict"], card["run_id"]) == ("DONE", "PASS", second)
    assert desk.rows("SELECT version FROM aliases") == [
        {"version": 1}
    ]  # it was not promoted then, nor is it now
    assert models.newest_verdict(desk.reader, "shop", "late", 2) == first  # its waivers hold
    shown = detail(desk.reader, second)
    assert (shown.model_version, shown.same_as, shown.repeats, shown.verdict) == (2, 2, first, "PASS")
    render(find("run show"), shown, Screen(False, 100))
    assert "the same as v2: nothing new was trained" in capsys.readouterr().out
    seen = proposal.show(desk.reader, ProposalRef(id=card["id"]))
    assert (seen.version, seen.nothing_new) == (2, True)
    render(find("proposal show"), seen, Screen(False, 100))
    assert "PASS stands: the same as v2, nothing new was trained" in capsys.readouterr().out
    decision = last_decision(desk.reader, "shop", "late", "orders")
    assert decision is not None and decision.version == shown.pins["orders"]
    rebuilt = desk.home.tmp / "rebuilt.duckdb"
    build(desk.home, rebuilt)
    fresh = Database.open(rebuilt)
    assert compare(desk.writer.database, fresh) == []
    fresh.close()
    desk.close()


def test_an_old_candidate_beside_a_new_champion_is_a_look_and_no_version(desk: Desk) -> None:
    fire(desk)
    first = approve(desk)
    desk.trained(first, candidate="c", judged_on="r")
    desk.now += 24 * HOUR
    desk.admit()
    fire(desk)
    second = approve(desk)
    desk.trained(
        second, "INCONCLUSIVE", better=False, champion="late@2", candidate="c", judged_on="r", same_as=2
    )
    assert standing(desk) == [
        {"version": 1, "verdict": None},
        {"version": 2, "verdict": "INCONCLUSIVE"},
        {"looks": 2},
    ]
    assert models.newest_verdict(desk.reader, "shop", "late", 2) == second


def test_a_training_that_ends_after_its_evaluation_has_looked(desk: Desk) -> None:
    fire(desk)
    run = approve(desk)
    folder = RunFolder(desk.home.run_dir(run))
    stages = [
        {
            "name": "collect",
            "state": "cached",
            "facts": {"evaluation_key": "k", "eval_batches": ["b"], "split": {"by": "time"}},
        },
        {"name": "evaluate", "state": "finished"},
        {"name": "gate", "state": "failed"},
    ]
    write_json(folder.attempt_dir(1) / "stages.json", stages)
    desk.finish(run, None, code=1)
    assert desk.rows("SELECT evaluation_key, look, run_id, split_by, batches FROM looks") == [
        {"evaluation_key": "k", "look": 1, "run_id": run, "split_by": "time", "batches": '["b"]'}
    ]


def test_a_training_that_shows_an_evaluation_of_the_cache_again_and_ends_has_shown_nothing_new(
    desk: Desk,
) -> None:
    """Unless the ledger knows of no look at these rows: then the cache is of another model."""
    facts = {"evaluation_key": "k", "eval_batches": ["b"], "split": {"by": "time"}}

    def stopped(run: str, evaluate: str, attempt: int = 1) -> int:
        folder = RunFolder(desk.home.run_dir(run)).attempt_dir(attempt)
        stages = [{"name": "collect", "facts": facts}, {"name": "evaluate", "state": evaluate}]
        write_json(folder / "stages.json", stages)
        desk.finish(run, None, code=1, attempt=attempt)
        return int(desk.rows("SELECT count(*) AS looks FROM looks")[0]["looks"])

    fire(desk)
    run = approve(desk)
    assert stopped(run, "cached") == 1
    desk.do(lambda tx: runs.resume(tx, RunSeveral(project="shop", run_id=run)))
    assert stopped(run, "cached", 2) == 1
    facts["evaluation_key"] = "of later rows"
    desk.do(lambda tx: runs.resume(tx, RunSeveral(project="shop", run_id=run)))
    assert stopped(run, "cached", 3) == 2


def test_before_the_first_promotion_the_newest_version_is_what_new_data_are_held_against(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.admit()
    assert desk.look() is None
    data = {
        "project": "shop",
        "model": "late",
        "version": 1,
        "run_id": "r",
        "pins": {"orders": 1},
        "metric": "roc_auc",
    }
    desk.do(lambda tx: tx.append("model.register", "late", data))
    assert desk.look() is None
    fire(desk)
    shown = proposal.show(desk.reader, ProposalRef(project="shop", id="late"))
    assert shown.evidence["champion"] is None and shown.evidence["reference"] == 1
    drift = desk.rows("SELECT run_id FROM runs WHERE kind = 'drift'")[0]["run_id"]
    assert RunFolder(desk.home.run_dir(drift)).spec().request["version"] == 1
    desk.trained(approve(desk), "PASS", better=False, champion=None)
    assert (desk.cards()[0]["state"], desk.cards()[0]["verdict"]) == ("DONE", "PASS")
    desk.close()
