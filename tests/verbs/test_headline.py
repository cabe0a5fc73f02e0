"""Every answer of a run says how it did; with `run list --fields headline` slim rows do."""

from __future__ import annotations

import msgspec
import pytest
from desk import START, Desk

from mlops_store.errors import Problem
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services.run import show
from mlops_tui.services.run_list import list_
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
