"""Runs archived, deleted, brought back: what lists show, what is refused, and that the index follows from the truth."""

from __future__ import annotations

import os
from typing import Any

import pytest
from care_box import Box

from mlops_store import trash
from mlops_store.errors import Problem
from mlops_store.index.writer import Command
from mlops_store.records import DriftOutcome, Outcome
from mlops_tui.daemon import run_folders
from mlops_tui.services import run as runs
from mlops_tui.services import run_trash, undo
from mlops_tui.verbs.ledger import LedgerUndo
from mlops_tui.verbs.run import RunList, RunRef, RunSet


def listed(box: Box, **options: Any) -> list[str]:
    return sorted(run.run_id for run in box.ask(runs.list_, RunList(all_kinds=True, **options)).items)


def test_archived_runs_are_left_out_until_asked_for(box: Box) -> None:
    kept, hidden = box.run(), box.run("sdk")
    assert box.do(run_trash.archive, RunSet(runs=[hidden])).changed[0].run_id == hidden
    assert box.do(run_trash.archive, RunSet(runs=[hidden])).changed == []
    assert listed(box) == [kept]
    assert listed(box, archived=True) == sorted([kept, hidden])
    assert box.ask(runs.show, RunRef(run_id=hidden)).archived
    assert box.differences() == []
    box.do(run_trash.unarchive, RunSet(runs=[hidden]))
    assert listed(box) == sorted([kept, hidden])
    assert box.differences() == []


def test_a_filter_chooses_within_the_project(box: Box) -> None:
    failed, other, good = box.run(state="FAILED"), box.run(state="FAILED", project="clinic"), box.run()
    plan = box.ask(run_trash.plan_archive, RunSet(filter="state = FAILED", project="flights"))
    assert failed in plan.steps[0]
    box.do(run_trash.archive, RunSet(filter="state = FAILED", project="flights"))
    assert listed(box) == sorted([other, good])


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_a_blank_filter_never_means_all_runs(box: Box, blank: str) -> None:
    run_id = box.run()
    for verb in (run_trash.archive, run_trash.unarchive, run_trash.delete, run_trash.restore):
        for named in ([], [run_id]):
            with pytest.raises(Problem, match="blank") as caught:
                box.do(verb, RunSet(runs=named, filter=blank))
            assert caught.value.code == "no_runs"
    for plan in (
        run_trash.plan_archive,
        run_trash.plan_unarchive,
        run_trash.plan_delete,
        run_trash.plan_restore,
    ):
        with pytest.raises(Problem, match="blank"):
            box.ask(plan, RunSet(filter=blank))
    assert listed(box) == [run_id]


@pytest.mark.parametrize("kind", ["train", "sdk"])
def test_delete_and_restore_are_the_whole_way_there_and_back(box: Box, kind: str) -> None:
    run_id = box.run(kind)
    before = box.ask(runs.show, RunRef(run_id=run_id))
    box.do(run_trash.delete, RunSet(runs=[run_id[:20]], reason="wrong column"))
    assert not box.home.run_dir(run_id).exists()
    assert (box.home.trashed_run(run_id) / "spec.json").exists()
    assert listed(box, archived=True) == []
    assert listed(box, deleted=True) == [run_id]
    assert box.rows("SELECT count(*) AS n FROM metric_points")[0]["n"] == 0
    with pytest.raises(Problem, match="was deleted") as caught:
        box.ask(runs.show, RunRef(run_id=run_id))
    assert "run restore" in caught.value.hint
    assert box.differences() == []
    assert box.do(run_trash.delete, RunSet(runs=[run_id])).changed == []
    box.do(run_trash.restore, RunSet(runs=[run_id]))
    assert box.ask(runs.show, RunRef(run_id=run_id)) == before
    assert box.rows("SELECT count(*) AS n FROM metric_points")[0]["n"] == 1
    assert not box.home.trashed_run(run_id).exists()
    assert box.differences() == []


def test_live_runs_stay(box: Box) -> None:
    running, queued, over = box.run(state="RUNNING"), box.run(state="QUEUED"), box.run()
    with pytest.raises(Problem, match="so none was") as caught:
        box.do(run_trash.delete, RunSet(runs=[over, running, queued]))
    assert (
        running in caught.value.message
        and queued in caught.value.message
        and over not in caught.value.message
    )
    assert "run stop" in caught.value.hint
    assert box.home.run_dir(over).is_dir()
    with pytest.raises(Problem, match="RUNNING"):
        box.do(run_trash.archive, RunSet(runs=[running]))


def test_what_an_alias_stands_on_stays(box: Box) -> None:
    ingest, train = box.run("ingest"), box.run(model="late")
    drift = DriftOutcome(
        source="flights",
        version=2,
        model="late",
        champion_version=1,
        batches=[],
        new_rows=1,
        mature_labelled_rows=0,
    )
    watching = box.run("drift", model="late", outcome=Outcome(kind="drift", drift=drift))
    file = {
        "sha256": "a" * 64,
        "rows": 1,
        "path": "a.csv",
        "stored": "data/x.parquet",
        "bytes": 1,
        "admitted": 1,
    }
    box.append(
        (
            "data.admit",
            {
                "project": "flights",
                "source": "flights",
                "version": 1,
                "snapshot": "s",
                "rows": 1,
                "files": [file],
                "run_id": ingest,
                "manifest": "",
            },
        )
    )
    box.register(train, alias="champion", pins={"flights": 1})
    for run_id, why in [(train, "late@1"), (ingest, "admitted data"), (watching, "evidence about late@1")]:
        with pytest.raises(Problem, match=why):
            box.do(run_trash.delete, RunSet(runs=[run_id]))
        with pytest.raises(Problem, match=why):
            box.ask(run_trash.plan_delete, RunSet(runs=[run_id]))
    box.append(
        ("alias.move", {"project": "flights", "model": "late", "alias": "champion", "from": 1, "to": None})
    )
    assert len(box.do(run_trash.delete, RunSet(runs=[train, ingest, watching])).changed) == 3


def test_what_an_open_card_names_stays(box: Box) -> None:
    evidence, training = box.run("drift"), box.run()
    card = {
        "id": "prop-1",
        "project": "flights",
        "model": "late",
        "reasons": [],
        "evidence": {"drift": {"run_id": evidence}},
    }
    box.append(("proposal.open", card))
    with pytest.raises(Problem, match="open card") as caught:
        box.do(run_trash.delete, RunSet(runs=[evidence]))
    assert "prop-1" in caught.value.hint
    box.append(
        ("proposal.decide", {"id": "prop-1", "revision": 1, "decision": "APPROVED", "run_id": training})
    )
    with pytest.raises(Problem, match="open card"):
        box.do(run_trash.delete, RunSet(runs=[training]))
    box.append(("proposal.state", {"id": "prop-1", "state": "DONE", "run_id": training}))
    box.do(run_trash.delete, RunSet(runs=[evidence, training]))


def test_what_a_waiting_run_needs_stays(box: Box) -> None:
    first = box.run()
    box.run(state="QUEUED", after=[first])
    with pytest.raises(Problem, match="waits for it"):
        box.do(run_trash.delete, RunSet(runs=[first]))


def test_a_daemon_that_died_before_the_move_makes_it_at_the_next_start(box: Box) -> None:
    run_id = box.run()
    box.writer.execute([Command(lambda tx: run_trash.delete(tx, RunSet(runs=[run_id])), "ann")])[0].unwrap()
    assert box.home.run_dir(run_id).is_dir()  # nobody moved it
    assert box.differences() == []
    box.writer.ingest([box.home.run_dir(run_id)])  # a look at it in between changes nothing
    assert listed(box) == []
    with box.read() as read:
        run_folders.reconcile(read)
    assert box.home.trashed_run(run_id).is_dir()
    box.writer.execute([Command(lambda tx: run_trash.restore(tx, RunSet(runs=[run_id])), "ann")])[0].unwrap()
    with box.read() as read:
        run_folders.reconcile(read)
    assert box.home.run_dir(run_id).is_dir()
    assert (
        box.home.inbox / run_id
    ).stat().st_size == 0  # word of a folder that somebody brought: it is read whoever made it
    box.writer.ingest([box.home.run_dir(run_id)])
    assert listed(box) == [run_id]
    assert box.differences() == []


def test_a_purged_run_does_not_come_back(box: Box) -> None:
    run_id = box.run()
    box.do(run_trash.delete, RunSet(runs=[run_id]))
    box.append(("run.purge", {"run_id": run_id}))
    with pytest.raises(Problem, match="emptied"):
        box.do(run_trash.restore, RunSet(runs=[run_id]))
    assert listed(box, deleted=True) == []


def test_undo_is_a_restore_and_a_listing(box: Box) -> None:
    run_id = box.run()
    box.do(run_trash.archive, RunSet(runs=[run_id]))
    box.do(run_trash.delete, RunSet(runs=[run_id]))
    seqs = {
        row["verb"]: row["seq"] for row in box.rows("SELECT verb, seq FROM ledger WHERE verb LIKE 'run.%'")
    }
    box.do(undo.undo, LedgerUndo(seq=seqs["run.delete"]))
    assert box.home.run_dir(run_id).is_dir()
    box.do(undo.undo, LedgerUndo(seq=seqs["run.archive"]))
    assert listed(box) == [run_id]
    with pytest.raises(Problem):
        box.do(undo.undo, LedgerUndo(seq=seqs["run.delete"]))
    assert box.differences() == []


def test_undo_passes_over_what_was_taken_back_already(box: Box) -> None:
    """A deleted run that was restored by hand: the last decision is the one before."""
    first, second = box.run(), box.run()
    box.do(run_trash.archive, RunSet(runs=[first]))
    box.do(run_trash.delete, RunSet(runs=[first, second]))
    box.do(run_trash.restore, RunSet(runs=[first]))
    assert box.do(undo.undo, LedgerUndo()).subject == second, "of the command, what still holds"
    assert box.do(undo.undo, LedgerUndo()).verb == "run.archive"
    with pytest.raises(Problem) as caught:
        box.do(undo.undo, LedgerUndo())
    assert (caught.value.code, caught.value.status) == ("nothing_to_undo", 1)
    assert sorted(listed(box)) == sorted([first, second])
    assert box.differences() == []


def test_a_folder_never_replaces_another(box: Box) -> None:
    run_id = box.run()
    os.makedirs(box.home.trashed_run(run_id))
    assert not trash.put_away(box.home, run_id)
    assert box.home.run_dir(run_id).is_dir()
