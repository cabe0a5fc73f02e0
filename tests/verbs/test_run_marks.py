"""`run tag` and `run note`: a person's word in the ledger, over the run's own, through every rebuild."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from desk import Desk

from mlops_store.errors import Problem
from mlops_store.filters import parse
from mlops_store.index import runs
from mlops_tui.commandline.params import click_parameter, collect, parameters
from mlops_tui.services.run import note, tag
from mlops_tui.services.undo import plan_undo, undo
from mlops_tui.verbs.ledger import LedgerUndo
from mlops_tui.verbs.run import Marked, RunNote, RunTag


def marked(desk: Desk, run_id: str, *remove: str, **tags: str) -> Marked:
    found: Marked = desk.do(lambda tx: tag(tx, RunTag(run_id=run_id, tags=tags, remove=list(remove))))
    return found


def noted(desk: Desk, run_id: str, text: str) -> Marked:
    found: Marked = desk.do(lambda tx: note(tx, RunNote(run_id=run_id, text=text)))
    return found


def entries(desk: Desk) -> list[dict[str, Any]]:
    return desk.read().rows(
        "SELECT verb, data FROM ledger WHERE verb IN ('run.tag', 'run.note') ORDER BY seq"
    )


def finds(desk: Desk, text: str) -> list[str]:
    return [run_id for run_id, _ in runs.page(desk.read(), parse(text))]


def test_a_persons_tag_stands_over_the_runs_own_also_later(desk: Desk) -> None:
    folder = desk.run("sdk", tags={"owner": "script", "kept": "yes"}, journal=['["t","stage","draft"]'])
    assert marked(desk, folder.run_id, "stage", owner="ann", new="1").tags == {
        "owner": "ann",
        "kept": "yes",
        "new": "1",
    }
    with open(next((folder.path / "journal").iterdir()), "a") as file:
        file.write('["t","owner","script again"]\n["t","stage","late"]\n["t","other","o"]\n')
    desk.ingest(folder)
    (shape,) = runs.shapes(desk.read(), [folder.run_id])
    assert shape["tags"] == {"owner": "ann", "kept": "yes", "new": "1", "other": "o"}


def test_tags_and_notes_are_found_by_filters(desk: Desk) -> None:
    folder = desk.run("sdk", tags={"owner": "script"})
    desk.run("sdk")
    marked(desk, folder.run_id, owner="ann")
    noted(desk, folder.run_id, "the Radar was down")
    for text in ("tags.owner = ann", "ann", "radar", "note: radar", "has:note", "not note is null"):
        assert finds(desk, text) == [folder.run_id], text
    assert finds(desk, "tags.owner = script") == []


def test_nothing_new_is_no_entry(desk: Desk) -> None:
    folder = desk.run("sdk", tags={"a": "1"})
    marked(desk, folder.run_id, "never there", a="1")
    noted(desk, folder.run_id, "")
    assert entries(desk) == []
    assert noted(desk, folder.run_id, " said ").note == "said"
    assert noted(desk, folder.run_id, "said").note == "said"
    assert noted(desk, folder.run_id, "").note == ""
    assert len(entries(desk)) == 2


def test_rebuilding_gives_the_same_whatever_came_first(desk: Desk, tmp_path: Path) -> None:
    folder = desk.run("sdk", tags={"a": "1"})
    marked(desk, folder.run_id, "a", b="[/red] \x1b[31m🦊")
    noted(desk, folder.run_id, "first")
    noted(desk, folder.run_id, "second")
    # a run whose folder no daemon has seen yet, as after a merge of homes
    desk.append("run.tag", {"run_id": "e" * 32, "set": {"x": "y"}})
    desk.append("run.note", {"run_id": "f" * 32, "text": "early"})
    assert desk.rebuilt(tmp_path / "again.duckdb") == []


@pytest.mark.parametrize(
    ("tags", "remove"),
    [
        ({}, []),
        ({"": "x"}, []),
        ({" ": "x"}, []),
        ({"k" * 251: "x"}, []),
        ({"a": "x" * 5001}, []),
        ({"a": "1"}, ["a"]),
        ({}, ["k"] * 101),
    ],
)
def test_what_cannot_be_a_tag_is_refused(desk: Desk, tags: dict[str, str], remove: list[str]) -> None:
    folder = desk.run("sdk")
    with pytest.raises(Problem) as caught:
        desk.do(lambda tx: tag(tx, RunTag(run_id=folder.run_id, tags=tags, remove=remove)))
    assert caught.value.status == 2 and entries(desk) == []


def test_a_note_has_a_length(desk: Desk) -> None:
    folder = desk.run("sdk")
    with pytest.raises(Problem, match="20,000"):
        noted(desk, folder.run_id, "x" * 20_001)
    with pytest.raises(Problem):
        noted(desk, "nothing", "x")


def test_a_secret_is_masked_before_it_reaches_the_ledger(desk: Desk) -> None:
    folder = desk.run("sdk")
    secret = "password=hunter2hunter2"
    assert "hunter2" not in noted(desk, folder.run_id, f"run with {secret}").note
    assert "hunter2" not in str(entries(desk))


def test_a_malformed_entry_of_a_foreign_ledger_changes_nothing_and_stops_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    folder = desk.run("sdk", tags={"a": "1"})
    desk.append("run.tag", {"run_id": folder.run_id, "set": ["x"], "remove": {"a": 1}})
    desk.append("run.tag", {"run_id": folder.run_id, "set": {"n": 5}, "remove": [7]})
    (shape,) = runs.shapes(desk.read(), [folder.run_id])
    assert shape["tags"] == {"a": "1"} and desk.rebuilt(tmp_path / "again.duckdb") == []


def test_many_runs_are_marked_by_one_command_or_none_is(desk: Desk) -> None:
    a, b, c = (desk.run("sdk", tags=tags).run_id for tags in ({"x": "0"}, {"x": "1"}, {}))
    found = desk.do(lambda tx: tag(tx, RunTag(run_id=a, more=[b, c[:31], a], tags={"x": "1"})))
    assert (found.changed, found.unchanged) == ([a, c], [b])
    assert found.run_id == a and found.tags == {"x": "1"}
    with pytest.raises(Problem, match="no run"):
        desk.do(lambda tx: tag(tx, RunTag(run_id=a, more=["nothing"], tags={"x": "2"})))
    with pytest.raises(Problem) as typed:
        desk.do(lambda tx: tag(tx, RunTag(run_id=a, more=["x=2"], remove=["x"])))
    assert typed.value.hint == "a tag is set by --tag x=2"
    desk.do(lambda tx: note(tx, RunNote(run_id=a, more=[b, c], text="seen")))
    assert [entry["verb"] for entry in entries(desk)] == ["run.tag"] * 2 + ["run.note"] * 3
    plan = plan_undo(desk.read("ann"), LedgerUndo())
    assert "and 2 more of the same command" in plan.title
    desk.do(lambda tx: undo(tx, LedgerUndo()))
    assert finds(desk, "has:note") == []


def test_many_runs_and_tags_are_typed_as_words() -> None:
    found = parameters(RunTag)
    command = click.Command(
        "tag", params=[click_parameter(one) for one in found if not one.fill], callback=lambda **given: given
    )
    words = ["0192f", "0193a", "--tag", "owner=ann", "--tag", "note=a=b", "--remove", "draft"]
    given = command.main(words, standalone_mode=False)
    assert collect(found, given) == {
        "run_id": "0192f",
        "more": ["0193a"],
        "tags": {"owner": "ann", "note": "a=b"},
        "remove": ["draft"],
    }
    with pytest.raises(click.UsageError):
        command.main(["0192f", "--tag", "owner"], standalone_mode=False)
