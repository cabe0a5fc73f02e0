"""The ledger's screen: an entry as a page, its JSON a key away, and the way to what it is about."""

from __future__ import annotations

from typing import Any

import pytest
from test_rooms import Given, Stand, frame, play, until
from textual.pilot import Pilot

from mlops_tui.tui.screens.ledger import LedgerRoom
from mlops_tui.tui.writers import ledger as write
from mlops_tui.verbs._declare import Page
from mlops_tui.verbs.ledger import Entry

RUN = "0192f3a4c5d6e7f8091a2b3c4d5e6f70"


def entry(verb: str, seq: int = 7, **data: Any) -> Entry:
    return Entry(
        seq=seq,
        time=1_700_000_000_000,
        actor="ann",
        verb=verb,
        subject="air/late",
        data=data,
        why="better on May",
        hash="abc",
    )


MOVE = entry(
    "alias.move", project="air", model="late", alias="champion", **{"from": 1, "to": 2, "rollback": False}
)


@pytest.mark.parametrize(
    ("row", "about"),
    [
        (MOVE, "alias:late@champion"),
        (entry("run.settle", run_id=RUN, state="FINISHED"), f"run:{RUN}"),
        (entry("run.tag", run_id=RUN), f"run:{RUN}"),
        (entry("model.register", model="late", version=3, run_id=RUN), "model:late@3"),
        (entry("gate.verdict", model="late", version=None, run_id=RUN), f"run:{RUN}"),
        (entry("data.admit", source="flights", version=4, run_id=None), "data:flights@4"),
        (entry("view.define", view="weather", version=2), "feature:weather@2"),
        (entry("proposal.decide", id="prop-1"), "proposal:prop-1"),
        (entry("firing.add", firing_id="f", proposal_id="prop-2"), "proposal:prop-2"),
        (entry("policy.set", model="late"), "model:late"),
        (entry("project.add", name="air"), ""),
        (entry("alias.move"), ""),
    ],
)
def test_an_entry_leads_to_what_it_is_about(row: Entry, about: str) -> None:
    assert write.entity(row) == about


def test_an_entry_is_a_page_of_what_who_when_why_before_and_after() -> None:
    shown = write.entry(MOVE, 78).plain
    for words in (
        "an alias was moved",
        "who      ann",
        "2023-11-14",
        "better on May",
        "version 1",
        "version 2",
        "mlops-tui ledger undo 7",
    ):
        assert words in shown, shown
    tagged = entry(
        "run.tag", run_id=RUN, set={"owner": "ann"}, remove=["draft"], before={"owner": None, "draft": "yes"}
    )
    assert write.changes(tagged) == [("owner", None, "ann"), ("draft", "yes", None)]
    assert write.changes(entry("run.note", before="", text="seen")) == [("note", None, "seen")]
    hostile = entry("run.tag", run_id=RUN, set=["x"], remove={"a": 1}, before=5)
    assert write.changes(hostile) == [] and "[/red]" in write.entry(entry("\x1b[31m[/red]", x="y"), 40).plain


def test_enter_reads_it_and_a_key_shows_the_json() -> None:
    async def keys(pilot: Pilot[None], app: Stand) -> None:
        await until(pilot, lambda: "alias.move" in frame(app))
        assert app.room.entity() == "alias:late@champion"
        await pilot.press("enter")
        await until(pilot, lambda: "JSON" in frame(app) and "an alias was moved" in frame(app))
        await pilot.press("equals_sign")
        await until(pilot, lambda: '"alias": "champion"' in frame(app))
        await pilot.press("equals_sign")
        await until(pilot, lambda: '"alias"' not in frame(app) and "an alias was moved" in frame(app))

    given: Given = {"ledger list": lambda _: Page(items=[MOVE], total=1)}
    play(LedgerRoom(), given, keys, size=(100, 36))
