"""Home at three sizes: what it shows where there is room, and what it asks for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import screen_answers as answers
from textual.pilot import Pilot
from whole_app import Given, frame, play, until

from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.news import News
from mlops_tui.verbs._declare import Page

GIVEN: Given = {
    "status": lambda _: answers.status(),
    "monitor show": lambda asked: answers.months(asked["model"]),
    "run list": lambda _: Page(items=answers.runs(), total=3),
    "ledger list": lambda _: Page(items=answers.entries(), total=13),
}


def asked(app: MlopsApp, key: str) -> list[dict[str, Any]]:
    return [fields for each, fields in app.link.asked if each == key]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "shown", "not_shown"),
    [
        ((80, 24), ["over batches", "0.7800 → 0.7400", "✓✓✓✓▲"], ["latest runs", "PSI over"]),
        ((120, 36), ["over batches", "┤", "2013-08", "ledger", "champion: v1 → v2"], ["latest runs"]),
        ((200, 50), ["over batches", "┤", "PSI over its band", "██ 3.1", "latest runs", "late-7", "proposal ✓ approved"], ["0.7800 → 0.7400"]),
    ],
)  # fmt: skip
def test_the_room_there_is_is_used(
    tmp_path: Path, size: tuple[int, int], shown: list[str], not_shown: list[str]
) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: shown[0] in frame(app))
        await pilot.pause()
        text = frame(app)
        assert all(each in text for each in shown), text
        assert not any(each in text for each in not_shown), text
        boards = app.screen.query_one("#boards")
        assert boards.virtual_size.height <= boards.size.height, f"it has to be scrolled:\n{text}"
        assert "daemon  ✓" in text and "live runs 1" in text

    play(tmp_path, GIVEN, steps, screen="home", size=size)


def test_batches_and_decisions_are_asked_for_when_the_ledger_has_changed(tmp_path: Path) -> None:
    """Not for each point of a run; and the batches are those of the model at the cursor."""

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        screen: Any = app.screen
        await until(pilot, lambda: "latest runs" in frame(app))
        assert [each["model"] for each in asked(app, "monitor show")] == ["late"]
        for number in range(3):
            screen.hear(News(runs={"r1"}))
            await until(pilot, lambda number=number: len(asked(app, "status")) == number + 2)  # type: ignore[misc]
            await pilot.pause()
        assert len(asked(app, "monitor show")) == len(asked(app, "ledger list")) == 1
        screen.hear(News(entries=[("data.admit", "flights/flights@4")]))
        await until(pilot, lambda: len(asked(app, "ledger list")) == 2)
        await pilot.press("j", "j", "j")
        await until(pilot, lambda: "fresh over batches" in frame(app))
        assert [each["model"] for each in asked(app, "monitor show")] == ["late", "late", "fresh"]

    play(tmp_path, GIVEN, steps, screen="home", size=(200, 50))


def test_a_decision_opens_what_it_is_about(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "latest runs" in frame(app))
        await pilot.press("G", "j", "G", "enter")
        await until(pilot, lambda: bool(asked(app, "proposal show")))
        assert {"id": "prop-1"}.items() <= asked(app, "proposal show")[0].items()

    play(tmp_path, GIVEN, steps, screen="home", size=(200, 50))


def test_another_size_is_another_layout(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        await until(pilot, lambda: "0.7800 → 0.7400" in frame(app))
        before = frame(app)
        await pilot.resize_terminal(200, 50)
        await until(pilot, lambda: "latest runs" in frame(app) and "PSI over" in frame(app))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: frame(app) == before)
        assert len(asked(app, "status")) == 1

    play(tmp_path, GIVEN, steps, screen="home")
