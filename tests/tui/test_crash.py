"""An app that fails leaves a report without secrets, and says where."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mlops_store.home import Home
from mlops_tui.tui.app import MlopsApp
from mlops_tui.tui.crash import report, words
from mlops_tui.tui.settings import Settings, look


def test_the_report_has_the_traceback_and_no_values(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()

    def fails() -> None:
        password = "hunter2-and-more"  # noqa: F841 - what a traceback with locals would show
        raise ValueError("the screen broke")

    try:
        fails()
    except ValueError as error:
        path = report(home, error, "RunsRoom")
        assert path is not None
        text = path.read_text()
        assert "ValueError: the screen broke" in text and "RunsRoom" in text
        assert "hunter2-and-more\n" not in text.replace('password = "hunter2-and-more"', "")
        assert str(path) in words(error, path) and "the screen broke" in words(error, path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_exception_of_the_app_ends_it_with_a_report(served_home: Home) -> None:
    served_home.create()
    app = MlopsApp(served_home, (None, None), look(Settings(), environ={}))

    def broken() -> None:
        raise RuntimeError("no such thing")

    async def scenario() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            app.call_later(broken)
            await pilot.pause(0.2)

    with pytest.raises(RuntimeError, match="no such thing"):
        asyncio.run(scenario())
    assert app.return_code == 1
    [found] = (served_home.path / "tui").glob("crash-*.txt")
    assert "RuntimeError: no such thing" in found.read_text()
