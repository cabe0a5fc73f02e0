"""`status`: what the first screen shows, from recorded facts only."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import START, Desk

from mlops_store.atomic import write_json
from mlops_store.home import Home
from mlops_store.ids import now_ms
from mlops_store.records import ExitRecord
from mlops_tui.cli.screen import Screen
from mlops_tui.client import connect
from mlops_tui.pages import render
from mlops_tui.services import disk
from mlops_tui.services.run_detail import detail
from mlops_tui.services.status import PIPELINE, status
from mlops_tui.tui.writers.run import summary
from mlops_tui.verbs import find
from mlops_tui.verbs._status import Status, StatusReport

ALERT = {"name": "wind", "alert": True}
QUIET = {"name": "carrier", "alert": False}
LATER = 1 << 42  # a look after all that the ledger has


def ask(desk: Desk, **fields: object) -> StatusReport:
    return status(desk.read(), Status(**fields))


def filled(desk: Desk) -> None:
    desk.project()
    desk.data(1)
    desk.version(1, "a" * 32, {"flights": 1})
    desk.champion(1)
    desk.data(2)


def test_an_empty_home_has_an_answer(desk: Desk) -> None:
    found = ask(desk)
    assert (found.models, found.runs, found.queue, found.proposals) == ([], [], {}, [])
    assert found.disk.total_bytes >= found.disk.free_bytes > 0


def test_a_live_run_says_where_it_is(desk: Desk) -> None:
    done = [
        f'["s","{name}","{state}",{at},{{}}]'
        for at, name in enumerate(PIPELINE[:3])
        for state in ("started", "finished")
    ]
    desk.run(journal=[*done, '["s","features","started",9,{}]'])
    desk.run("sdk", journal=['["s","mine","started",1,{}]'])
    by_kind = {run.kind: run for run in ask(desk).runs}
    assert (by_kind["train"].stage, by_kind["train"].progress) == ("features", 3 / len(PIPELINE))
    assert (by_kind["sdk"].stage, by_kind["sdk"].progress) == ("mine", None)


def test_a_training_that_was_killed_is_told_of_until_one_ends_well(desk: Desk) -> None:
    folder = desk.run(journal=['["s","search","started",1,{}]'])
    write_json(folder.attempt_dir(1) / "exit.json", ExitRecord(exit_code=None, signal=9, ended=now_ms()))
    desk.ingest(folder)
    desk.card("prop-1", run_id=folder.run_id)
    desk.append("proposal.state", {"id": "prop-1", "state": "ERROR", "run_id": folder.run_id})
    found = ask(desk)
    (failed,) = found.failed
    assert (failed.run_id, failed.reason) == (
        folder.run_id,
        "ended by signal 9 (SIGKILL): from outside, perhaps out of memory",
    )
    assert [(card.id, card.state) for card in found.proposals] == [("prop-1", "ERROR")]
    run = detail(desk.read(), folder.run_id)
    assert run.error is not None
    assert (run.error.message, run.error.stage) == (failed.reason, "search")
    assert [stage.state for stage in run.stages] == ["stopped"]
    page = summary(run, 120).plain.splitlines()
    assert page[1] == f"search: {failed.reason}"

    again = desk.run(created=now_ms() + 1000)
    write_json(
        again.attempt_dir(1) / "exit.json", ExitRecord(exit_code=0, signal=None, ended=now_ms() + 2000)
    )
    desk.ingest(again)
    found = ask(desk)
    assert (found.failed, found.proposals) == ([], [])


def test_the_champion_its_data_and_what_waits(desk: Desk) -> None:
    filled(desk)
    desk.card("prop-1")
    held = {
        "project": "air",
        "source": "flights",
        "path": "bad",
        "sha256": "f0",
        "bytes": 1,
        "reason": "empty",
    }
    desk.append("data.quarantine", held)
    found = ask(desk)
    (model,) = found.models
    assert (model.champion, model.verdict, model.newest) == (1, "PASS", 1)
    assert model.value == {"value": 0.7, "low": 0.6, "high": 0.8}
    assert [(one.source, one.trained, one.newest) for one in model.data] == [("flights", 1, 2)]
    assert model.proposal is not None and model.proposal.headline == "new data: 100 rows"
    assert [(one.source, one.files) for one in found.quarantine] == [("flights", 1)]


def test_the_newest_look_tells_of_drift_and_the_newest_judged_one_of_performance(desk: Desk) -> None:
    filled(desk)
    desk.drift(2, 1, LATER, performance={"value": 0.6, "low": 0.5, "high": 0.7}, columns=[QUIET])
    last = desk.drift(
        3, 1, LATER + 1, performance={"value": None}, columns=[ALERT, QUIET], alarm=True, major=True
    )
    (model,) = ask(desk).models
    assert model.drift is not None
    assert (model.drift.run_id, model.drift.alarm, model.drift.features) == (last, True, ["wind"])
    assert model.performance is not None
    assert (model.performance["value"], model.performance["version"]) == (0.6, 2)
    assert model.new_rows == 90


def test_rows_counted_before_the_last_decision_are_not_new(desk: Desk) -> None:
    filled(desk)
    desk.drift(2, 1, START)
    (model,) = ask(desk).models
    assert model.drift is not None and model.new_rows is None


def test_a_look_beside_another_champion_says_nothing_of_this_one(desk: Desk) -> None:
    filled(desk)
    desk.drift(2, 1, LATER, alarm=True)
    desk.version(2, "b" * 32, {"flights": 2})
    desk.champion(2, 1)
    (model,) = ask(desk).models
    assert model.champion == 2 and model.drift is None and model.performance is None


def test_one_project_or_all(desk: Desk) -> None:
    filled(desk)
    desk.project("sea", "/projects/sea")
    assert [project.name for project in ask(desk, project="sea").projects] == ["sea"]
    assert ask(desk, project="sea").models == []
    assert [project.name for project in ask(desk, project="sea", everything=True).projects] == ["air", "sea"]


def test_the_home_is_counted_beside_the_question(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    (home.path / "big").write_bytes(b"x" * 300_000)
    usage = disk.Usage(home)
    usage.now()
    usage.wait(30)
    counted = usage.now()
    assert counted is not None and counted.bytes >= 300_000


def test_hostile_names_are_shown_as_they_are(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    filled(desk)
    desk.run(name="[/red] \x1b[31m🦊")
    render(find("status"), ask(desk), Screen(False, 100))
    printed = capsys.readouterr().out
    assert "\x1b[31m" not in printed and "[/red]" in printed and "late" in printed


def test_a_daemon_tells_of_itself(shared_home: Home) -> None:
    with connect(shared_home) as client:
        found: StatusReport = client.call("status", {"everything": True})
    assert found.daemon.running and found.daemon.pid and found.daemon.version
    assert found.disk.free_bytes > 0 and found.time > START


def test_a_failure_says_why_and_what_to_do(desk: Desk) -> None:
    folder = desk.run()
    write_json(
        folder.attempt_dir(1) / "error.json",
        {"code": "no_target", "message": "no column 'z'", "hint": "name one of these"},
    )
    write_json(folder.attempt_dir(1) / "exit.json", ExitRecord(exit_code=1, signal=None, ended=now_ms()))
    desk.ingest(folder)
    (failed,) = ask(desk).failed
    assert failed.reason == "no column 'z'; name one of these"


def test_a_home_with_nothing_in_it_says_where_to_begin(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    render(find("status"), ask(desk), Screen(False, 100))
    shown = capsys.readouterr().out
    assert "mlops-tui init . --target COLUMN" in shown and "MODELS" not in shown
    desk.project()
    render(find("status"), ask(desk), Screen(False, 100))
    shown = capsys.readouterr().out
    assert "MODELS" in shown and "NEXT" not in shown
