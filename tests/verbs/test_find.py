"""`find`: things by name, for a palette that asks at every key."""

from __future__ import annotations

from typing import Any

import pytest
from desk import START, Desk

from mlops_store.ids import new_run_id
from mlops_store.index import finding
from mlops_tui.cli.screen import Screen
from mlops_tui.pages import render
from mlops_tui.services.find import find as service
from mlops_tui.services.run import tag
from mlops_tui.verbs import find
from mlops_tui.verbs._find import Find, FoundList
from mlops_tui.verbs.run import RunTag


def ask(desk: Desk, text: str, **fields: Any) -> FoundList:
    return service(desk.read(), Find(text=text, **fields))


def kinds(found: FoundList) -> list[tuple[str, str]]:
    return [(item.kind, item.title) for item in found.items]


@pytest.fixture
def full(desk: Desk) -> Desk:
    desk.project("lateness", "/projects/late")
    desk.data(1, source="late_rows")
    desk.version(1, "a" * 32, {})
    desk.champion(1)
    desk.card("prop-1", reasons=["late flights"])
    view = {"project": "air", "view": "late_view", "version": 1, "definition": "d", "record": {"source": "s"}}
    desk.append("view.define", view)
    desk.run(name="late")
    desk.run(name="quite late")
    desk.run("sdk", name="other", tags={"why": "Late shift"}, model=None)
    return desk


def test_whole_names_before_beginnings_before_parts_before_the_rest(full: Desk) -> None:
    assert kinds(ask(full, "LATE")) == [
        ("model", "late"), ("run", "late"), ("project", "lateness"), ("alias", "late@champion"), ("version", "late@1"),
        ("source", "late_rows"), ("view", "late_view"), ("run", "quite late"), ("proposal", "prop-1"), ("run", "other"),
    ]  # fmt: skip


def test_all_words_have_to_occur(full: Desk) -> None:
    assert kinds(ask(full, "quite late")) == [("run", "quite late")]
    assert kinds(ask(full, "champion late")) == [("alias", "late@champion")]
    assert ask(full, "late never").items == ask(full, "  ").items == []


def test_what_is_found_can_be_opened_and_followed(full: Desk) -> None:
    by_kind = {item.kind: item for item in ask(full, "late").items}
    assert (by_kind["version"].id, by_kind["version"].entity, by_kind["version"].state) == (
        "late@1",
        "model:late@1",
        "PASS",
    )
    assert (by_kind["source"].id, by_kind["source"].entity) == ("late_rows@1", "data:late_rows@1")
    assert by_kind["proposal"].id == "prop-1" and by_kind["alias"].detail == "version 1"


def test_runs_by_id_and_by_a_persons_tag(desk: Desk) -> None:
    folder = desk.run(name="x", tags={"owner": "bob"})
    assert [item.id for item in ask(desk, folder.run_id[:8]).items] == [folder.run_id]
    desk.do(lambda tx: tag(tx, RunTag(run_id=folder.run_id, tags={"owner": "ann"})))
    assert [item.id for item in ask(desk, "ann").items] == [folder.run_id]
    assert ask(desk, "bob").items == []


def test_one_project_unless_all_are_wanted(full: Desk) -> None:
    assert kinds(ask(full, "late", project="lateness")) == [("project", "lateness")]
    assert len(ask(full, "late", project="lateness", everywhere=True).items) == 10
    assert len(ask(full, "late", limit=3).items) == 3


def test_news_are_found_at_once(full: Desk) -> None:
    assert ask(full, "fresh").items == []
    full.project("fresh", "/projects/fresh")
    assert kinds(ask(full, "fresh")) == [("project", "fresh")]
    full.append("project.remove", {"name": "fresh"})
    assert ask(full, "fresh").items == []


def test_among_many_the_newest_and_the_one_of_that_name_are_found(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_FEW", 5)
    monkeypatch.setattr(finding, "_WINDOW", 10)
    for number in range(30):
        desk.run(
            name=f"night {number}",
            run_id=new_run_id(START + number * 1000),
            created=START + number * 1000,
            tags={"team": "owls"},
        )
    assert [item.title for item in ask(desk, "night", limit=3).items] == ["night 29", "night 28", "night 27"]
    assert ask(desk, "night 1", limit=2).items[0].title == "night 1"
    assert len(ask(desk, "night", limit=20).items) == 20, "more than the window has"
    assert [item.title for item in ask(desk, "owls", limit=2).items] == ["night 29", "night 28"]


@pytest.mark.parametrize(
    "text",
    [
        "'; DROP TABLE runs; --",
        "%",
        "?*",
        "\\",
        "[/red] \x1b[31m",
        "a" * 5000,
        "\u202e🦊",
        "' ' ' ' ' ' ' ' ' '",
    ],
)
def test_any_text_is_only_text(full: Desk, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    full.run(name=f"x{text[:50]}")
    found = ask(full, text)
    assert len(found.items) == (text[:50] == text)
    render(find("find"), found, Screen(False, 80))
    assert "\x1b" not in capsys.readouterr().out
