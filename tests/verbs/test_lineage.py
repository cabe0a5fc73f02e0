"""`lineage`: from any thing to any other, by recorded facts."""

from __future__ import annotations

import pytest
from desk import START, Desk

from mlops_store.errors import Problem
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services.lineage import lineage
from mlops_tui.tui.branches import branches
from mlops_tui.verbs import find
from mlops_tui.verbs._lineage import Lineage, LineageGraph


def ask(desk: Desk, entity: str, **fields: object) -> LineageGraph:
    return lineage(desk.read(), Lineage(entity=entity, **fields))


def ids(graph: LineageGraph, sign: int) -> set[str]:
    return {node.id for node in graph.nodes if node.depth * sign > 0}


@pytest.fixture
def loop(desk: Desk) -> dict[str, str]:
    """The life of a model: data → v1 → champion → drift → card → training → v2 → predictions. Returns run ids by name."""
    desk.project()
    desk.data(1, run_id="ingest1")
    first = desk.run("train")
    desk.version(1, first.run_id, {"flights": 1})
    view = {
        "project": "air",
        "view": "weather",
        "version": 1,
        "definition": "d",
        "record": {"source": "weather"},
    }
    desk.append("view.define", view)
    desk.champion(1)
    desk.data(2)
    look = desk.drift(2, 1, START + 50)
    desk.card("prop-1", evidence={"version": 2, "reference": 1})
    second = desk.run("train", proposal_id="prop-1")
    decided = {"id": "prop-1", "decision": "APPROVED", "run_id": second.run_id}
    desk.append("proposal.decide", decided)
    gate = {"verdict": "PASS", "champion": "late@1"}
    desk.version(2, second.run_id, {"flights": 2}, gate=gate)
    desk.champion(2, 1)
    scored = desk.run("score")
    desk.append(
        "prediction.record",
        {"run_id": scored.run_id, "project": "air", "model": "late", "version": 2, "output": "/x/june.parquet", "rows": 3,
         "snapshots": {"flights": "snap-flights-2"}},
    )  # fmt: skip
    return {"first": first.run_id, "look": look, "second": second.run_id, "scored": scored.run_id}


def test_up_goes_back_to_the_first_delivery(desk: Desk, loop: dict[str, str]) -> None:
    found = ask(desk, f"prediction:{loop['scored']}", up=True)
    assert ids(found, -1) == {
        f"run:{loop['scored']}", "model:late@2", "data:flights@2", f"run:{loop['second']}", "proposal:prop-1", f"run:{loop['look']}",
        "model:late@1", f"run:{loop['first']}", "data:flights@1", "run:ingest1", "feature:weather@1",
    }  # fmt: skip
    assert ids(found, 1) == set()


def test_down_goes_on_to_what_came_of_it(desk: Desk, loop: dict[str, str]) -> None:
    found = ask(desk, "data:flights@1", down=True)
    assert ids(found, 1) == {
        "data:flights@2", f"run:{loop['first']}", "model:late@1", f"run:{loop['look']}", "proposal:prop-1", f"run:{loop['second']}",
        "model:late@2", "alias:late@champion", f"run:{loop['scored']}", f"prediction:{loop['scored']}",
    }  # fmt: skip


def test_every_thing_is_reached_from_every_other(desk: Desk, loop: dict[str, str]) -> None:
    whole = {node.id for node in ask(desk, "feature:weather@1").nodes} | {
        node.id for node in ask(desk, "alias:late@champion").nodes
    }
    for entity in whole - {"run:ingest1"}:  # the ledger names it, no run of the home has that id
        found = ask(desk, entity)
        assert found.root == entity
        assert {edge.from_ for edge in found.edges} | {edge.to for edge in found.edges} | {entity} <= {
            node.id for node in found.nodes
        }


def test_relations_are_those_of_prov_and_go_back_in_time(desk: Desk, loop: dict[str, str]) -> None:
    edges = {(edge.from_, edge.to): edge.relation for edge in ask(desk, "model:late@2").edges}
    assert edges[("model:late@2", f"run:{loop['second']}")] == "wasGeneratedBy"
    assert edges[(f"run:{loop['second']}", "data:flights@2")] == "used"
    assert edges[(f"run:{loop['second']}", "proposal:prop-1")] == "wasInformedBy"
    assert edges[("proposal:prop-1", f"run:{loop['look']}")] == "wasDerivedFrom"
    assert edges[("alias:late@champion", "model:late@2")] == "wasDerivedFrom"
    assert edges[("data:flights@2", "data:flights@1")] == "wasDerivedFrom"


def test_bare_names_are_understood(desk: Desk, loop: dict[str, str]) -> None:
    names = {"late@1": "model:late@1", "late@champion": "model:late@2", "late": "model:late@2", "flights@1": "data:flights@1",
             "flights": "data:flights@2", "weather": "feature:weather@1", "prop-1": "proposal:prop-1",
             loop["first"]: f"run:{loop['first']}", "data:flights": "data:flights@2"}  # fmt: skip
    assert {name: ask(desk, name).root for name in names} == names


@pytest.mark.parametrize(
    "wrong", ["nothing", "data:flights@9", "data:flights@x", "planet:mars", "run:", "late@9", "data:@3", ""]
)
def test_what_is_not_there_is_refused_with_a_way_on(desk: Desk, loop: dict[str, str], wrong: str) -> None:
    with pytest.raises(Problem) as caught:
        ask(desk, wrong)
    assert caught.value.code != "bad_entry" and caught.value.status in (1, 2)


def test_depth_says_when_there_is_more(desk: Desk, loop: dict[str, str]) -> None:
    near = ask(desk, "model:late@2", depth=1)
    assert {abs(node.depth) for node in near.nodes} == {0, 1} and near.truncated
    assert not ask(desk, "model:late@2", depth=20).truncated


def test_a_long_chain_is_cut_and_printed_without_recursion(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.project()
    for version in range(1, 60):
        desk.data(version)
    found = ask(desk, "data:flights@59", depth=100)
    render(find("lineage"), found, Screen(False, 80))
    lines = capsys.readouterr().out.splitlines()
    assert len(found.nodes) == 59 and len(lines) == 61 and max(map(len, lines)) <= 80


def test_a_thing_shown_twice_has_its_own_line_once(
    desk: Desk, loop: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    render(find("lineage"), ask(desk, "late@2", up=True), Screen(False, 200))
    printed = capsys.readouterr().out
    assert printed.count("data:flights@1  ") == 1 and "of the above" in printed


def test_relations_have_the_words_of_the_app(
    desk: Desk, loop: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    render(find("lineage"), ask(desk, "late@2"), Screen(False, 300))
    printed = capsys.readouterr().out
    assert (
        "(made by)" in printed
        and "(became)" in printed
        and "was" not in printed.replace("what was", "").replace("it was", "")
    )
    shown = {branch.how for branch in branches(ask(desk, "late@2"))} - {""}
    assert {how for how in shown if f"({how})" in printed} == shown
