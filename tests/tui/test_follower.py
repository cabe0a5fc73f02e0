"""The thread that follows the daemon's events lives through whatever ends the line, and a screen that was left through a late answer."""

from __future__ import annotations

import asyncio
import http.client
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from whole_app import frame, play, until

import mlops_tui.tui.news
from mlops_store.home import Home
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.news import Follower, News

ENDS = [
    http.client.IncompleteRead(b""),
    http.client.BadStatusLine("?"),
    msgspec.DecodeError("cut off"),
    OSError("reset"),
    ValueError("I/O operation on closed file"),
]


def test_whatever_ends_the_line_is_told_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = list(ENDS)

    def broken(*_: Any, **__: Any) -> Any:
        raise coming.pop(0) if coming else OSError("none")

    monkeypatch.setattr(mlops_tui.tui.news, "connect", broken)
    monkeypatch.setattr(mlops_tui.tui.news, "RETRY", (0.001,))

    async def follow() -> list[News]:
        told: list[News] = []
        follower = Follower(SimpleNamespace(home=Home(tmp_path), awake=True), told.append, 0.001)  # type: ignore[arg-type]
        async with asyncio.timeout(30):
            while coming or not told:
                await asyncio.sleep(0.005)
        follower.stop()
        return told

    told = asyncio.run(follow())
    assert told and not any(news.connected for news in told) and all(news.why for news in told)


def test_a_long_copy_on_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    async def steps(pilot: Pilot[Any], app: MlopsApp) -> None:
        monkeypatch.setattr(Path, "write_text", full)
        app.yank("x" * 200_000, "the row")
        await until(pilot, lambda: "No space left" in frame(app).replace("\n", " "))

    play(tmp_path, {}, steps)
