"""Every answer of a run says how it did; with `run list --fields headline` slim rows do."""

from __future__ import annotations

import msgspec
import pytest
from desk import START, Desk

from mlops_store.atomic import write_json
from mlops_store.errors import Problem
from mlops_store.records import ExitRecord
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services.run import show
from mlops_tui.services.run_list import list_
from mlops_tui.services.run_rows import runs_of
from mlops_tui.verbs import find
from mlops_tui.verbs._shapes import Headline, Run
from mlops_tui.verbs.run import RunList, RunRef


@pytest.fixture
def ran(desk: Desk) -> Desk:
    """A training of a judged model, one of a model that nothing judges, a script, and one that has logged nothing."""
    lines = [
        f'["m","roc_auc",0,{START},0.7]',
        f'["m","roc_auc",1,{START},0.6]',
        f'["m","aaa",0,{START},9]',
        '["t","owner","ann"]',
    ]
    judged = desk.run(run_id="a" * 32, journal=lines, params={"lr": 0.1})
    desk.version(1, judged.run_id, {"flights": 1})
    desk.run(
        run_id="b" * 32,
        model="other",
        journal=[f'["m","val_loss",0,{START},0.4]', f'["m","val_loss",1,{START},0.3]'],
    )
    desk.run(
        "sdk",
        run_id="c" * 32,
        model=None,
        journal=[f'["m","system/cpu",0,{START},1]', f'["m","acc",0,{START},0.5]'],
    )
    desk.run(run_id="d" * 32)
    return desk


def listed(desk: Desk, *fields: str) -> dict[str, Run]:
    with desk.read() as read:
        return {run.run_id[0]: run for run in list_(read, RunList(fields=list(fields))).items}


def test_each_run_says_what_it_is_judged_by_and_nothing_else(ran: Desk) -> None:
    found = listed(ran, "headline")
    assert {name: run.headline for name, run in found.items()} == {
        "a": Headline(metric="roc_auc", value=0.7, direction="max"),
        "b": Headline(metric="val_loss", value=0.3, direction="min"),
        "c": Headline(metric="acc", value=0.5, direction="max"),
        "d": None,
    }
    assert all(run.metrics == run.params == run.tags == {} for run in found.values())
    whole = listed(ran)
    assert {name: run.headline for name, run in whole.items()} == {
        name: run.headline for name, run in found.items()
    }
    assert set(whole["a"].metrics) == {"roc_auc", "aaa"}
    assert len(msgspec.json.encode(found["a"])) < len(msgspec.json.encode(whole["a"]))


def test_it_goes_with_other_fields(ran: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(ran, "headline,metrics.aaa", "params.lr")
    assert (
        list(found["a"].metrics) == ["aaa"]
        and found["a"].params == {"lr": 0.1}
        and found["a"].headline is not None
    )
    assert listed(ran, "metrics.aaa")["a"].headline == found["a"].headline
    with ran.read() as read:
        assert show(read, RunRef(run_id="a" * 32)).headline == found["a"].headline
    with ran.read() as read:
        render(find("run list"), list_(read, RunList(fields=["headline"])), Screen(False, 160))
    assert "roc_auc=0.7" in capsys.readouterr().out


def test_a_misspelt_field_names_it(ran: Desk) -> None:
    with pytest.raises(Problem) as caught:
        listed(ran, "headlin")
    assert caught.value.code == "bad_fields" and "headline" in caught.value.hint


def test_a_failed_run_of_a_list_says_why_and_a_score_by_which_version(desk: Desk) -> None:
    failed, killed = desk.run(), desk.run()
    write_json(
        failed.attempt_dir(1) / "error.json", {"code": "no_column", "message": "m" * 900, "hint": "mend it"}
    )
    for folder, signal in ((failed, None), (killed, 9)):
        ended = ExitRecord(exit_code=None if signal else 1, signal=signal, ended=START + 9, duration_ms=4)
        write_json(folder.attempt_dir(1) / "exit.json", ended)
        desk.ingest(folder)
    score = desk.run("score", request={"version": 3, "input": "i", "output": "o"})
    with desk.read() as read:
        one, other, third = runs_of(read, [failed.run_id, killed.run_id, score.run_id])
    assert one.error is not None and (one.error.code, one.error.hint) == ("no_column", "mend it")
    assert len(one.error.message) == 300
    assert other.error is not None and other.error.code == "ended_by_signal"
    assert third.error is None and third.model_version == 3


def point(key: str, *values: float) -> list[str]:
    return [f'["m","{key}",{step},{START},{value}]' for step, value in enumerate(values)]


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        (["train/acc", "val/acc"], "val/acc"),
        (["train/loss"], "train/loss"),
        (["epoch", "lr", "loss"], "loss"),
        (["accuracy", "trainer/global_step", "train/accuracy"], "accuracy"),
        (["loss", "test_loss"], "test_loss"),
        (["system/cpu", "search/score"], None),
    ],
)
def test_a_name_with_a_slash_is_a_name_and_what_was_not_trained_on_tells_most(
    desk: Desk, logged: list[str], expected: str | None
) -> None:
    desk.run("sdk", run_id="e" * 32, model=None, journal=[line for key in logged for line in point(key, 0.5)])
    found = listed(desk, "headline")["e"].headline
    assert (found.metric if found else None) == expected


def test_what_mlops_toml_declares_for_a_command_is_what_its_runs_are_judged_by(desk: Desk) -> None:
    journal = point("val/acc", 0.5) + point("loss", 0.4, 0.2)
    folder = desk.run(run_id="f" * 32, model="sgd", journal=journal, request={"metric": "loss"})
    for fields in ((), ("headline",)):
        run = listed(desk, *fields)["f"]
        assert (run.metric, run.headline) == ("loss", Headline(metric="loss", value=0.2, direction="min"))
    desk.end(folder)
    assert listed(desk, "headline")["f"].headline == run.headline
