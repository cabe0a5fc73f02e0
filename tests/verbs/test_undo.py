"""`ledger undo`: decisions taken back by other decisions, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import START, Desk

from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.index import models, proposals
from mlops_tui.client import connect
from mlops_tui.services import ledger
from mlops_tui.services.project import find as find_project
from mlops_tui.services.promotion import undo_stack
from mlops_tui.services.reversals import FOR_GOOD, UNDO
from mlops_tui.services.run import note, tag
from mlops_tui.services.run_marks import note_of, tags_of
from mlops_tui.verbs.ledger import LedgerUndo, Undone
from mlops_tui.verbs.run import RunNote, RunTag


def undo(desk: Desk, seq: int | None = None, actor: str = "ann", **fields: Any) -> Undone:
    request = LedgerUndo(seq=seq, **fields)
    planned = ledger.plan_undo(desk.read(actor), request)
    done: Undone = desk.do(lambda tx: ledger.undo(tx, request), actor)
    assert planned.title == done.title and planned.steps[:5] == done.steps[:5], "the plan says what happens"
    return done


def refused(desk: Desk, seq: int | None = None, actor: str = "ann", **fields: Any) -> Problem:
    """The problem; plan and deed have the same, and nothing is written."""
    head = desk.read().one("SELECT max(seq) AS n FROM ledger")
    request = LedgerUndo(seq=seq, **fields)
    with pytest.raises(Problem) as planned:
        ledger.plan_undo(desk.read(actor), request)
    with pytest.raises(Problem) as done:
        desk.do(lambda tx: ledger.undo(tx, request), actor)
    assert planned.value.code == done.value.code and done.value.hint
    assert desk.read().one("SELECT max(seq) AS n FROM ledger") == head
    return done.value


def champion(desk: Desk) -> int | None:
    return models.aliases(desk.read(), "air", "late").get("champion")


@pytest.fixture
def promoted(desk: Desk) -> Desk:
    desk.version(1, "a" * 32, {})
    desk.version(2, "b" * 32, {})
    desk.champion(1)
    desk.champion(2, 1)
    return desk


# --- aliases ---


def test_a_promotion_is_undone_and_done_again(promoted: Desk) -> None:
    done = undo(promoted)
    assert champion(promoted) == 1 and "back to version 1" in done.steps[0]
    assert undo_stack(promoted.read(), "air", "late", "champion") == [1]
    again = undo(promoted, done.seq)
    assert champion(promoted) == 2
    undo(promoted, again.seq)
    assert champion(promoted) == 1


def test_undoing_twice_goes_back_twice(promoted: Desk) -> None:
    undo(promoted)
    undo(promoted)
    assert champion(promoted) is None
    assert refused(promoted).code == "nothing_to_undo"


def test_a_move_that_another_one_followed_is_refused(promoted: Desk) -> None:
    first = promoted.read().one("SELECT min(seq) AS n FROM ledger WHERE verb = 'alias.move'")
    assert first is not None
    problem = refused(promoted, first["n"])
    assert problem.code == "alias_moved" and "version 2" in problem.message and problem.status == 3


def test_each_actor_undoes_their_own(promoted: Desk) -> None:
    assert refused(promoted, actor="bob").code == "nothing_to_undo"
    seq = promoted.champion(1, 2, actor="bob")
    assert undo(promoted, actor="bob").undoes == seq
    assert champion(promoted) == 2


# --- cards ---


@pytest.mark.parametrize("decision", ["REJECTED", "SNOOZED"])
def test_a_decided_card_opens_again(desk: Desk, decision: str) -> None:
    desk.card("prop-1", expires=START)
    desk.append("proposal.decide", {"id": "prop-1", "decision": decision, "until": 1 << 50}, subject="prop-1")
    undo(desk)
    card = proposals.find(desk.read(), "prop-1")
    assert card is not None and (card["state"], card["decision"], card["decided_by"], card["until"]) == (
        "OPEN",
        None,
        None,
        None,
    )
    assert card["expires"] > desk.read().now, "whoever opens it again has time to decide"


def test_a_newer_card_stands_in_the_way(desk: Desk) -> None:
    desk.card("prop-1")
    desk.append("proposal.decide", {"id": "prop-1", "decision": "REJECTED"})
    desk.card("prop-2")
    assert refused(desk).code == "newer_card"


def test_an_approval_is_not_undone(desk: Desk) -> None:
    desk.card("prop-1")
    desk.append("proposal.decide", {"id": "prop-1", "decision": "APPROVED"})
    problem = refused(desk)
    assert problem.code == "not_reversible" and "run stop" in problem.hint


def test_a_card_that_woke_up_is_left_alone(desk: Desk) -> None:
    desk.card("prop-1")
    desk.append("proposal.decide", {"id": "prop-1", "decision": "SNOOZED"})
    desk.append("proposal.state", {"id": "prop-1", "state": "OPEN"}, "schedule")
    assert refused(desk).code == "changed_since"


# --- waivers, projects ---


def test_a_waiver_ends(desk: Desk) -> None:
    desk.version(1, "a" * 32, {})
    seq = desk.append(
        "gate.waive",
        {"project": "air", "model": "late", "version": 1, "verdict_id": "v", "check": "c", "name": "ann", "reason": "r", "expires": 1 << 50},
    )  # fmt: skip
    undo(desk)
    (waiver,) = models.waivers(desk.read(), "air", "late", 1)
    assert waiver["expires"] <= desk.read().now
    assert refused(desk, seq).code == "already_undone"


def test_projects_come_and_go(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "air"
    folder.mkdir()
    (folder / "mlops.toml").write_text('[project]\nname = "air"\n')
    desk.project("air", str(folder))
    done = undo(desk)
    assert find_project(desk.read(), "air") is None
    undo(desk, done.seq)
    again = find_project(desk.read(), "air")
    assert again is not None and again.dir == str(folder)
    seq = desk.append("project.remove", {"name": "air"})
    (folder / "mlops.toml").unlink()
    assert refused(desk, seq).code


# --- tags and notes ---


def test_tags_and_notes_are_as_they_were(desk: Desk) -> None:
    folder = desk.run("sdk", tags={"own": "1", "gone": "2"})
    run_id = folder.run_id
    desk.do(lambda tx: tag(tx, RunTag(run_id=run_id, tags={"own": "ann", "new": "x"}, remove=["gone"])))
    desk.do(lambda tx: note(tx, RunNote(run_id=run_id, text="first")))
    desk.do(lambda tx: note(tx, RunNote(run_id=run_id, text="second")))
    undo(desk)
    assert note_of(desk.read(), run_id) == "first"
    undo(desk)
    assert note_of(desk.read(), run_id) == ""
    done = undo(desk)
    assert tags_of(desk.read(), run_id) == {"own": "1", "gone": "2"}
    with open(next((folder.path / "journal").iterdir()), "a") as file:
        file.write('["t","own","later"]\n')
    desk.ingest(folder)
    assert tags_of(desk.read(), run_id)["own"] == "later", "the run's own word holds again"
    undo(desk, done.seq)
    assert tags_of(desk.read(), run_id) == {"own": "ann", "new": "x"}


def test_a_tag_that_was_set_again_is_left_alone(desk: Desk) -> None:
    run_id = desk.run("sdk").run_id
    for value in ("1", "2"):
        desk.do(lambda tx, value=value: tag(tx, RunTag(run_id=run_id, tags={"a": value})))
    first = desk.read().one("SELECT min(seq) AS n FROM ledger WHERE verb = 'run.tag'")
    assert first is not None and refused(desk, first["n"]).code == "changed_since"


# --- what cannot be undone ---


@pytest.mark.parametrize("verb", ["data.admit", "model.register", "run.submit"])
def test_what_happened_says_why_it_stays(desk: Desk, verb: str) -> None:
    desk.data(1)
    desk.version(1, "a" * 32, {})
    desk.run()
    row = desk.read().one("SELECT min(seq) AS n FROM ledger WHERE verb = ?", [verb])
    assert row is not None
    problem = refused(desk, row["n"])
    assert problem.code == "not_reversible" and problem.hint == FOR_GOOD[verb]


def test_numbers_that_are_not_there(desk: Desk) -> None:
    assert refused(desk, 99).code == "no_such_entry"
    assert refused(desk).code == "nothing_to_undo"


def test_no_verb_is_said_to_be_both() -> None:
    assert not UNDO.keys() & FOR_GOOD.keys()


def test_a_command_of_several_entries_is_undone_whole(desk: Desk) -> None:
    ids = [desk.run("sdk").run_id for _ in range(7)]

    def all_at_once(tx: Any) -> None:
        for run_id in ids:
            tag(tx, RunTag(run_id=run_id, tags={"batch": "1"}))

    desk.do(all_at_once)
    done = undo(desk)
    assert len(done.steps) == 7 and all(tags_of(desk.read(), run_id) == {} for run_id in ids)


def test_only_decisions_of_the_project_where_one_is_named(promoted: Desk) -> None:
    promoted.project("sea", "/projects/sea")
    assert undo(promoted, project="air").verb == "alias.move"
    assert undo(promoted).verb == "project.add"


def test_a_rebuilt_index_is_the_same(promoted: Desk, tmp_path: Path) -> None:
    run_id = promoted.run("sdk", tags={"own": "1"}).run_id
    promoted.do(lambda tx: tag(tx, RunTag(run_id=run_id, tags={"own": "2"})))
    promoted.card("prop-1")
    promoted.append("proposal.decide", {"id": "prop-1", "decision": "REJECTED"})
    for _ in range(4):
        undo(promoted)
    assert promoted.rebuilt(tmp_path / "again.duckdb") == []


def test_a_daemon_plans_and_undoes_for_whoever_asks(
    served_home: Home, make_project: Callable[..., Path]
) -> None:
    with connect(served_home) as client:
        client.call("project add", {"dir": str(make_project("quick"))})
        assert "project.add quick" in client.plan("ledger undo", {}).title
        assert client.call("ledger undo", {}).verb == "project.add"
        assert client.call("project list", {}).items == []
        with pytest.raises(Problem, match="could be undone"):
            client.plan("ledger undo", {})
